"""The released code's checkpoints, against a plain one-file version of its network."""

from __future__ import annotations

import errno
import math
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
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


def without_average(content: dict) -> None:
    del content["ema"]


def doubled(content: dict) -> None:
    content["ema"]["module.ema_model.net.proj.bias"] = torch.zeros(DIM_T)


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
        (without_average, "no averaged weights; it has step, model, opt, scaler: give model-STEP"),
        (lambda content: {"ema": {"a": 1}}, "'ema' of .* holds no averaged weights; it has a: "),
        (lambda content: [1, 2], "it holds a list"),
        (doubled, "has both ema_model.net.proj.bias and module.ema_model.net.proj.bias"),
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
    with pytest.raises(SyntherError, match=r"names posix\.mkdir: .* code is never run") as found:
        load_released(path, D, A)
    assert not trace.exists()
    assert "\x1b" not in str(found.value)
    assert "weights_only" not in str(found.value)


def renamed(part: Callable[[str], str]) -> Change:
    """Return what renames the averaged weights, leaving the rest."""

    def change(content: dict) -> None:
        state = content["ema"]
        for name in [name for name in state if name.startswith("ema_model.")]:
            state[part(name)] = state.pop(name)

    return change


def own(content: dict) -> dict:
    """Return the averaged model's own state_dict."""
    state = content["ema"]
    prefix = "ema_model."
    return {n.removeprefix(prefix): v for n, v in state.items() if n.startswith(prefix)}


def with_numpy(content: dict) -> dict:
    about = {"step": np.int64(1000), "loss": np.float32(0.5), "losses": np.arange(3.0)}
    return content | about | {"best": np.bool_(True)}


@pytest.mark.parametrize(
    "change",
    [
        renamed(lambda name: f"module.{name}"),
        renamed(lambda name: name.replace("ema_model.", "ema_model.module.")),
        renamed(lambda name: name.replace("net.", "net._orig_mod.")),
        renamed(lambda name: f"_orig_mod.module.{name}"),
        lambda content: content["ema"],
        own,
        lambda content: {f"module.{name}": value for name, value in own(content).items()},
        lambda content: content | {"ema": own(content)},
        with_numpy,
    ],
)
def test_the_averaged_weights_are_found_under_other_names(
    plain: Plain, tmp_path: Path, change: Change, capsys: pytest.CaptureFixture[str]
) -> None:
    model = load_released(checkpoint(plain, tmp_path / "m.pt", change), D, A)
    sigma, x = torch.ones(3), torch.randn(3, 10)
    with torch.inference_mode():
        torch.testing.assert_close(model.denoise(x, sigma), plain.denoise(x, sigma))
    # Of a state_dict alone it can't be told which of the two models it is
    names = torch.load(tmp_path / "m.pt", weights_only=False)
    is_bare = "ema" not in names and not any("ema_model" in name for name in names)
    assert ("taken for averaged" in capsys.readouterr().err) == is_bare


def test_numbers_of_an_older_numpy_are_read(plain: Plain, tmp_path: Path) -> None:
    new = checkpoint(plain, tmp_path / "new.pt", with_numpy)
    path = tmp_path / "old.pt"
    with zipfile.ZipFile(new) as there, zipfile.ZipFile(path, "w") as here:
        for member in there.namelist():
            content = there.read(member)
            if member.endswith("data.pkl"):
                assert b"numpy._core." in content
                content = content.replace(b"numpy._core.", b"numpy.core.")
            here.writestr(member.replace("new/", "old/"), content)
    assert load_released(path, D, A).settings.steps == 1000


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "pointer of Git LFS"),
        (b"<!DOCTYPE html>", "a web page"),
        (b"", "cut short"),
    ],
)
def test_what_is_no_archive_is_named(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "m.pt"
    path.write_bytes(content)
    with pytest.raises(SyntherError, match=words):
        load_released(path, D, A)


def test_the_older_format_of_torch_is_named(tmp_path: Path) -> None:
    path = tmp_path / "m.pt"
    torch.save({"ema": {}}, path, _use_new_zipfile_serialization=False)
    with pytest.raises(SyntherError, match=r"format of torch before 1\.6"):
        load_released(path, D, A)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (OSError(errno.EIO, "Input/output error"), "Input/output error"),
        (MemoryError(), "does not fit the memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "does not fit the memory"),
        (torch.OutOfMemoryError("CUDA out of memory"), "does not fit the memory"),
        (torch.AcceleratorError("CUDA error: busy"), "can't go to the device"),
    ],
)
@pytest.mark.parametrize("read", ["released", "own"])
def test_a_fault_of_the_machine_is_not_taken_for_the_file_s(
    plain: Plain,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fault: Exception,
    words: str,
    read: str,
) -> None:
    path = checkpoint(plain, tmp_path / "model.pt")

    def fail(*args: object, **options: object) -> None:
        raise fault

    monkeypatch.setattr(torch, "load", fail)
    with pytest.raises(SyntherError, match=words) as found:
        load_released(path, D, A) if read == "released" else Diffusion.load(tmp_path)
    assert "damaged" not in str(found.value)
    assert "give model-STEP" not in str(found.value)


@pytest.mark.parametrize("cut", [0, 100, 5000])
def test_damaged_files(plain: Plain, tmp_path: Path, cut: int) -> None:
    path = checkpoint(plain, tmp_path / "m.pt")
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(SyntherError, match=r"cut short|parts do not fit"):
        load_released(path, D, A)
