"""The released code's checkpoints, against a plain one-file version of its network."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest
import torch
from released_checkpoint import DEPTH, DIM_T, WIDTH, A, Change, D, Plain, checkpoint

from synther.errors import SyntherError
from synther.generators.diffusion import Diffusion
from synther.generators.diffusion.released import load_released


@pytest.fixture
def plain() -> Plain:
    torch.manual_seed(0)
    return Plain()


def test_outputs_equal_theirs(plain: Plain, tmp_path: Path) -> None:
    model = load_released(checkpoint(plain, tmp_path / "model-1000.pt"), D, A)
    sigma = torch.logspace(math.log10(0.002), math.log10(80), 50)
    x = torch.randn(50, 10) * (1 + sigma[:, None])
    with torch.inference_mode():
        ours, theirs = model.denoise(x, sigma), plain.denoise(x, sigma)
    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)
    # It is the averaged model, and far from the one that was in training
    assert (ours - x / (sigma[:, None] ** 2 + 1)).abs().max() > 0.05
    settings = model.settings
    assert (settings.width, settings.depth, settings.dim_t) == (WIDTH, DEPTH, DIM_T)
    assert (settings.fourier_features, settings.steps) == (16, 1000)
    assert settings.model_terminals
    assert settings.normalise_rewards
    trained = [p for p in plain.parameters() if p.requires_grad]
    assert model.num_parameters == sum(p.numel() for p in trained)


def test_samples_are_in_their_units_and_survive_saving(plain: Plain, tmp_path: Path) -> None:
    model = load_released(checkpoint(plain, tmp_path / "model-1000.pt"), D, A)
    rows = model.normalised(model.sample(4))
    x = torch.as_tensor(model.sample(4).packed())
    theirs = (x - plain.normalizer.mean) / plain.normalizer.std
    torch.testing.assert_close(rows, theirs, rtol=1e-6, atol=1e-6)
    model.save(tmp_path / "model")
    again = Diffusion.load(tmp_path / "model")
    sigma = torch.tensor([1.0])
    assert torch.equal(again.denoise(theirs, sigma), model.denoise(theirs, sigma))


def test_models_without_terminals_or_with_plain_rewards(tmp_path: Path) -> None:
    torch.manual_seed(1)
    online = Plain(2 * D + A + 1)
    online.normalizer.mean[D + A], online.normalizer.std[D + A] = 0.0, 1.0
    model = load_released(checkpoint(online, tmp_path / "model-1.pt"), D, A)
    assert not model.settings.model_terminals
    assert not model.settings.normalise_rewards
    assert not model.sample(3).terminals.any()


def layer_norm(content: dict) -> None:
    content["ema"]["ema_model.net.residual_mlp.network.1.ln.weight"] = torch.ones(WIDTH)


def min_max(content: dict) -> None:
    for old, new in (("mean", "min"), ("std", "max")):
        values = content["ema"].pop(f"ema_model.normalizer.{old}")
        content["ema"][f"ema_model.normalizer.{new}"] = values


def conditional(content: dict) -> None:
    content["ema"]["ema_model.net.proj.weight"] = torch.zeros(DIM_T, 12)


def diverged(content: dict) -> None:
    content["ema"]["ema_model.net.proj.bias"][0] = math.nan


def enormous(content: dict) -> None:
    weight = torch.zeros(1).expand(2**20, 2**20)
    content["ema"]["ema_model.net.residual_mlp.network.0.weight"] = weight


def wide(content: dict) -> None:
    content["ema"]["ema_model.net.residual_mlp.network.0.weight"] = torch.zeros(2**24, 1)


def gap(content: dict) -> None:
    for part in ("weight", "bias"):
        del content["ema"][f"ema_model.net.residual_mlp.network.2.linear.{part}"]


def text(content: dict) -> None:
    content["ema"]["ema_model.net.proj.bias"] = "none"


def flat(content: dict) -> None:
    content["ema"]["ema_model.normalizer.std"][0] = 0.0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (layer_norm, "layer norm"),
        (min_max, "min-max normaliser"),
        (conditional, "is conditional"),
        (diverged, "NaN or infinite"),
        (enormous, "claims"),
        (wide, "expected"),
        (gap, "lacks|has net"),
        (text, "lacks"),
        (flat, "not above 0"),
        (lambda content: content["model"], "no averaged weights"),
        (lambda content: [1, 2], "no averaged weights"),
    ],
)
def test_what_is_no_such_model_is_refused(
    plain: Plain, tmp_path: Path, change: Change, words: str
) -> None:
    path = checkpoint(plain, tmp_path / "model-1.pt", change)
    with pytest.raises(SyntherError, match=words) as found:
        load_released(path, D, A)
    assert str(path) in str(found.value)


def test_another_task_is_refused(plain: Plain, tmp_path: Path) -> None:
    path = checkpoint(plain, tmp_path / "model-1.pt")
    with pytest.raises(SyntherError, match="width 10; the task's have 27"):
        load_released(path, 11, 3)


class Harmful:
    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.trace),)


def test_code_in_a_file_is_never_run(plain: Plain, tmp_path: Path) -> None:
    trace = tmp_path / "ran"
    path = checkpoint(plain, tmp_path / "m.pt", lambda content: content | {"x": Harmful(trace)})
    with pytest.raises(SyntherError, match="can be read safely"):
        load_released(path, D, A)
    assert not trace.exists()


@pytest.mark.parametrize("cut", [0, 100, 5000])
def test_damaged_files(plain: Plain, tmp_path: Path, cut: int) -> None:
    path = checkpoint(plain, tmp_path / "m.pt")
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(SyntherError, match="not a checkpoint"):
        load_released(path, D, A)
