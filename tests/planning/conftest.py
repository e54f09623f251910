"""What the tests of plans share."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The workflow in a folder of its own, where no result or benchmark of the checkout counts."""
    for part in ("Snakefile", "workflow", "config", "environment.yml"):
        (tmp_path / part).symlink_to(ROOT / part)
    monkeypatch.chdir(tmp_path)
    return tmp_path
