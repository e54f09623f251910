"""The workflow with its files in a bucket: killed and begun on another disk, it goes on."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from test_dag import environment, snakemake
from test_slurm import STEPS, small

from synther import SyntherError
from synther.jobs.checkpoint import Checkpoint

HERE = "results/quick/offline/hopper-medium-local"
TARGET = f"{HERE}/synther/td3_bc/seeds-0-1.parquet"
PREFIX = "synther"
PATIENCE_S = 300.0


def wait(happened: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while not (found := happened()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)
    return found


def names(bucket: Any, part: str) -> list[str]:
    return [one.key for one in bucket.objects.filter(Prefix=f"{PREFIX}/{part}")]


IDENTITY = {"settings": {"steps": 3}}


def test_a_checkpoint_goes_on_from_its_copy(
    bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNTHER_CHECKPOINTS", "s3://experience/synther/checkpoints")
    for node in ("a", "b"):
        (tmp_path / node).mkdir()
    path = Path("results/job.ckpt")
    monkeypatch.chdir(tmp_path / "a")
    job = Checkpoint(path, IDENTITY)
    assert job.load() is None
    job.save({"step": 1})
    job.part("first").save({"step": 0})
    assert names(bucket, "") == [
        f"{PREFIX}/checkpoints/results/job.{name}" for name in ("ckpt", "first.ckpt")
    ]
    monkeypatch.chdir(tmp_path / "b")  # another node, which goes further
    other = Checkpoint(path, IDENTITY)
    assert other.load() == {"step": 1}
    other.save({"step": 2})
    monkeypatch.chdir(tmp_path / "a")  # whose own state is older now
    again = Checkpoint(path, IDENTITY)
    assert again.load() == {"step": 2}
    with pytest.raises(SyntherError, match=r"its copy s3://experience/.* was made with other"):
        Checkpoint(path, {"settings": {"steps": 4}}).load()
    again.part("first")
    again.remove()
    assert names(bucket, "") == []


def test_a_bucket_that_does_not_answer(
    bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SYNTHER_CHECKPOINTS", "s3://gone/checkpoints")
    job = Checkpoint(tmp_path / "job.ckpt", IDENTITY)
    job.save({"step": 1})  # the job is worth more than the copy
    assert "s3://gone/checkpoints" in capsys.readouterr().err
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(SyntherError, match="can't be read"):  # and a copy more than a new start
        Checkpoint(tmp_path / "other.ckpt", IDENTITY).load()
    monkeypatch.setenv("SYNTHER_CHECKPOINTS", "/somewhere")
    with pytest.raises(SyntherError, match="set it to s3://BUCKET/FOLDER"):
        Checkpoint(tmp_path / "job.ckpt", IDENTITY)


def start(folder: Path) -> subprocess.Popen[bytes]:
    """Begin a run whose files are in the bucket, its jobs on a node's own disk, saved often.

    A job is a snakemake of its own, as on a cluster; the command that hands it over runs it.
    """
    with open(folder / "out.log", "wb") as log:
        return subprocess.Popen(
            [
                *(sys.executable, "-m", "snakemake", TARGET, "--jobs", "1"),
                *("--profile", "workflow/profiles/s3", "--executor", "cluster-generic"),
                *("--cluster-generic-submit-cmd", "bash"),
                *("--remote-job-local-storage-prefix", str(folder / "node")),
                *("--default-storage-prefix", f"s3://experience/{PREFIX}"),
                *("--config", "device=cpu"),
            ],
            cwd=folder,
            env=environment(folder) | {"SYNTHER_CHECKPOINT_INTERVAL": "0.2"},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


@pytest.mark.slow
def test_a_job_killed_on_one_disk_goes_on_on_another(bucket: Any, tmp_path: Path) -> None:
    for plugin in ("storage_plugin_s3", "executor_plugin_cluster_generic"):
        pytest.importorskip(f"snakemake_{plugin}", reason="pip install 'synther[dev,s3]'")
    whole = small(tmp_path / "whole")
    done = snakemake(whole, "--cores", "1", TARGET, "--config", "device=cpu")
    assert done.returncode == 0, done.stdout + done.stderr

    first = small(tmp_path / "first")
    killed = start(first)
    copies = f"checkpoints/{HERE}"
    try:
        wait(lambda: names(bucket, copies) or killed.poll() is not None)
        assert killed.poll() is None, (first / "out.log").read_text()
    finally:
        os.killpg(killed.pid, signal.SIGKILL)
        killed.wait()
    (copy,) = names(bucket, copies)
    assert not names(bucket, copy.removeprefix(f"{PREFIX}/checkpoints/").replace("ckpt", "parquet"))
    shutil.rmtree(first)  # the node is gone, with its disk

    second = small(tmp_path / "second")
    assert start(second).wait(timeout=PATIENCE_S) == 0, (second / "out.log").read_text()
    assert not names(bucket, "checkpoints/")
    # It went on, and did not begin anew
    log = bucket.Object(copy.replace("checkpoints/results", "logs").replace("ckpt", "log"))
    said = log.get()["Body"].read().decode()
    left = re.search(r"([\d,]+) \w+ to go", said)
    assert left, said
    assert int(left[1].replace(",", "")) < STEPS

    fetched = tmp_path / "fetched"
    for one in bucket.objects.all():
        place = fetched / Path(one.key).relative_to(PREFIX)
        place.parent.mkdir(parents=True, exist_ok=True)
        bucket.download_file(one.key, str(place))
    assert (fetched / TARGET).read_bytes() == (whole / TARGET).read_bytes()
    record = json.loads((fetched / TARGET).with_suffix(".json").read_text())
    assert (fetched / record["data"]["path"]).is_file()
    # What was fetched is checked by content, whatever its times
    found = subprocess.run(
        [sys.executable, "-m", "synther.cli", "verify", "--json"],
        cwd=fetched,
        env=environment(second),
        capture_output=True,
        text=True,
        check=True,
    )
    report = json.loads(found.stdout)
    assert report["runs"] == 1
    assert report["wrong"] == 0
    assert {finding["kind"] for finding in report["findings"]} == {"foreign"}  # no table's seeds
