"""A tiny dataset, and a small generator fitted to it, made by the command line itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from synther.cli import main


@pytest.fixture(scope="session")
def hopper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a dataset of 300 random rows of hopper."""
    path = tmp_path_factory.mktemp("data") / "hopper-random.hdf5"
    wanted = ["--task", "hopper", "--level", "random", "--rows", "300", "--threads", "1"]
    assert main(["collect", *wanted, "--out", str(path)]) == 0
    return path


@pytest.fixture(scope="session")
def fitted(hopper: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a small diffusion model of the dataset."""
    out = tmp_path_factory.mktemp("model") / "synther"
    settings = ["steps=30", "width=32", "depth=1", "dim_t=16", "sampling_steps=4"]
    pairs = [text for setting in settings for text in ("--set", setting)]
    wanted = ["--data", str(hopper), "--out", str(out), "--threads", "1", "--device", "cpu"]
    assert main(["fit", *wanted, *pairs]) == 0
    return out


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Return run(*arguments): a command that must fail with a message, and no traceback."""

    def run(*arguments: object) -> str:
        capsys.readouterr()
        assert main([str(argument) for argument in arguments]) == 1
        err = capsys.readouterr().err
        assert f"synther {arguments[0]}: " in err
        assert "Traceback" not in err
        return err

    return run
