"""`synther plan` asks Snakemake: what it counts is what Snakemake would run, whoever added it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from test_dag import copy_workflow, environment, planned, snakemake

from synther.planning.resources import TOLD

RULES = """
rule distil:
    input:
        "results/{preset}/offline/{dataset}/real/{agent}/seeds-0-3.parquet",
    output:
        "results/{preset}/distilled/{dataset}/{agent}.npz",
    threads: 2
    resources:
        mem_mb=9500,
        runtime=30,
        gpu=1,
        updates=7000,
        output_bytes=2_000_000_000,
    shell:
        "touch {output}"


rule replay:
    input:
        "results/{preset}/distilled/{dataset}/{agent}.npz",
    output:
        "results/{preset}/replayed/{dataset}/{agent}.csv",
    resources:
        **asks(
            lambda plan, w: costs.Cost(
                (costs.Work("env_steps", plan.rows(w.dataset), "hopper"),), memory_mb=1500
            )
        ),
    shell:
        "touch {output}"
"""
AGENT = """
  newcomer:
    module: my_agents.newcomer
    title: Newcomer
    settings: {steps: 3000, hidden: [512, 512]}
"""


def synther(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "synther.cli", *arguments],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
    )


def plan(folder: Path, *arguments: str) -> dict:
    done = synther(folder, "plan", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_rules_and_agents_of_ones_own_are_planned(tmp_path: Path) -> None:
    """Neither is named anywhere else."""
    folder = copy_workflow(tmp_path)
    with open(folder / "Snakefile", "a", encoding="utf-8") as file:
        file.write(RULES)
    with open(folder / "config/agents.yaml", "a", encoding="utf-8") as file:
        file.write(AGENT)
    target = "results/quick/replayed/hopper-medium-local/newcomer.csv"
    rules = plan(folder, target, "--device", "cuda")["rules"]
    assert {rule: row["jobs"] for rule, row in rules.items()} == dict.fromkeys(
        ("collect_dataset", "train_offline", "distil", "replay"), 1
    )
    own = rules["distil"]
    assert (own["updates"], own["disk_gb"], own["memory_gb"]) == (7000, 2, 9)
    assert (own["gpu_hours"], own["cpu_hours"]) == (0.5, 1)  # no estimate: its time limit
    assert rules["replay"]["environment_steps"] == 20_000  # the preset's rows
    assert rules["replay"]["cpu_hours"] == pytest.approx((20_000 / 13_000 + 4) / 3600, rel=1e-3)
    quick = plan(folder, "results/quick/offline/hopper-medium-local/real/td3_bc/seeds-0-3.parquet")
    trained = quick["rules"]["train_offline"]["updates"]
    assert rules["train_offline"]["updates"] == trained > 0  # the preset's steps


@pytest.mark.parametrize("targets", [["figures/quick/table1.pdf"], ["figures/quick/vd4rl.pdf"]])
def test_a_plan_is_the_dry_run_s(targets: list[str], tmp_path: Path) -> None:
    folder = copy_workflow(tmp_path)
    done = snakemake(folder, *targets, "-n", "--quiet", "rules")
    theirs = planned(done.stdout + done.stderr)
    del theirs["total"]
    ours = plan(folder, *targets)["rules"]
    assert {rule: row["jobs"] for rule, row in ours.items()} == theirs


def test_what_a_setting_touches_is_planned_anew(tmp_path: Path) -> None:
    """Results are there, as Snakemake made them: `--touch` records what they were made with."""
    folder = copy_workflow(tmp_path)
    target = "results/quick/offline/hopper-medium-local/real/td3_bc/seeds-0-3.parquet"
    for file in ("data/quick/local/hopper-medium-local.hdf5", target, target[:-7] + "json"):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).touch()
    assert snakemake(folder, "--cores", "1", "--touch", "--force", target).returncode == 0
    before = plan(folder, target)
    assert (before["done"], before["total"]["jobs"]) == (2, 0)
    agents = folder / "config/agents.yaml"
    agents.write_text(agents.read_text().replace("alpha: 2.5", "alpha: 3.5"))
    assert plan(folder, target)["rules"]["train_offline"]["jobs"] == 1
    said = synther(folder, "status", target).stdout
    assert "1 done, 1 left of 2 jobs" in said
    assert "1 of these have their files already" in said
    (advised,) = re.findall(r"`snakemake (.*)` says which", said)
    dry = snakemake(folder, *advised.split())
    assert planned(dry.stdout + dry.stderr) == {"train_offline": 1, "total": 1}


def test_a_rule_that_is_wrong_is_named(tmp_path: Path) -> None:
    folder = copy_workflow(tmp_path)
    with open(folder / "Snakefile", "a", encoding="utf-8") as file:
        file.write("\n\nrule mine:\n    output:\n        nonsense,\n")
    done = synther(folder, "plan")
    assert done.returncode == 1
    assert re.match(r"NameError in file \S+Snakefile\W, line \d+", done.stderr), done.stderr
    assert "nonsense" in done.stderr
    assert "synther plan: Snakemake can't plan this" in done.stderr


def test_what_jobs_do_is_no_scheduler_s_business(tmp_path: Path) -> None:
    """It is counted for plans; it neither limits a submitted job nor is asked for."""
    pytest.importorskip(
        "snakemake_executor_plugin_cluster_generic", reason="pip install 'synther[dev]'"
    )
    folder = copy_workflow(tmp_path / "run")
    refuse = tmp_path / "refuse"
    refuse.write_text(f'#!/bin/sh\ncp "$1" {tmp_path}/job.sh\nexit 1\n')
    refuse.chmod(0o755)
    target = "data/quick/local/hopper-medium-local.hdf5"
    submit = ("--executor", "cluster-generic", "--cluster-generic-submit-cmd", str(refuse))
    assert snakemake(folder, target, "--jobs", "1", *submit).returncode == 1
    _, properties, command = (tmp_path / "job.sh").read_text().split("\n", 2)
    resources = json.loads(properties.partition(" = ")[2])["resources"]
    assert resources["environment_steps"] == 20_000
    assert not [name for name in TOLD if name in command]


@pytest.mark.parametrize("name", ["slurm", "slurm_jobstep", "kubernetes"])
def test_executors_know_none_of_the_names_of_what_jobs_do(name: str) -> None:
    module = f"snakemake_executor_plugin_{name}"
    plugin = pytest.importorskip(module, reason="pip install 'synther[slurm,kubernetes]'")
    text = "".join(path.read_text() for path in Path(plugin.__file__).parent.glob("*.py"))
    assert not re.findall(rf"[\"'.]({'|'.join(TOLD)})\b", text)
