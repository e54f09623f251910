"""The check of one row against the shipped reference: what it takes for agreement."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from synther.experiments import Experiments
from synther.verification.trees import compare_trees

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    """Return what the script defines."""
    return runpy.run_path(str(ROOT / "tests/workflow/check_reference.py"))


def leave(folder: Path, script: dict[str, Any], means: dict[str, float]) -> Path:
    """Write a row of four seeds with these mean scores by source, and a spread of 5."""
    for run in Experiments("reference").runs("small_data"):
        if run.source in means:
            seeds = np.arange(4)
            rows = pd.DataFrame({"seed": seeds, "score": means[run.source] + 5.0 * (seeds - 1.5)})
            names = {name: getattr(run, name) for name in ("preset", "dataset", "source", "agent")}
            rows = rows.assign(**names, step=9, episode=0, length=1)
            rows["return"] = rows["score"]
            path = folder / run.result
            path.parent.mkdir(parents=True, exist_ok=True)
            rows.to_parquet(path)
            path.with_suffix(".json").write_text("{}")
    return folder


def test_agreement_is_of_every_source(script: dict[str, Any], tmp_path: Path) -> None:
    real, synther = script["SOURCES"]
    shipped = leave(tmp_path / "shipped", script, {real: 10.0, synther: 30.0})
    for name, means, expected in (
        ("same", {real: 10.0, synther: 30.0}, True),
        ("noise", {real: 12.0, synther: 27.0}, True),
        ("moved", {real: 10.0, synther: 10.0}, False),
        ("incomplete", {real: 10.0}, False),
    ):
        found = compare_trees(shipped, leave(tmp_path / name, script, means), 500)
        assert script["agrees"](found) is expected, name
        if name != "incomplete":
            assert script["shows"](found) is (name != "moved"), name


def test_the_row_is_one_of_the_preset_and_is_copied(script: dict[str, Any], tmp_path: Path) -> None:
    root = leave(tmp_path / "root", script, dict.fromkeys(script["SOURCES"], 1.0))
    for part in script["NEEDED"]:
        (root / part).mkdir()
    files = script["row_files"](root)
    assert len(files) == 2
    shipped = script["set_up"](root, tmp_path / "scratch", files)
    assert all((shipped / path).is_file() for path in files)
    assert (tmp_path / "scratch/Snakefile").exists()
    (root / files[0]).unlink()
    with pytest.raises(SystemExit, match="is not shipped"):
        script["row_files"](root)
