"""How far a preset is, from files alone."""

from __future__ import annotations

import json
import os
import time
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest

from synther.cli import main
from synther.planning.jobs import Jobs
from synther.planning.progress import FRESH_S, marked_outputs, survey
from synther.planning.rates import read_rates
from synther.planning.work import Job

RUN = {"dataset": "hopper-medium-expert-local", "source": "real", "first": "0", "last": "3"}
PROGRESS = "train hopper real: 2,000 steps to go\ntrain hopper real: 500/2,000 steps (25%), 9.1/s\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def job(agent: str = "td3_bc") -> Job:
    return Jobs("quick").job("train_offline", RUN | {"agent": agent})


def write(path: Path, text: str = "", age: float = 0.0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    os.utime(path, (time.time() - age,) * 2)


def mark(root: Path, output: str, age: float = 0.0) -> None:
    """Mark an output as Snakemake does when its job begins."""
    name = urlsafe_b64encode(output.encode()).decode()
    write(root / ".snakemake/incomplete" / name, "{}", age)


def state(root: Path, one: Job):
    (found,) = survey({one.outputs[0]: one}, read_rates("cpu"), root)
    return found


def test_nothing_there_is_left(here: Path) -> None:
    found = state(here, job())
    assert found.state == "left"
    assert found.seconds_left == pytest.approx(read_rates("cpu").job_seconds(job()))


def test_all_outputs_are_done_and_some_are_not(here: Path) -> None:
    rows, record = job().outputs
    write(here / record, "{}")
    assert state(here, job()).state == "left"
    write(here / rows)
    found = state(here, job())
    assert (found.state, found.share, found.seconds_left) == ("done", 1.0, 0.0)


def test_a_job_that_writes_its_log_runs(here: Path) -> None:
    mark(here, job().outputs[0], age=60)
    write(here / job().log, PROGRESS, age=10)
    found = state(here, job())
    assert (found.state, found.share) == ("running", 0.25)
    assert found.seconds_left == pytest.approx(0.75 * read_rates("cpu").job_seconds(job()))


def test_a_rerun_of_what_is_there_runs(here: Path) -> None:
    for output in job().outputs:
        write(here / output)
    mark(here, job().outputs[0], age=60)
    write(here / job().log, PROGRESS, age=10)
    assert state(here, job()).state == "running"


def test_a_submitted_job_whose_log_is_of_an_earlier_try_is_queued(here: Path) -> None:
    write(here / job().log, PROGRESS, age=500)
    mark(here, job().outputs[0], age=60)
    assert state(here, job()).state == "queued"


def test_a_job_that_fell_silent_has_stopped(here: Path) -> None:
    mark(here, job().outputs[0], age=2 * FRESH_S + 60)
    write(here / job().log, PROGRESS, age=2 * FRESH_S)
    assert state(here, job()).state == "stopped"
    write((here / job().outputs[0]).with_suffix(".ckpt"), "", age=2 * FRESH_S)
    stopped = state(here, job())
    assert stopped.state == "stopped"
    whole = read_rates("cpu").job_seconds(job())
    assert stopped.seconds_left == pytest.approx(0.75 * whole)  # it will go on from there


def test_a_checkpoint_that_is_still_written_is_a_sign_of_life(here: Path) -> None:
    mark(here, job().outputs[0], age=2 * FRESH_S + 60)
    write(here / job().log, PROGRESS, age=2 * FRESH_S)
    write((here / job().outputs[0]).with_suffix(".ckpt"), "", age=10)
    assert state(here, job()).state == "running"


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
    found = state(here, job())
    assert found.state == "failed"
    assert found.reason == last.splitlines()[-1]
    assert main(["status", "table1", "--preset", "quick"]) == 0
    printed = capsys.readouterr().out
    assert f"failed: {job().outputs[0]}: {found.reason} (see {job().log})" in printed


def test_being_told_to_end_is_no_failure(here: Path) -> None:
    last = "synther train: ended by SIGTERM: saved in x.ckpt; run it again to go on from there\n"
    write(here / job().log, PROGRESS + last)
    write((here / job().outputs[0]).with_suffix(".ckpt"))
    assert state(here, job()).state == "stopped"


def test_what_jobs_took_here_corrects_the_estimate(here: Path) -> None:
    done, left = job("td3_bc"), job("iql")
    rates = read_rates("cpu")
    write(here / done.outputs[0])
    took = 3 * rates.job_seconds(done) - rates.startup_s
    write(here / done.outputs[1], json.dumps({"wall_time_s": took}))
    jobs = {one.outputs[0]: one for one in (done, left)}
    states = {found.job: found for found in survey(jobs, rates, here)}
    assert states[left].seconds_left == pytest.approx(3 * rates.job_seconds(left))


def test_names_too_long_for_one_file_are_read(here: Path) -> None:
    output = f"results/quick/{'a' * 300}.parquet"
    name = urlsafe_b64encode(output.encode()).decode()
    write(here / ".snakemake/incomplete" / f"@{name[:254]}" / name[254:], "{}")
    write(here / ".snakemake/incomplete/not base64 at all", "")
    assert set(marked_outputs(here)) == {output}


def test_the_folder_that_was_looked_at_is_named_where_it_is_no_checkout(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for verb in ("plan", "status"):
        assert main([verb, "table1", "--preset", "quick"]) == 0
        said = f"in {here}, which has no Snakefile"
        assert said in capsys.readouterr().out.splitlines()[0]
    (here / "Snakefile").touch()
    for verb in ("plan", "status"):
        assert main([verb, "table1", "--preset", "quick"]) == 0
        assert "Snakefile" not in capsys.readouterr().out
        assert main([verb, "table1", "--preset", "quick", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["folder"] == str(here)


def test_json_has_every_job_that_is_not_done(here: Path, capsys) -> None:
    for output in job().outputs:
        write(here / output)
    mark(here, job("iql").outputs[0], age=60)
    write(here / job("iql").log, PROGRESS, age=1)
    assert main(["status", "--json", "table1", "--preset", "quick"]) == 0
    told = json.loads(capsys.readouterr().out)
    jobs = Jobs("quick").all_jobs(["table1"])
    assert told["counts"]["done"] == told["counts"]["running"] == 1
    assert sum(told["counts"].values()) == len(jobs) == len(told["jobs"]) + 1
    assert told["at_once"] == 1
    assert told["seconds_left"] == pytest.approx(told["job_seconds_left"])
    (running,) = [one for one in told["jobs"] if one["state"] == "running"]
    assert running["output"] == job("iql").outputs[0]
