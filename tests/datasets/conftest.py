"""A folder of made-up policies, and downloads that are tried again at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from random_policies import random_policy


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("synther.datasets.download.WAIT_S", 0.0)


@pytest.fixture
def tiny_policies(tmp_path: Path) -> Path:
    """Return a folder with four random policies of hopper and their (made-up) returns."""
    folder = tmp_path / "policies/hopper"
    folder.mkdir(parents=True)
    returns = {"p_1": 10.0, "p_2": 350.0, "p_9": 900.0, "p_10": 600.0}
    for seed, name in enumerate(returns):
        np.savez(folder / f"{name}.npz", **random_policy(11, 3, seed))  # type: ignore[arg-type]
    entries = ", ".join(f'"{name}": {{"return_mean": {value}}}' for name, value in returns.items())
    (folder / "returns.json").write_text(f'{{"returns": {{{entries}}}}}')
    return folder.parent
