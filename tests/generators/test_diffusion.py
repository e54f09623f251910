import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from synther.config import load, validate
from synther.config.settings import resolve
from synther.errors import SyntherError
from synther.generators import Generator, make_generator
from synther.generators.diffusion import Diffusion, DiffusionSettings
from synther.generators.diffusion.trainer import RowOrder
from synther.jobs.checkpoint import Checkpoint
from synther.transitions import FIELDS, Transitions

TINY = DiffusionSettings(width=16, depth=2, dim_t=8, steps=30, batch_size=32, sampling_steps=4)


def correlated(n=2000, seed=0):
    """Rows of width 2 * 2 + 1 + 2 = 7: everything hangs together; a fifth are terminal."""
    rng = np.random.default_rng(seed)
    s = rng.normal(size=(n, 2)) * [1.0, 20.0] + [3.0, -5.0]
    a = 0.5 * (s[:, :1] - 3.0) + 0.5 * rng.normal(size=(n, 1))
    r = s[:, 1] / 20 + 0.3 * rng.normal(size=n)
    s_next = s + np.concatenate([a, 10 * rng.normal(size=(n, 1))], axis=1)
    return Transitions(s, a, r, s_next, rng.random(n) < 0.2)


def equal(one, other):
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in FIELDS)


@pytest.fixture(scope="module")
def data():
    return correlated()


@pytest.fixture(scope="module")
def tiny(data):
    return Diffusion(TINY).fit(data, seed=1, progress=False)


def test_shapes_and_protocol(tiny):
    assert isinstance(tiny, Generator)
    t = tiny.sample(10)
    assert t.observations.shape == t.next_observations.shape == (10, 2)
    assert t.actions.shape == (10, 1)
    assert t.rewards.shape == t.terminals.shape == (10,)
    assert tiny.num_parameters == (17 * 8 + 8) + (8 * 8 + 8) + (7 * 8 + 8) + (8 * 16 + 16) + 2 * (
        16 * 16 + 16
    ) + (16 * 7 + 7)


def test_denoise_takes_one_level_or_one_each(tiny):
    x = torch.randn(6, 7)
    one = tiny.denoise(x, torch.tensor([0.5]))
    assert one.shape == (6, 7)
    torch.testing.assert_close(one, tiny.denoise(x, torch.full((6,), 0.5)))


def test_seeds(data, tiny):
    assert equal(tiny.sample(20, seed=3), tiny.sample(20, seed=3))
    assert not equal(tiny.sample(20, seed=3), tiny.sample(20, seed=4))
    again = Diffusion(TINY).fit(data, seed=1, progress=False)
    assert equal(tiny.sample(20), again.sample(20))
    other = Diffusion(TINY).fit(data, seed=2, progress=False)
    assert not equal(tiny.sample(20), other.sample(20))
    with pytest.raises(SyntherError, match="negative"):
        tiny.sample(5, seed=-1)


def test_global_random_state_is_left_alone(data):
    before = torch.get_rng_state()
    Diffusion(TINY).fit(data, progress=False, steps=2).sample(3)
    assert torch.equal(before, torch.get_rng_state())


def test_chunks(tiny):
    parts = list(tiny.sample_chunks(25, seed=5, chunk=10))
    assert [len(part) for part in parts] == [10, 10, 5]
    assert not np.array_equal(parts[0].rewards, parts[1].rewards)
    resumed = list(tiny.sample_chunks(25, seed=5, chunk=10, first=1))
    assert all(equal(one, other) for one, other in zip(parts[1:], resumed, strict=True))
    whole = Transitions.concatenate(tiny.sample_chunks(5000, seed=5))
    assert equal(whole, tiny.sample(5000, seed=5))
    with pytest.raises(SyntherError, match="0 rows"):
        next(tiny.sample_chunks(0))


def test_terminals_are_binary(data, tiny):
    assert set(np.unique(tiny.sample(500).terminals)) <= {0.0, 1.0}
    raw = Diffusion(TINY).fit(data, progress=False, steps=5, threshold_terminals=None)
    assert len(np.unique(raw.sample(50).terminals)) > 2


def test_terminals_left_out(data):
    model = Diffusion(TINY).fit(data, progress=False, steps=5, model_terminals=False)
    assert not model.sample(50).terminals.any()
    assert model.denoise(torch.zeros(1, 6), torch.ones(1)).shape == (1, 6)


def test_rewards_left_as_they_are(data):
    model = Diffusion(TINY).fit(data, progress=False, steps=2, normalise_rewards=False)
    _, normaliser = model._fitted()
    assert (normaliser.mean[3], normaliser.std[3]) == (0, 1)
    assert (normaliser.mean[6], normaliser.std[6]) == (0, 1)
    assert normaliser.mean[0] != 0


def test_overrides(data):
    model = Diffusion(TINY).fit(data, progress=False, steps=3, learning_rate=1e-3, width=8)
    expected = dataclasses.replace(TINY, steps=3, learning_rate=1e-3, width=8)
    assert model.settings == expected
    with pytest.raises(SyntherError, match="did you mean width"):
        model.fit(data, progress=False, widht=8)
    with pytest.raises(SyntherError, match="must be at least 1"):
        model.fit(data, progress=False, steps=0)


def test_settings_refuse_nonsense():
    for wrong in ({"fourier_features": 3}, {"sigma_min": 90.0}, {"betas": (0.9, 1.0)}):
        with pytest.raises(SyntherError, match=next(iter(wrong))):
            DiffusionSettings(**wrong)


def test_batch_size_follows_the_dataset():
    assert DiffusionSettings().batch_size_for(799_999) == 256
    assert DiffusionSettings().batch_size_for(800_000) == 1024
    assert DiffusionSettings(batch_size=7).batch_size_for(800_000) == 7


@pytest.mark.parametrize("batch", [3, 10, 25])
def test_every_row_once_an_epoch(batch):
    order = RowOrder(10, batch, seed=0, device=torch.device("cpu"))
    taken = torch.cat([order.batch(step) for step in range(20)])
    assert len(taken) == 20 * batch
    epochs = taken[: len(taken) // 10 * 10].view(-1, 10)
    assert all(torch.equal(epoch.sort().values, torch.arange(10)) for epoch in epochs)
    assert not torch.equal(epochs[0], epochs[1])
    late = RowOrder(10, batch, seed=0, device=torch.device("cpu"))
    assert torch.equal(late.batch(19), order.batch(19))


def test_save_and_load(tiny, tmp_path):
    tiny.save(tmp_path / "model")
    loaded = Diffusion.load(tmp_path / "model")
    assert loaded.settings == tiny.settings
    assert loaded.num_parameters == tiny.num_parameters
    assert equal(loaded.sample(50, seed=2), tiny.sample(50, seed=2))
    readable = json.loads((tmp_path / "model/settings.json").read_text())
    assert readable["settings"]["width"] == 16
    assert sorted(p.name for p in (tmp_path / "model").iterdir()) == ["model.pt", "settings.json"]


def test_damaged_or_missing_model(tiny, tmp_path):
    with pytest.raises(SyntherError, match="does not exist"):
        Diffusion.load(tmp_path)
    tiny.save(tmp_path)
    file = tmp_path / "model.pt"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(SyntherError, match="damaged"):
        Diffusion.load(tmp_path)


def test_unfitted_and_unfit(data):
    for use in (lambda m: m.sample(1), lambda m: m.num_parameters, lambda m: m.save("x")):
        with pytest.raises(SyntherError, match="not fitted"):
            use(Diffusion(TINY))
    with pytest.raises(SyntherError, match="too few"):
        Diffusion(TINY).fit(data[:1], progress=False)
    with pytest.raises(SyntherError, match="can't be used"):
        Diffusion(TINY, device="cuda:99")


def test_few_rows_and_constant_columns():
    n = 5
    t = Transitions(np.ones((n, 2)), np.zeros((n, 1)), np.full(n, 7), np.ones((n, 2)), np.zeros(n))
    sample = Diffusion(TINY).fit(t, progress=False).sample(20)
    np.testing.assert_allclose(sample.rewards, 7, atol=0.01)
    np.testing.assert_allclose(sample.observations, 1, atol=0.01)


def test_diverging_loss_names_the_step(data):
    with pytest.raises(SyntherError, match=r"(nan|inf) at step \d+: look"):
        Diffusion(TINY).fit(data, progress=False, learning_rate=1e30)


def test_non_finite_samples_are_refused(data):
    model = Diffusion(TINY).fit(data, progress=False, steps=1)
    model._fitted()[0].flat.fill_(float("nan"))
    with pytest.raises(SyntherError, match="NaN"):
        model.sample(5)


class Interrupted(Checkpoint):
    """Saves after every 65 steps, and kills the job at the second save."""

    kill = True

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.asked = self.saves = 0

    def due(self):
        self.asked += 1
        return self.asked % 65 == 0

    def save(self, state):
        super().save(state)
        self.saves += 1
        if self.kill and self.saves == 2:
            raise KeyboardInterrupt


def test_interrupted_fit_goes_on_to_the_same_weights(data, tmp_path):
    checkpoint = Interrupted(tmp_path / "fit.ckpt", {"seed": 1})
    # More steps than EMA copies for, so that averaging is interrupted, too
    settings = {"steps": 170, "weight_decay": 0.01}
    straight = Diffusion(TINY).fit(data, seed=1, progress=False, **settings)
    with pytest.raises(KeyboardInterrupt):
        Diffusion(TINY).fit(data, seed=1, progress=False, checkpoint=checkpoint, **settings)
    checkpoint.kill = False
    resumed = Diffusion(TINY).fit(data, seed=1, progress=False, checkpoint=checkpoint, **settings)
    assert checkpoint.asked == 170  # 130 before the interruption, 40 after it
    assert torch.equal(straight._fitted()[0].flat, resumed._fitted()[0].flat)
    assert equal(straight.sample(10), resumed.sample(10))


def test_registry():
    model = make_generator("diffusion", {"width": 32})
    assert isinstance(model, Diffusion)
    assert model.settings == DiffusionSettings(width=32)
    with pytest.raises(SyntherError, match="did you mean diffusion"):
        make_generator("difusion")
    with pytest.raises(SyntherError, match="did you mean width"):
        make_generator("diffusion", {"widht": 32})


def test_registry_does_not_import_torch():
    code = "import sys, synther.generators; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_configured_settings_are_complete_and_the_defaults():
    spec = load("sources")["sources"]["synther"]
    assert set(spec["settings"]) == {f.name for f in dataclasses.fields(DiffusionSettings)}
    resolved = resolve(DiffusionSettings, spec["settings"], where="sources.yaml")
    assert resolved == DiffusionSettings()


def test_schema_refuses_misspelt_keys():
    for wrong in ({"generatr": "diffusion"}, {"generator": "diffusion"}, {"settings": {}}):
        with pytest.raises(SyntherError):
            validate({"sources": {"synther": wrong}}, "sources", "sources.yaml")


@pytest.mark.slow
def test_learns_a_correlated_distribution():
    data = correlated(8000)
    model = Diffusion().fit(
        data,
        progress=False,
        width=64,
        depth=3,
        steps=2500,
        batch_size=256,
        sampling_steps=24,
        learning_rate=1e-3,
    )
    real, made = data.packed()[:, :-1], model.sample(8000)
    fake = made.packed()[:, :-1]
    std = real.std(axis=0)
    np.testing.assert_allclose((fake.mean(axis=0) - real.mean(axis=0)) / std, 0, atol=0.05)
    np.testing.assert_allclose(fake.std(axis=0) / std, 1, atol=0.06)
    np.testing.assert_allclose(np.corrcoef(fake.T), np.corrcoef(real.T), atol=0.05)
    assert made.terminals.mean() == pytest.approx(0.2, abs=0.03)
    # s' = s + (a, noise): the first component holds row by row
    miss = made.next_observations[:, 0] - made.observations[:, 0] - made.actions[:, 0]
    assert np.abs(miss).mean() < 0.1
