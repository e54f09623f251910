"""The explicit augmentations, against their definitions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from synther.errors import SyntherError
from synther.generators import make_generator, remaining_chunks
from synther.generators.noise import Noise, NoiseSettings
from synther.transitions import Transitions


@pytest.fixture
def data() -> Transitions:
    """Rows that can be told apart by their reward."""
    generator = np.random.default_rng(0)
    n = 50
    return Transitions(
        generator.normal(3.0, [1.0, 5.0], (n, 2)),
        generator.uniform(-1, 1, (n, 1)),
        np.arange(n),
        generator.normal(2.0, [2.0, 3.0], (n, 2)),
        generator.integers(0, 2, n),
    )


def sampled(data: Transitions, kind: str, scale: float) -> tuple[Transitions, Transitions]:
    samples = Noise(NoiseSettings(kind, scale)).fit(data).sample(20_000, seed=1)
    return samples, data[samples.rewards.astype(int)]


@pytest.mark.parametrize("kind", ["additive", "multiplicative", "dynamics"])
def test_actions_rewards_and_terminals_are_real_rows(data: Transitions, kind: str) -> None:
    samples, origin = sampled(data, kind, 0.2)
    assert np.array_equal(samples.actions, origin.actions)
    assert np.array_equal(samples.terminals, origin.terminals)


def test_additive_noise_has_the_scale_and_is_shared(data: Transitions) -> None:
    samples, origin = sampled(data, "additive", 0.2)
    noise = samples.observations - origin.observations
    np.testing.assert_allclose(
        samples.next_observations - origin.next_observations, noise, atol=1e-5
    )
    np.testing.assert_allclose(noise.mean(axis=0), 0.0, atol=0.02)
    np.testing.assert_allclose(noise.std(axis=0), 0.2 * data.observations.std(axis=0), rtol=0.03)


def test_multiplicative_noise_scales_both_states(data: Transitions) -> None:
    samples, origin = sampled(data, "multiplicative", 0.3)
    factor = samples.observations / origin.observations
    np.testing.assert_allclose(
        samples.next_observations, factor * origin.next_observations, rtol=1e-3
    )
    assert factor.min() >= 0.7 - 1e-4
    assert factor.max() <= 1.3 + 1e-4
    np.testing.assert_allclose(factor.std(axis=0), 0.3 / np.sqrt(3), rtol=0.03)


def test_dynamics_noise_scales_the_change(data: Transitions) -> None:
    samples, origin = sampled(data, "dynamics", 0.5)
    assert np.array_equal(samples.observations, origin.observations)
    change = origin.next_observations - origin.observations
    factor = (samples.next_observations - samples.observations) / change
    assert factor.min() >= 0.5 - 1e-2
    assert factor.max() <= 1.5 + 1e-2


def test_same_seed_same_rows_after_a_file(data: Transitions, tmp_path: Path) -> None:
    noise = make_generator("noise", {"kind": "dynamics", "scale": 0.5}).fit(data)
    noise.save(tmp_path)
    loaded = Noise.load(tmp_path)
    n = Noise.chunk + 10
    one, two = noise.sample(n, seed=5), loaded.sample(n, seed=5)
    assert len(one) == n
    assert np.array_equal(one.packed(), two.packed())
    assert not np.array_equal(one.packed(), noise.sample(n, seed=6).packed())


def test_bad_settings_and_files_are_refused(data: Transitions, tmp_path: Path) -> None:
    with pytest.raises(SyntherError, match="additive"):
        Noise(NoiseSettings("additiv"))
    with pytest.raises(SyntherError, match="above 0"):
        Noise(NoiseSettings("additive", 0.0))
    with pytest.raises(SyntherError, match="no data"):
        Noise().sample(3)
    Noise().fit(data).save(tmp_path)
    (tmp_path / "model.pt").write_bytes(b"no model")
    with pytest.raises(SyntherError, match=r"model\.pt"):
        Noise.load(tmp_path)


class Forgetful(Noise):
    """A generator that can't begin in the middle."""

    def sample_chunks(self, n: int, seed: int = 0) -> Iterator[Transitions]:  # type: ignore[override]
        return super().sample_chunks(n, seed)


@pytest.mark.parametrize("kind", [Noise, Forgetful])
def test_sampling_goes_on_at_any_part(
    data: Transitions, monkeypatch: pytest.MonkeyPatch, kind: type[Noise]
) -> None:
    monkeypatch.setattr(Noise, "chunk", 10)
    fitted = kind().fit(data)
    whole = Transitions.concatenate(remaining_chunks(fitted, 35, 4, 0))
    rest = list(remaining_chunks(fitted, 35, 4, 2))
    assert [len(part) for part in rest] == [10, 5]
    np.testing.assert_array_equal(Transitions.concatenate(rest).packed(), whole.packed()[20:])
