"""The loss of denoisers on given transitions, against a plain computation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from synther.errors import SyntherError
from synther.generators import make_generator
from synther.generators.diffusion.model import LEVELS
from synther.generators.diffusion.trainer import LOSS_NOISE, stream
from synther.transitions import Transitions

TINY = {"width": 16, "depth": 1, "dim_t": 8, "steps": 40, "batch_size": 32}


def rows(n, seed=0):
    rng = np.random.default_rng(seed)
    s, a = rng.normal(size=(n, 2)), rng.uniform(-1, 1, (n, 1))
    return Transitions(s, a, 3 + s[:, 0], s + a, rng.random(n) < 0.2)


def test_a_diffusion_is_measured_as_the_paper_has_it():
    model = make_generator("diffusion", TINY).fit(rows(300), progress=False)
    held_out = rows(70, seed=1)
    y = model.normalised(held_out)
    noise = stream("cpu", 5, LOSS_NOISE)
    expected = []
    for place in range(LEVELS):
        z = stats.norm.ppf((place + 0.5) / LEVELS)
        sigma = torch.tensor([np.exp(-1.2 + 1.2 * z)], dtype=torch.float32)
        n = torch.randn((1, 70, 8), generator=noise)[0, :, 1:]
        with torch.no_grad():
            denoised = model.denoise(y + sigma * n, sigma)
        weight = (sigma**2 + 1) / sigma**2  # eq. 8 with sigma_data 1
        expected.append((weight * (denoised - y).square().mean(dim=1)).mean().item())
    assert model.losses(held_out, seed=5) == pytest.approx(expected, rel=1e-5)


def test_it_is_the_expected_loss_of_training():
    model = make_generator("diffusion", TINY).fit(rows(300), progress=False)
    network, _ = model._fitted()
    held_out = rows(4000, seed=1)
    draws = torch.randn((1, 4000, 8), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        drawn = model.trainer_type.loss(
            network, model.settings, model.normalised(held_out)[None], draws
        )
    assert np.mean(model.losses(held_out)) == pytest.approx(drawn.item(), rel=0.03)


@pytest.mark.parametrize("name", ["diffusion", "flow", "prioritised"])
def test_parts_and_seeds_and_other_models(name, monkeypatch):
    data, held_out = rows(300), rows(90, seed=1)
    model = make_generator(name, TINY).fit(data, progress=False)
    found = model.losses(held_out)
    assert found == model.losses(held_out) != model.losses(held_out, seed=1)
    assert np.isfinite(found).all()
    monkeypatch.setattr(type(model), "chunk", 40)
    assert np.mean(model.losses(held_out)) == pytest.approx(np.mean(found), rel=0.1)
    longer = make_generator(name, TINY | {"steps": 600}).fit(data, progress=False)
    assert np.mean(longer.losses(held_out)) < np.mean(found)


def test_only_a_fitted_model_of_the_same_widths_has_one():
    with pytest.raises(SyntherError, match="is not fitted"):
        make_generator("diffusion", TINY).losses(rows(10))
    model = make_generator("diffusion", TINY).fit(rows(50), progress=False)
    other = Transitions(
        *(np.zeros((5, 3)), np.zeros((5, 1)), np.zeros(5)), np.zeros((5, 3)), np.zeros(5)
    )
    with pytest.raises(SyntherError, match=r"widths \(3, 1\), the model \(2, 1\)"):
        model.losses(other)
