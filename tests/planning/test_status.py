"""How far a preset is, by what Snakemake says and by files."""

from __future__ import annotations

import json
import os
import time
from base64 import urlsafe_b64encode
from dataclasses import replace
from pathlib import Path

import pytest

from synther.cli import main
from synther.planning.dag import Job, read_jobs
from synther.planning.progress import FRESH_S, JobState, survey

RUN = "quick/offline/hopper-medium-expert-local/real/{}/seeds-0-3"
SECONDS = 40.0
PROGRESS = "train hopper real: 2,000 steps to go\ntrain hopper real: 500/2,000 steps (25%), 9.1/s\n"


pytestmark = pytest.mark.usefixtures("here")


def job(agent: str = "td3_bc", **known: object) -> Job:
    """A training job, as Snakemake tells of it."""
    run = RUN.format(agent)
    outputs = (f"results/{run}.parquet", f"results/{run}.json")
    resources = {"estimate_ms": 1000 * SECONDS}
    return Job("train_offline", outputs, f"logs/{run}.log", resources=resources, **known)


def write(path: Path, text: str = "", age: float = 0.0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    os.utime(path, (time.time() - age,) * 2)


def mark(root: Path, output: str, age: float = 0.0) -> None:
    """Mark an output as Snakemake does when its job begins."""
    name = urlsafe_b64encode(output.encode()).decode()
    write(root / ".snakemake/incomplete" / name, "{}", age)


def state(one: Job) -> JobState:
    (found,) = survey([one])
    return found


def test_nothing_there_is_left() -> None:
    found = state(job())
    assert (found.state, found.seconds_left) == ("left", SECONDS)


def test_what_snakemake_would_not_run_is_done() -> None:
    found = state(job(is_due=False))
    assert (found.state, found.share, found.seconds_left) == ("done", 1.0, 0.0)


def test_a_job_without_a_log_is_left_or_stopped() -> None:
    bare = Job("mine", ("results/quick/mine.txt",))
    assert state(bare).state == "left"
    assert state(replace(bare, begun=time.time() - 2 * FRESH_S)).state == "queued"


def test_a_job_that_writes_its_log_runs(here: Path) -> None:
    write(here / job().log, PROGRESS, age=10)
    found = state(job(begun=time.time() - 60))
    assert (found.state, found.share) == ("running", 0.25)
    assert found.seconds_left == pytest.approx(0.75 * SECONDS)


def test_a_submitted_job_whose_log_is_of_an_earlier_try_is_queued(here: Path) -> None:
    write(here / job().log, PROGRESS, age=500)
    assert state(job(begun=time.time() - 60)).state == "queued"


def test_a_job_that_fell_silent_has_stopped(here: Path) -> None:
    silent = job(begun=time.time() - 2 * FRESH_S - 60)
    write(here / silent.log, PROGRESS, age=2 * FRESH_S)
    assert state(silent).state == "stopped"
    write((here / silent.outputs[0]).with_suffix(".ckpt"), "", age=2 * FRESH_S)
    stopped = state(silent)
    assert stopped.state == "stopped"
    assert stopped.seconds_left == pytest.approx(0.75 * SECONDS)  # it will go on from there


def test_a_checkpoint_that_is_still_written_is_a_sign_of_life(here: Path) -> None:
    silent = job(begun=time.time() - 2 * FRESH_S - 60)
    write(here / silent.log, PROGRESS, age=2 * FRESH_S)
    write((here / silent.outputs[0]).with_suffix(".ckpt"), "", age=10)
    assert state(silent).state == "running"


@pytest.mark.parametrize(
    "last",
    [
        "synther train: loss of td3_bc became NaN: lower its learning rate",
        "Traceback (most recent call last):\n  File\nRuntimeError: CUDA out of memory",
        "/usr/bin/bash: line 1: synther: command not found",
    ],
)
def test_an_error_is_a_failure_and_is_told(here: Path, last: str, capsys) -> None:
    write(here / job().log, PROGRESS + last + "\n")
    found = state(job())
    assert found.state == "failed"
    assert found.reason == last.splitlines()[-1]
    assert main(["status", "table1", "--preset", "quick"]) == 0
    printed = capsys.readouterr().out
    assert f"failed: {job().outputs[0]}: {found.reason} (see {job().log})" in printed


def test_being_told_to_end_is_no_failure(here: Path) -> None:
    last = "synther train: ended by SIGTERM: saved in x.ckpt; run it again to go on from there\n"
    write(here / job().log, PROGRESS + last)
    write((here / job().outputs[0]).with_suffix(".ckpt"))
    assert state(job()).state == "stopped"


def test_what_jobs_took_here_corrects_the_estimate(here: Path) -> None:
    done, left = job("td3_bc", is_due=False), job("iql")
    took = 3 * SECONDS - 4.0  # with four seconds to start
    write(here / done.outputs[1], json.dumps({"wall_time_s": took}))
    states = {found.job: found for found in survey([done, left])}
    assert states[left].seconds_left == pytest.approx(3 * SECONDS)


def test_what_snakemake_is_at_has_begun(here: Path) -> None:
    """Also where its files are there, of an earlier time."""
    for output in job().outputs:
        write(here / output)
    mark(here, job().outputs[0], age=60)
    jobs = {one.outputs[0]: one for one in read_jobs(["figures/quick/table1.pdf"], "quick", "cpu")}
    begun = jobs.pop(job().outputs[0])
    assert begun.is_due
    assert begun.begun == pytest.approx(time.time() - 60, abs=5)
    assert {one.begun for one in jobs.values()} == {0.0}


def test_the_folder_that_is_looked_at_is_told(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for verb in ("plan", "status"):
        assert main([verb, "table1", "--preset", "quick", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["folder"] == str(here)


def test_json_has_every_job_that_is_not_done(here: Path, capsys) -> None:
    write(here / "data/quick/local/hopper-medium-expert-local.hdf5", age=100)  # else all is left
    for output in job().outputs:
        write(here / output)
    mark(here, job("iql").outputs[0], age=60)
    write(here / job("iql").log, PROGRESS, age=1)
    assert main(["status", "--json", "table1", "--preset", "quick"]) == 0
    told = json.loads(capsys.readouterr().out)
    jobs = read_jobs(["figures/quick/table1.pdf"], "quick", "auto")
    assert (told["counts"]["done"], told["counts"]["running"]) == (2, 1)
    assert sum(told["counts"].values()) == len(jobs) == len(told["jobs"]) + 2
    assert told["at_once"] == 1
    assert told["seconds_left"] == pytest.approx(told["job_seconds_left"])
    (running,) = [one for one in told["jobs"] if one["state"] == "running"]
    assert running["output"] == job("iql").outputs[0]
