"""The real workflow, killed in every way, ends with the bytes of an uninterrupted run."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from lives import run

ROOT = Path(__file__).parents[2]
DATASET = "hopper-medium-local"
HERE = f"results/quick/offline/{DATASET}/real"
TARGET = f"{HERE}/td3_bc/seeds-0-1.parquet"
OTHER = f"{HERE}/bc/seeds-0-1.parquet"
PATIENCE_S = 600.0


@pytest.fixture
def checkout(tmp_path: Path, data: Path) -> Path:
    """The workflow with its dataset, at a size of seconds."""
    for part in ("Snakefile", "workflow", "config", "environment.yml"):
        source = ROOT / part
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / part)
    path = tmp_path / "config/presets/quick.yaml"
    quick = yaml.safe_load(path.read_text())
    quick |= {"rows": 400, "seeds": 2, "seeds_per_job": 2}
    quick["agents"] |= {"steps": 400, "eval_every": 200, "eval_episodes": 1, "hidden": [16, 16]}
    path.write_text(yaml.safe_dump(quick))
    place = tmp_path / f"data/quick/local/{DATASET}.hdf5"
    place.parent.mkdir(parents=True)
    shutil.copy(data, place)
    return tmp_path


FORKED = ("-m", "synther.cli.forkserver", sys.executable)
"""As `make quick` runs its workflow: a job is a fork of a server, in a group of its own."""


def start(folder: Path, *arguments: str, by: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "SYNTHER_CONFIG": str(folder / "config"),
        "SYNTHER_CHECKPOINT_INTERVAL": "0",
    }
    return subprocess.Popen(
        [
            *(sys.executable, *by, "-m", "snakemake", "--cores", "1"),
            *(*arguments, "--config", "device=cpu"),
        ],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    output, _ = process.communicate(timeout=PATIENCE_S)
    return process.returncode, output


def wait_for(path: Path, than: os.stat_result | None = None) -> None:
    """Wait until a file is there, and another `than` that one was."""
    deadline = time.monotonic() + PATIENCE_S
    while not path.exists() or (than and os.path.samestat(path.stat(), than)):
        assert time.monotonic() < deadline, f"{path} never came"
        time.sleep(0.01)


def expected(checkout: Path, folder: Path) -> Path:
    """Run the same jobs by hand, uninterrupted, on the same files; return where they lie."""
    shutil.copytree(checkout / "config", folder / "config")
    data = str(checkout / f"data/quick/local/{DATASET}.hdf5")
    jobs = [
        [
            *("train", "--preset", "quick", "--dataset", DATASET, "--agent", agent, "--data", data),
            *("--seeds", "0-1", "--out", str(folder / f"{agent}.parquet")),
            *("--threads", "1", "--device", "cpu"),
        ]
        for agent in ("td3_bc", "bc")
    ]
    ends = run([{"arguments": job} for job in jobs], SYNTHER_CONFIG=str(folder / "config"))
    assert ends == [[0]] * 2
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("by", [(), FORKED], ids=["by itself", "forked"])
def test_a_workflow_killed_in_every_way(
    checkout: Path, tmp_path_factory: pytest.TempPathFactory, by: tuple[str, ...]
) -> None:
    whole = expected(checkout, tmp_path_factory.mktemp("whole"))

    # All at once, as by a machine that goes down
    saved = checkout / HERE / "td3_bc/seeds-0-1.ckpt"
    first = start(checkout, TARGET, by=by)
    wait_for(saved)
    os.killpg(first.pid, signal.SIGKILL)
    finish(first)
    assert not (checkout / TARGET).exists()
    before = saved.stat()

    # The driver alone, while a job trains on; the job is held up, so that it trains for long
    second = start(checkout, "--nolock", TARGET, by=by)
    lock = checkout / HERE / "td3_bc/.seeds-0-1.parquet.lock"
    wait_for(saved, than=before)
    job = int(re.fullmatch(r"process (\d+) on .*", lock.read_text())[1])  # type: ignore[index]
    os.kill(job, signal.SIGSTOP)
    os.kill(second.pid, signal.SIGKILL)
    finish_group = os.getpgid(job)
    assert second.wait(PATIENCE_S) == -signal.SIGKILL

    # A second workflow on the folder is refused by the first one's lock
    code, output = finish(start(checkout, TARGET, by=by))
    assert code != 0
    assert "cannot be locked" in output

    # One that does not mind it is refused job by job; the others are made
    code, output = finish(start(checkout, "--nolock", "--keep-going", TARGET, OTHER, by=by))
    assert code != 0
    log = (checkout / f"logs/quick/offline/{DATASET}/real/td3_bc/seeds-0-1.log").read_text()
    assert f"is being made by process {job} on" in log
    assert "let it finish or end it" in log
    assert not (checkout / TARGET).exists()
    assert (checkout / OTHER).exists()

    # The job ends with its group, and the next workflow goes on from what it saved
    os.killpg(finish_group, signal.SIGKILL)
    code, output = finish(start(checkout, "--nolock", TARGET, OTHER, by=by))
    assert code == 0, output
    for made, by_hand in ((TARGET, "td3_bc.parquet"), (OTHER, "bc.parquet")):
        assert (checkout / made).read_bytes() == (whole / by_hand).read_bytes(), made
    verified = subprocess.run(
        [sys.executable, "-m", "synther.cli", "verify"],
        cwd=checkout,
        env={**os.environ, "SYNTHER_CONFIG": str(checkout / "config")},
        capture_output=True,
        text=True,
    )
    assert verified.returncode == 0, verified.stdout + verified.stderr
