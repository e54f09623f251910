"""The check of one shipped cell: what it looks at, and what it takes for agreement."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    """Return what the script defines."""
    return runpy.run_path(str(ROOT / "tests/workflow/check_reference.py"))


def test_the_cell_is_shipped_and_looked_at_where_both_have_an_evaluation(
    script: dict[str, Any], tmp_path: Path
) -> None:
    mean, std = script["score"](ROOT / script["cell"]())
    assert 35 < mean < 60  # of cloning the rows and better
    assert std > 0
    rows = pd.DataFrame(
        {"seed": [0, 0, 1, 1, 0], "step": [script["STEPS"]] * 4 + [9], "score": [1, 3, 5, 7, 100]}
    )
    rows.to_parquet(tmp_path / "rows.parquet")
    assert script["score"](tmp_path / "rows.parquet") == (4.0, pytest.approx(8**0.5))
    with pytest.raises(SystemExit, match="is not there"):
        script["score"](tmp_path / "other.parquet")


def test_the_copy_ends_at_that_evaluation(script: dict[str, Any], tmp_path: Path) -> None:
    script["set_up"](ROOT, tmp_path)
    text = (tmp_path / "config/presets/known.yaml").read_text(encoding="utf-8")
    preset = yaml.safe_load(text)
    assert preset["agents"]["steps"] == script["STEPS"] == preset["agents"]["eval_every"]
    assert (tmp_path / "Snakefile").exists()
