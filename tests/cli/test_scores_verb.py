"""`synther scores`: every seed's last score of a preset's runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from synther.cli import main
from synther.experiments import Experiments


def leave_a_run(path: str) -> None:
    """Write what a run of two seeds, two evaluations and two episodes leaves at `path`."""
    _, preset, _, dataset, source, agent, _ = path.split("/")
    rows = pd.DataFrame(
        [
            {"seed": seed, "step": step, "episode": episode, "score": 10.0 * seed + step + episode}
            for seed in (0, 1)
            for step in (5, 9)
            for episode in (0, 1)
        ]
    ).assign(preset=preset, dataset=dataset, source=source, agent=agent, length=1)
    rows["return"] = rows["score"]
    Path(path).parent.mkdir(parents=True)
    rows.to_parquet(path)


def test_scores_of_all_runs_that_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    runs = [run.result for run in Experiments("quick").plan("table1").runs()][:3]
    for path in runs:
        leave_a_run(path)
    assert main(["scores", "--preset", "quick"]) == 0
    assert "scores.csv: 6 scores of 3 of the preset's " in capsys.readouterr().out
    found = pd.read_csv("results/quick/scores.csv")
    assert len(found) == 3 * 2
    assert set(found["step"]) == {9}
    np.testing.assert_allclose(found["score"], 10.0 * found["seed"] + 9.5)


def test_no_results_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: Callable[..., str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "snakemake results/quick/scores.csv" in refused("scores", "--preset", "quick")
    assert "must end in .csv" in refused("scores", "--preset", "quick", "--out", "scores.txt")
