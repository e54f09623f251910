"""The workflow on a real SLURM of one node: killed jobs and a crashed node change no byte."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import local_slurm
import pytest
import yaml
from test_dag import copy_workflow, environment, snakemake

RESULTS = "results/quick/offline/hopper-medium-local"
TARGETS = [
    f"{RESULTS}/{run}/seeds-0-1.parquet"
    for run in ("real/td3_bc", "real/iql", "synther/td3_bc", "real-10pct/td3_bc")
]
STEPS = 4000
DEADLINE_S = 300  # many times what it takes alone
SNAKEMAKE = [
    *(sys.executable, "-m", "snakemake", "--profile", "workflow/profiles/slurm"),
    *("--slurm-no-account", "--slurm-status-command", "squeue"),  # there are no accounts
    *("--slurm-init-seconds-before-status-checks", "8"),
]


def small(folder: Path) -> Path:
    """A copy of the workflow whose quick preset takes seconds a job, long enough to be killed."""
    copy_workflow(folder)
    path = folder / "config/presets/quick.yaml"
    quick = yaml.safe_load(path.read_text())
    quick |= {"rows": 1000, "seeds": 2, "seeds_per_job": 2, "samples": 500, "reduced": {}}
    quick["agents"] |= {"steps": STEPS, "eval_every": STEPS // 2, "eval_episodes": 1}
    quick["agents"] |= {"hidden": [16, 16]}
    quick["per_agent"]["iql"]["steps"] = 4 * STEPS  # still at it when another was killed
    quick["generators"]["diffusion"] |= {"width": 32, "steps": 40, "sampling_steps": 4}
    path.write_text(yaml.safe_dump(quick))
    return folder


def until(found: Callable[[], Any]) -> Any:
    """Return what is found, once it is."""
    deadline = time.monotonic() + DEADLINE_S
    while not (result := found()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return result


def saved_by(folder: Path, output: str) -> int | None:
    """Return the process that trains towards an output and has left a checkpoint."""
    there = (folder / output).with_suffix(".ckpt").exists()
    return process_of(folder, output) if there else None


def process_of(folder: Path, output: str) -> int | None:
    """Return the process that trains towards an output of a checkout, not the shells above it."""
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (place / "cmdline").read_bytes().decode(errors="replace").split("\0")
            here = os.path.realpath(place / "cwd") == str(folder.resolve())
            if here and output in words and "train" in words:
                return int(place.name)
    return None


def log_of(output: str) -> Path:
    return Path(output.replace("results/", "logs/", 1)).with_suffix(".log")


def slurm_jobs() -> list[dict[str, str]]:
    """Return what SLURM knows of every job."""
    done = subprocess.run(
        ["scontrol", "-o", "show", "jobs"], capture_output=True, text=True, check=True
    )
    return [dict(re.findall(r"(\w+)=(\S*)", line)) for line in done.stdout.splitlines()]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator:
    if reason := local_slurm.missing():
        pytest.skip(f"no SLURM here: {reason}")
    pytest.importorskip("snakemake_executor_plugin_slurm", reason="pip install 'synther[slurm]'")
    with local_slurm.LocalCluster(tmp_path / "slurm") as running:
        yield running


def test_what_goes_to_the_gpus_takes_one(tmp_path: Path) -> None:
    pytest.importorskip("snakemake_executor_plugin_slurm", reason="pip install 'synther[slurm]'")
    target = "figures/small_data.pdf"  # noise as well as a model
    done = snakemake(
        copy_workflow(tmp_path), "-n", "--profile", "workflow/profiles/slurm", target, "--config",
        "device=cuda",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    asked = re.findall(r"^ +resources: (.*)$", done.stdout, re.MULTILINE)
    sent = {
        ("slurm_partition=gpu" in text, "gpu_model=" in text, "gpu=1" in text) for text in asked
    }
    assert sent == {(True, True, True), (False, False, False)}


@pytest.mark.slow
def test_killed_jobs_and_a_crashed_node_change_no_byte(cluster, tmp_path: Path) -> None:
    there, here = small(tmp_path / "there"), small(tmp_path / "here")
    log = tmp_path / "snakemake.log"
    with open(log, "w", encoding="utf-8") as written:
        driver = subprocess.Popen(
            [*SNAKEMAKE, *TARGETS],
            cwd=there,
            env=environment(there) | {"SYNTHER_CHECKPOINT_INTERVAL": "0.2"},
            stdout=written,
            stderr=subprocess.STDOUT,
        )
    try:
        # the node's daemon dies under a job, which runs on and is found again
        until(lambda: (there / "logs/quick/collect/hopper-medium-local.log").exists())
        cluster.kill_daemon()
        cluster.start_node()
        # a job is killed, and tried again by Snakemake
        killed = until(lambda: saved_by(there, TARGETS[0]))
        os.kill(killed, signal.SIGKILL)
        until(lambda: any(job.get("JobState") == "FAILED" for job in slurm_jobs()))
        # the node crashes with its jobs, which SLURM puts back into its queue
        until(lambda: any(saved_by(there, target) for target in TARGETS[1:]))
        cluster.crash_node()
        cluster.start_node()
        # meanwhile the same without SLURM, undisturbed
        local = snakemake(here, *TARGETS)
        assert local.returncode == 0, local.stdout + local.stderr
        assert driver.wait(timeout=DEADLINE_S) == 0, log.read_text()
    finally:
        if driver.poll() is None:
            driver.kill()
            driver.wait()
        print(log.read_text())
    for target in TARGETS:
        assert (there / target).read_bytes() == (here / target).read_bytes(), target

    # the killed job went on from its checkpoint
    (left,) = re.findall(r": ([\d,]+) \w+ to go", (there / log_of(TARGETS[0])).read_text())
    assert int(left.replace(",", "")) < STEPS

    jobs = slurm_jobs()
    assert any(int(job["Restarts"]) for job in jobs)  # SLURM requeued what was on the node
    on_gpus = [job for job in jobs if job["Partition"] == "gpu"]
    assert {job["TresPerJob"] for job in on_gpus} == {"gres:gpu:a100:1"}
    assert {job["TimeLimit"] for job in jobs} == {"00:10:00", "00:20:00"}  # more when tried again
    # collecting and a share of it in one submission, a fit, its samples, four runs, and one again
    assert len(jobs) == 8
