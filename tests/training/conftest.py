"""Fixtures of the tests of training."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder of the test's own, as checkpoints lie beside results."""
    monkeypatch.chdir(tmp_path)
