"""K diffusion models in one batched computation are K single ones."""

import numpy as np
import pytest
import torch

from synther.errors import SyntherError
from synther.generators.diffusion import Diffusion, DiffusionSettings
from synther.generators.diffusion.stacked import StackedDiffusion
from synther.jobs.checkpoint import Checkpoint
from synther.transitions import Transitions

D, A = 3, 2
SEEDS = [5, 0, 9]
TINY = {"width": 16, "depth": 2, "dim_t": 8, "steps": 60, "batch_size": 32, "sampling_steps": 6}


def transitions(seed, n=150):
    rng = np.random.default_rng(seed)
    s, a = rng.normal(size=(n, D)) * [1, 5, 0.1], rng.uniform(-1, 1, (n, A))
    terminal = rng.random(n) < 0.2
    return Transitions(s, a, 3 * s[:, 0], s + 0.1 * rng.normal(size=(n, D)), terminal)


def stacked(**changes):
    model = StackedDiffusion(DiffusionSettings(**{**TINY, **changes}), (D, A))
    rows = torch.stack([torch.as_tensor(transitions(seed).packed()) for seed in SEEDS])
    model.fit(rows, SEEDS)
    return model


@pytest.mark.parametrize(
    "changes", [{}, {"model_terminals": False, "normalise_rewards": False}, {"weight_decay": 0.1}]
)
def test_each_model_learns_and_samples_what_it_does_alone(changes):
    model = stacked(**changes)
    found = model.sample(50, [1, 2, 3], chunk=20)
    assert found.shape == (3, 50, 2 * D + A + 2)
    for k, (seed, noise) in enumerate(zip(SEEDS, [1, 2, 3], strict=True)):
        alone = Diffusion(DiffusionSettings(**{**TINY, **changes}))
        alone.fit(transitions(seed), seed=seed, progress=False)
        rows = Transitions.concatenate(alone.sample_chunks(50, noise, chunk=20)).packed()
        np.testing.assert_allclose(found[k].numpy(), rows, rtol=1e-3, atol=1e-3)
        mean = alone._fitted()[1].mean
        torch.testing.assert_close(model._learned[1].mean[k, 0], mean, rtol=0, atol=0)
    assert not np.allclose(found[0], found[1])


def test_terminals_are_thresholded_or_left():
    flags = stacked().sample(200, [0, 1, 2])[..., -1]
    assert set(flags.unique().tolist()) <= {0.0, 1.0}
    assert flags.mean() > 0
    raw = stacked(threshold_terminals=None).sample(200, [0, 1, 2])[..., -1]
    assert len(raw.unique()) > 100
    assert (stacked(model_terminals=False).sample(9, [0, 1, 2])[..., -1] == 0).all()


def test_a_resumed_training_ends_the_same(tmp_path):
    whole = stacked().sample(20, SEEDS)

    class Cut(Exception):
        pass

    saved = []

    class Often(Checkpoint):
        def due(self):
            saved.append(0)
            return len(saved) % 25 == 0

        def save(self, state):
            super().save(state)
            raise Cut

    model = StackedDiffusion(DiffusionSettings(**TINY), (D, A))
    rows = torch.stack([torch.as_tensor(transitions(seed).packed()) for seed in SEEDS])
    for _ in range(2):
        with pytest.raises(Cut):
            model.fit(rows, SEEDS, Often(tmp_path / "fit.ckpt", {}))
    model.fit(rows, SEEDS, Checkpoint(tmp_path / "fit.ckpt", {}))
    torch.testing.assert_close(model.sample(20, SEEDS), whole, rtol=0, atol=0)


class Ended(Exception):
    """What a signal does to a job."""


def test_sampling_that_is_ended_goes_on_at_the_next_chunk(tmp_path, monkeypatch):
    monkeypatch.setenv("SYNTHER_CHECKPOINT_INTERVAL", "0")
    model = stacked()
    whole = model.sample(50, SEEDS, chunk=20)
    save = Checkpoint.save

    def save_and_end(self, state):
        save(self, state)
        raise Ended

    path = tmp_path / "x.ckpt"
    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "save", save_and_end)
        for done in (20, 40):
            with pytest.raises(Ended):
                model.sample(50, SEEDS, chunk=20, checkpoint=Checkpoint(path, {}))
            assert Checkpoint(path, {}).load()["done"] == done
    found = model.sample(50, SEEDS, chunk=20, checkpoint=Checkpoint(path, {}))
    assert torch.equal(found, whole)


def test_refusals():
    model = StackedDiffusion(DiffusionSettings(**TINY), (D, A))
    with pytest.raises(SyntherError, match="not fitted"):
        model.sample(3, SEEDS)
    rows = torch.zeros(3, 10, 2 * D + A + 2)
    rows[1, 2, 3] = torch.nan
    with pytest.raises(SyntherError, match="NaN or infinite"):
        model.fit(rows, SEEDS)
