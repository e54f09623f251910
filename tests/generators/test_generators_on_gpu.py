"""Generators on a GPU: they learn as on a CPU, their models go from one to the other."""

import numpy as np
import pytest
import torch
from test_dynamics_generator import TINY as DYNAMICS
from test_dynamics_generator import linear
from test_stacked import SEEDS, TINY, A, D, transitions

from synther.generators import make_generator
from synther.generators.diffusion import Diffusion, DiffusionSettings
from synther.generators.diffusion.stacked import StackedDiffusion
from synther.generators.diffusion.trainer import Trainer
from synther.jobs.checkpoint import Checkpoint
from synther.tensors.graphed import GraphedCall
from synther.transitions import Transitions

pytestmark = pytest.mark.gpu
GPU = "cuda"
EXACT = {"precision": "float32"}
KINDS = {
    "diffusion": (TINY | EXACT, transitions(0)),
    "flow": (TINY | EXACT, transitions(0)),
    "dynamics": (DYNAMICS, linear(60)),
}


def fitted(kind, device, checkpoint=None):
    settings, data = KINDS[kind]
    model = make_generator(kind, settings, device=device)
    return model.fit(data, seed=1, progress=False, checkpoint=checkpoint)


def test_a_denoiser_learns_what_it_does_on_a_cpu():
    settings = DiffusionSettings(**TINY | EXACT)
    rows = torch.as_tensor(transitions(0).packed())
    here, there = Trainer(rows, settings, 3), Trainer(rows.to(GPU), settings, 3)
    assert torch.equal(here.network.flat, there.network.flat.cpu())
    chosen, losses = here._minibatch, []
    for trainer in (here, there):
        device = trainer.network.flat.device
        noise = torch.Generator().manual_seed(0)

        def minibatch(device=device, noise=noise, trainer=trainer):
            here.done = trainer.done
            drawn = torch.randn(1, settings.batch_size, 2 * D + A + 3, generator=noise)
            return chosen()[0].to(device), drawn.to(device)

        trainer._minibatch = minibatch
        for _ in range(20):
            trainer.step()
        losses.append(torch.stack(trainer._losses).cpu())
    torch.testing.assert_close(losses[1], losses[0], rtol=1e-3, atol=0)
    moved = (there.ema.average.cpu() - here.ema.average).abs().mean()
    assert moved < 1e-5


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_is_the_same_twice_and_draws_the_same_rows(kind):
    one, other = fitted(kind, GPU), fitted(kind, GPU)
    assert torch.equal(one._fitted()[0].flat, other._fitted()[0].flat)
    rows = [
        Transitions.concatenate(model.sample_chunks(70, 2, chunk=30)).packed()
        for model in (one, other)
    ]
    np.testing.assert_array_equal(*rows)
    assert np.isfinite(rows[0]).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_of_a_gpu_draws_on_a_cpu_from_the_same_distribution(kind, tmp_path):
    there = fitted(kind, GPU)
    there.save(tmp_path / "model.pt")
    here = type(there).load(tmp_path / "model.pt")
    back = type(there).load(tmp_path / "model.pt", GPU)
    assert torch.equal(here._fitted()[0].flat, there._fitted()[0].flat.cpu())
    n = 4000
    rows = [
        Transitions.concatenate(model.sample_chunks(n, seed=3)).packed() for model in (here, back)
    ]
    spread = rows[0].std(axis=0) + 1e-6
    assert (np.abs(rows[0].mean(axis=0) - rows[1].mean(axis=0)) < 6 * spread / n**0.5).all()
    np.testing.assert_allclose(rows[1].std(axis=0), spread, rtol=0.15, atol=1e-3)


def test_losses_of_a_model_do_not_depend_on_the_device(tmp_path):
    there, data = fitted("diffusion", GPU), transitions(9)
    there.save(tmp_path / "model.pt")
    here = Diffusion.load(tmp_path / "model.pt")
    np.testing.assert_allclose(there.losses(data), here.losses(data), rtol=1e-4)


class Cut(Exception):
    """What ends a training in a test."""


class Often(Checkpoint):
    """Saves after every few questions, and ends then."""

    asked = 0

    def due(self):
        Often.asked += 1
        return Often.asked % 13 == 0

    def save(self, state):
        super().save(state)
        raise Cut


@pytest.mark.parametrize("kind", KINDS)
def test_a_fit_that_is_cut_ends_in_the_same_bytes(kind, tmp_path):
    whole = fitted(kind, GPU)
    for _ in range(2):
        with pytest.raises(Cut):
            fitted(kind, GPU, Often(tmp_path / "fit.ckpt", {}, GPU))
    again = fitted(kind, GPU, Checkpoint(tmp_path / "fit.ckpt", {}, GPU))
    assert torch.equal(again._fitted()[0].flat, whole._fitted()[0].flat)


@pytest.mark.parametrize("kind", KINDS)
def test_a_graph_computes_what_calls_do(kind, monkeypatch):
    whole = fitted(kind, GPU)
    monkeypatch.setattr(GraphedCall, "_on_gpu", lambda self, call, inputs: call(inputs))
    assert torch.equal(fitted(kind, GPU)._fitted()[0].flat, whole._fitted()[0].flat)


def test_models_side_by_side_are_each_alone():
    model = StackedDiffusion(DiffusionSettings(**TINY | EXACT), (D, A))
    each = [transitions(seed) for seed in SEEDS]
    model.fit(torch.stack([torch.as_tensor(rows.packed()) for rows in each]).to(GPU), SEEDS)
    found = model.sample(50, [1, 2, 3], chunk=20).cpu().numpy()
    for k, (seed, noise) in enumerate(zip(SEEDS, [1, 2, 3], strict=True)):
        alone = Diffusion(DiffusionSettings(**TINY | EXACT), GPU)
        alone.fit(each[k], seed=seed, progress=False)
        rows = Transitions.concatenate(alone.sample_chunks(50, noise, chunk=20)).packed()
        np.testing.assert_allclose(found[k], rows, rtol=1e-2, atol=1e-2)


def test_products_are_rounded_where_the_settings_say_so():
    data, losses = transitions(0), {}
    for precision in ("float32", "tf32"):
        settings = TINY | {"precision": precision, "width": 256, "batch_size": 128}
        model = Diffusion(DiffusionSettings(**settings), GPU).fit(data, seed=1, progress=False)
        losses[precision] = model.losses(data)
    assert losses["tf32"] != losses["float32"]
    np.testing.assert_allclose(losses["tf32"], losses["float32"], rtol=0.1)
