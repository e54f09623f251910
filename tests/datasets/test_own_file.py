"""A dataset of one's own, at a `file://` address: copied, and copied again once it has changed."""

from __future__ import annotations

import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from synther.datasets.download import download
from synther.errors import SyntherError


def write(path: Path, rows: int) -> bytes:
    with h5py.File(path, "w") as file:
        file["rewards"] = np.zeros(rows)
    return path.read_bytes()


@pytest.fixture
def mine(tmp_path: Path, edit_config) -> Path:
    """A file that a dataset's entry names, without size or checksum."""
    path = tmp_path / "mine.hdf5"
    entry = f"  my-hopper: {{kind: d4rl, task: hopper, url: 'file://{path}'}}\n"
    edit_config("datasets.yaml", "\ndatasets:\n", f"\ndatasets:\n{entry}")
    return path


def test_it_is_copied_again_once_it_is_newer(mine: Path, tmp_path: Path, capsys) -> None:
    first = write(mine, 3)
    copied = download("my-hopper", tmp_path / "data")
    assert copied.read_bytes() == first
    download("my-hopper", tmp_path / "data")
    assert "has changed" not in capsys.readouterr().err
    second = write(mine, 5)
    os.utime(mine, (2**31, 2**31))
    assert download("my-hopper", tmp_path / "data").read_bytes() == second != first
    assert "has changed" in capsys.readouterr().err


def test_it_is_looked_for_nowhere_else(mine: Path, tmp_path: Path) -> None:
    with pytest.raises(SyntherError, match="could not be downloaded") as caught:
        download("my-hopper", tmp_path / "data")
    assert "huggingface" not in str(caught.value)
