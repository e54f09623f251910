"""The workflow on a real SLURM of four nodes: whatever befalls its jobs changes no byte."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import local_slurm
import pytest
import yaml
from test_dag import copy_workflow, environment, snakemake

RESULTS = "results/quick/offline/hopper-medium-local"
TARGETS = [
    f"{RESULTS}/{run}/seeds-0-1.parquet"
    for run in (
        *("real/td3_bc", "real/iql", "real-10pct/td3_bc"),
        *("synther/td3_bc", "noise-additive/td3_bc"),
    )
]
STEPS = 3000
DEADLINE_S = 600  # many times what it takes alone
SNAKEMAKE = [
    *(sys.executable, "-m", "snakemake", "--profile", "workflow/profiles/slurm"),
    *("--slurm-init-seconds-before-status-checks", "8", "--verbose"),
]
# One cluster a machine: what stands here runs in one process (pytest-xdist's --dist loadgroup).
pytestmark = pytest.mark.xdist_group("slurm")


def small(folder: Path) -> Path:
    """A copy of the workflow whose quick preset takes seconds a job, long enough to be killed."""
    copy_workflow(folder)
    path = folder / "config/presets/quick.yaml"
    quick = yaml.safe_load(path.read_text())
    quick |= {"rows": 1000, "seeds": 2, "seeds_per_job": 2, "samples": 500, "reduced": {}}
    quick["agents"] |= {"steps": STEPS, "eval_every": STEPS // 2, "eval_episodes": 1}
    quick["agents"] |= {"hidden": [16, 16]}
    quick["generators"]["diffusion"] |= {"width": 32, "steps": 40, "sampling_steps": 4}
    path.write_text(yaml.safe_dump(quick))
    return folder


def saved_by(folder: Path, output: str) -> int | None:
    """Return the process that trains towards an output and has left a checkpoint."""
    there = (folder / output).with_suffix(".ckpt").exists()
    return process_of(folder, "train", output) if there else None


def process_of(folder: Path, verb: str, output: str) -> int | None:
    """Return the process that makes an output in a checkout, not the shells above it."""
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (place / "cmdline").read_bytes().decode(errors="replace").split("\0")
            here = os.path.realpath(place / "cwd") == str(folder.resolve())
            if here and output in words and verb in words:
                return int(place.name)
    return None


def stopped(pid: int | None) -> dict[str, str] | None:
    """Stop a process where it is, so that it cannot end meanwhile; return its environment."""
    if pid is None:
        return None
    os.kill(pid, signal.SIGSTOP)
    words = Path(f"/proc/{pid}/environ").read_text(encoding="utf-8").split("\0")
    return dict(word.split("=", 1) for word in words if "=" in word) | {"pid": str(pid)}


def log_of(output: str) -> Path:
    return Path(output.replace("results/", "logs/", 1)).with_suffix(".log")


def slurm(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def slurm_jobs() -> dict[str, dict[str, str]]:
    """Return what SLURM's controller knows of every job."""
    lines = slurm("scontrol", "-o", "show", "jobs").splitlines()
    jobs = [dict(re.findall(r"(\w+)=(\S*)", line)) for line in lines]
    return {job["JobId"]: job for job in jobs if job}


def accounts(jobs: Iterable[str]) -> list[tuple[str, str]]:
    """Return (job, state) of every start of jobs, as the database has them."""
    options = ("-X", "-n", "-P", "--duplicates", "-o", "JobIDRaw,State", "-j", ",".join(jobs))
    rows = [line.split("|") for line in slurm("sacct", *options).splitlines()]
    return [(job, state.split()[0]) for job, state in rows]


def what_failed(log: Path) -> str:
    """Return what a log of Snakemake's says of errors, long lines cut."""
    lines = [line[:300] for line in log.read_text(encoding="utf-8").splitlines()]
    found = [n for n, line in enumerate(lines) if re.search("error|fail", line, re.IGNORECASE)]
    return "\n".join(lines[n] for n in found[-40:])


def waits_again(job: dict[str, str]) -> bool:
    """Return whether SLURM has put a job back into its queue."""
    return job["JobState"] == "PENDING" and job["Restarts"] != "0"


@contextlib.contextmanager
def paused(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Stop a process where it is, until the block ends."""
    process.send_signal(signal.SIGSTOP)
    yield
    process.send_signal(signal.SIGCONT)


@contextlib.contextmanager
def driven(
    folder: Path, *targets: str, before: str = ""
) -> Iterator[tuple[subprocess.Popen[bytes], Callable[[Callable[[], Any]], Any]]]:
    """Snakemake that hands jobs over, and ends well; yields it, and what waits meanwhile."""
    log, here = folder.with_suffix(".log"), environment(folder)
    with open(log, "w", encoding="utf-8") as written:
        driver = subprocess.Popen(
            [*SNAKEMAKE, *targets],
            cwd=folder,
            env=here | {"SYNTHER_CHECKPOINT_INTERVAL": "0.2", "PATH": before + here["PATH"]},
            stdout=written,
            stderr=subprocess.STDOUT,
        )

    def until(found: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + DEADLINE_S
        while not (result := found()):
            assert driver.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        return result

    try:
        yield driver, until
        code = driver.wait(timeout=DEADLINE_S)
        assert code == 0, what_failed(log)
    finally:
        if driver.poll() is None:
            driver.kill()
            driver.wait()
        print(log.read_text())
    # what it asked about its jobs: the database
    asked = set(re.findall(r"Status query timing .*: command=(\w+)", log.read_text()))
    assert asked == {"sacct"}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator:
    if reason := local_slurm.missing():
        pytest.skip(f"no SLURM here: {reason}")
    pytest.importorskip("snakemake_executor_plugin_slurm", reason="pip install 'synther[slurm]'")
    with local_slurm.LocalCluster(tmp_path_factory.mktemp("slurm") / "cluster") as running:
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
    # what evaluates beside a GPU, however few cores the login node has
    assert any("cpus_per_task=8" in text for text in asked)


@pytest.mark.slow
def test_what_befalls_jobs_on_four_nodes_changes_no_byte(cluster, tmp_path: Path) -> None:
    there, here = small(tmp_path / "there"), small(tmp_path / "here")
    killed, preempted, crashed = TARGETS[:3]
    with driven(there, *TARGETS) as (driver, until):
        # a daemon dies under its job, which runs on and is found again; then no more go to the node
        until(lambda: (there / "logs/quick/collect/hopper-medium-local.log").exists())
        cluster.kill_daemon("n1")
        assert cluster.set_node("n1", "drain")
        held: dict[str, dict[str, str]] = {}

        def hold() -> bool:
            for target in {killed, preempted, crashed} - held.keys():
                if job := stopped(saved_by(there, target)):
                    held[target] = job
            return len(held) == 3

        until(hold)
        # the controller restarts while they run
        with paused(driver):  # or what it submits meanwhile is refused its GPU
            cluster.restart_controller()
        # a job is killed, and tried again by Snakemake
        os.kill(int(held[killed]["pid"]), signal.SIGKILL)
        until(lambda: slurm_jobs()[held[killed]["SLURM_JOB_ID"]]["JobState"] == "FAILED")
        # a job that may not wait takes the node of another, which SLURM puts back into its queue
        node, number = (held[preempted][name] for name in ("SLURMD_NODENAME", "SLURM_JOB_ID"))
        options = ("-p", "urgent", "-w", node, "--exclusive", "-o", "/dev/null")
        urgent = slurm("sbatch", "--parsable", *options, "--wrap", "sleep infinity").strip()
        until(lambda: slurm_jobs()[urgent]["JobState"] == "RUNNING")
        slurm("scancel", urgent)
        assert slurm_jobs()[number]["Restarts"] == "1"
        # a node crashes with its jobs, and comes back
        crash = until(lambda: stopped(saved_by(there, crashed)))
        with paused(driver):  # docs/hpc.md: if it asks now, it may submit nothing more
            cluster.crash_node(crash["SLURMD_NODENAME"])
            until(lambda: not any(waits_again(job) for job in slurm_jobs().values()))
        # meanwhile the same without SLURM, undisturbed
        local = snakemake(here, *TARGETS)
        assert local.returncode == 0, local.stdout + local.stderr
    assert cluster.state_of("n1") == "drained"
    assert cluster.set_node("n1", "resume")
    for target in TARGETS:
        assert (there / target).read_bytes() == (here / target).read_bytes(), target

    # what was stopped went on from its checkpoint
    for target in held:
        (left,) = re.findall(r": ([\d,]+) \w+ to go", (there / log_of(target)).read_text())
        assert int(left.replace(",", "")) < STEPS, target

    jobs = slurm_jobs()
    del jobs[urgent]
    used = {(job["Partition"], job["NodeList"]) for job in jobs.values()}
    assert used == {("cpu", "n1"), ("cpu", "n2"), ("gpu", "n3"), ("gpu", "n4")}
    on_gpus = [job for job in jobs.values() if job["Partition"] == "gpu"]
    assert {job["TresPerJob"] for job in on_gpus} == {"gres:gpu:a100:1"}
    assert {job["TimeLimit"] for job in on_gpus} == {
        "00:10:00",
        "00:20:00",
    }  # more when tried again
    # collecting and a share of it in one submission, noise and its samples in another, a fit, its
    # samples, five runs, and one again
    assert len(jobs) == 10
    states = accounts(jobs)
    assert (held[killed]["SLURM_JOB_ID"], "FAILED") in states
    assert (number, "PREEMPTED") in states
    assert (crash["SLURM_JOB_ID"], "NODE_FAIL") in states
    assert sum(state == "COMPLETED" for _, state in states) == 9


@pytest.mark.slow
def test_a_limit_ends_a_job_which_asks_for_more_when_tried_again(cluster, tmp_path: Path) -> None:
    if not local_slurm.memory_limits():
        pytest.skip("no cgroups of version 1 here: nothing limits a job's memory")
    there, here = small(tmp_path / "there"), small(tmp_path / "here")
    dataset, before = "data/quick/local/hopper-medium-local.hdf5", slurm_jobs()
    # a synther that first fills more memory than it is estimated to need, and Snakemake beside it
    hungry = tmp_path / "bin/synther"
    hungry.parent.mkdir()
    fill = f"""{sys.executable} -c 'b"x" * 1_600_000_000'"""
    hungry.write_text(f'#!/bin/sh\n{fill} && exec {Path(sys.executable).parent}/synther "$@"\n')
    hungry.chmod(0o755)
    with driven(there, dataset, before=f"{hungry.parent}:") as (_, until):
        (first,) = until(lambda: slurm_jobs().keys() - before.keys())
        until(lambda: slurm_jobs()[first]["JobState"] == "FAILED")
        collecting = until(lambda: stopped(process_of(there, "collect", dataset)))
        second = collecting["SLURM_JOB_ID"]
        slurm("scontrol", "update", f"JobId={second}", "TimeLimit=1")  # the shortest
    local = snakemake(here, dataset)
    assert local.returncode == 0, local.stdout + local.stderr
    assert (there / dataset).read_bytes() == (here / dataset).read_bytes()

    numbers = sorted(slurm_jobs().keys() - before.keys(), key=int)
    states = [state for number in numbers for _, state in accounts([number])]
    assert states == ["FAILED", "TIMEOUT", "COMPLETED"]
    assert "OUT_OF_MEMORY" in slurm("sacct", "-n", "-P", "-o", "State", "-j", first)  # of its step
    jobs = [slurm_jobs()[number] for number in numbers]
    assert [job["MinMemoryNode"] for job in jobs] == ["1500M", "2250M", "3000M"]
    assert jobs[0]["TimeLimit"] == "00:10:00"
    assert jobs[2]["TimeLimit"] == "00:30:00"
