"""OGBench in the workflow: what the paper's preset plans, and a row of the quick one for real."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import yaml
from test_dag import copy_workflow, planned, snakemake

from synther.errors import SyntherError
from synther.experiments import Experiments
from synther.planning import sizes

TABLES = ("ogbench", "ogbench_goals")


def test_the_paper_preset_plans_downloads_and_both_sources(tmp_path: Path) -> None:
    targets = [f"figures/{name}.pdf" for name in TABLES]
    done = snakemake(copy_workflow(tmp_path), "-n", *targets)
    assert done.returncode == 0, done.stderr
    jobs = planned(done.stdout + done.stderr)
    paper = Experiments("paper")
    groups = [group for name in TABLES for group in paper.plan(name).chosen().values()]
    assert jobs["ogbench_dataset"] == sum(map(len, groups))
    assert jobs["fit_generator"] == len(groups[0]) + 2 * len(groups[1])
    assert jobs["train_offline"] == sum(len(paper.plan(name).runs()) for name in TABLES)
    assert "download_dataset" not in jobs


def test_sizes_are_the_benchmarks_own() -> None:
    paper = Experiments("paper")
    assert sizes.transitions(paper, "humanoidmaze-giant-navigate-v0") == 4_000_000
    assert sizes.transitions(paper, "hopper-medium-replay-v2") == 400_000
    assert paper.dataset_file("scene-play-v0") == "data/ogbench/scene-play-v0.hdf5"
    small, large = (
        sizes.memory_mb(paper, f"humanoidmaze-{size}-navigate-v0") for size in ("medium", "giant")
    )
    assert 2 * small - 1000 == pytest.approx(large, abs=2)


def test_an_option_of_the_table_that_it_has_not_is_refused(
    edit_config: Callable[..., Path],
) -> None:
    edit_config("experiments.yaml", "options: {evaluations: 3}  #", "options: {evaluation: 3}  #")
    with pytest.raises(SyntherError, match=r"unknown option 'evaluation'.*mean evaluations"):
        Experiments("paper").table("ogbench")


@pytest.mark.slow
def test_the_quick_rows_are_made_from_the_stand_in(tmp_path: Path) -> None:
    pytest.importorskip("ogbench", reason="OGBench's package is not installed")
    folder = copy_workflow(tmp_path)
    path = folder / "config/presets/quick.yaml"
    quick = yaml.safe_load(path.read_text())
    quick |= {"rows": 2000, "seeds": 2, "seeds_per_job": 2, "samples": 500, "bootstrap_reps": 50}
    quick["agents"] |= {"steps": 40, "hidden": [16, 16]}
    quick["agents"] |= {"eval_every": 10, "eval_episodes": 5}
    quick["per_dataset"], quick["per_agent"] = {}, {}
    quick["experiments"]["ogbench"]["agents"] = ["td3_bc"]
    quick["experiments"]["ogbench_goals"]["agents"] = ["gciql"]
    quick["generators"]["diffusion"] |= {"width": 32, "steps": 40, "sampling_steps": 4}
    path.write_text(yaml.safe_dump(quick))
    done = snakemake(folder, *[f"figures/quick/{name}.md" for name in TABLES])
    assert done.returncode == 0, done.stdout + done.stderr
    results = sorted((folder / "results/quick/offline").rglob("*.parquet"))
    assert len(results) == 2 + 3
    rows = pd.concat([pd.read_parquet(path, use_threads=False) for path in results])
    assert set(rows["return"]) <= {0.0, 1.0}
    assert rows["length"].max() <= 1000
    datasets = {f"pointmaze-medium-navigate-{task}local" for task in ("", "singletask-task1-")}
    assert set(rows["dataset"]) == datasets
    for path in results:
        assert json.loads(path.with_suffix(".json").read_text())["physics"] == "ogbench"
    table = pd.concat([pd.read_csv(folder / f"figures/quick/{name}.csv") for name in TABLES])
    mean = rows[rows["step"] > 10].groupby(["dataset", "source", "agent"])["score"].mean()
    lately = table[table["metric"] == "score_last_3"].set_index(["dataset", "source", "agent"])
    pd.testing.assert_series_equal(lately["mean"].sort_index(), mean, check_names=False)
