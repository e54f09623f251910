"""The online experiments through the real workflow."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
import yaml
from test_dag import copy_workflow, planned, snakemake

ONLINE = ("online", "utd_sweep", "wall_time")


@pytest.fixture
def workflow(tmp_path: Path) -> Path:
    """A copy of the workflow whose quick preset trains online for a few steps on one task."""
    copy_workflow(tmp_path)
    path = tmp_path / "config/presets/quick.yaml"
    quick = yaml.safe_load(path.read_text())
    quick["bootstrap_reps"] = 50
    quick["online"]["tasks"] = ["walker2d"]
    quick["online"]["agents"] |= {
        "steps": 30,
        "random_steps": 10,
        "eval_every": 15,
        "retrain_every": 15,
        "batch_size": 8,
        "hidden": [8],
    }
    for settings in quick["online"]["per_agent"].values():
        settings["diffusion"] |= {"steps": 10, "width": 8, "sampling_steps": 2}
    path.write_text(yaml.safe_dump(quick))
    return tmp_path


def test_dry_run_of_the_paper_counts_every_job(workflow: Path) -> None:
    done = snakemake(workflow, "-n", *[f"figures/{name}.pdf" for name in ONLINE])
    assert done.returncode == 0, done.stderr
    jobs = planned(done.stdout + done.stderr)
    assert jobs["train_online"] == 6 * 3 + 2 * 4  # what the sweep shares is run once
    assert jobs["paper_table"] == 3


@pytest.mark.slow
def test_quick_online_runs_and_reruns_what_a_setting_touches(workflow: Path) -> None:
    targets = [f"figures/quick/{name}.pdf" for name in ONLINE]
    done = snakemake(workflow, *targets)
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ONLINE:
        for suffix in ("pdf", "png", "csv", "tex", "md"):
            assert (workflow / f"figures/quick/{name}.{suffix}").stat().st_size > 0
    results = sorted((workflow / "results/quick/online").rglob("*.parquet"))
    assert len(results) == 3 + 4
    for path in results:
        assert set(pd.read_parquet(path, use_threads=False)["step"]) == {15, 30}
        record = json.loads(path.with_suffix(".json").read_text())
        assert record["refreshes"] == (1 if "synther" in record["agent"] else 0)
    assert not list((workflow / "results").rglob("*.ckpt"))
    table = pd.read_csv(workflow / "figures/quick/utd_sweep.csv")
    assert table[table["row"] == "point"]["x"].tolist() == [1, 5, 10, 20, 40]

    path = workflow / "config/agents.yaml"
    path.write_text(path.read_text().replace("target_subset: 2", "target_subset: 3"))
    touched = planned(snakemake(workflow, "-n", *targets).stdout)
    assert touched["train_online"] == 1
    assert touched["table"] == 3
