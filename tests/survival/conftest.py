"""A tiny dataset."""

from __future__ import annotations

from pathlib import Path

import pytest

from synther.cli import main


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return 400 random rows of hopper."""
    path = tmp_path_factory.mktemp("data") / "hopper.hdf5"
    wanted = ["--task", "hopper", "--level", "random", "--rows", "400", "--threads", "1"]
    assert main(["collect", *wanted, "--out", str(path)]) == 0
    return path
