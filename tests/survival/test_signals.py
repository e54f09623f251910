"""Signals: put off where a job can save, answered at once elsewhere."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from synther import SyntherError
from synther.jobs import checkpoint, signals
from synther.jobs.checkpoint import Checkpoint, Pace
from synther.jobs.signals import Stopped


def tell(number: int = signal.SIGTERM) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_what_can_not_save_ends_at_once(number: int) -> None:
    before = signal.getsignal(number)
    with pytest.raises(Stopped) as stopped, signals.answering():
        tell(number)
    assert stopped.value.code == 128 + number
    assert f"ended by {number.name}: what was not saved is lost" in str(stopped.value)
    assert signal.getsignal(number) is before
    assert signals.told() is None


def test_what_can_save_saves_first(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    job = Checkpoint(tmp_path / "job.ckpt", {"a": 1})

    def work() -> None:
        with signals.answering(), job:
            assert not job.due()
            tell()
            assert "SIGTERM: will save and end" in capfd.readouterr().err
            assert job.due()
            job.save({"step": 3})

    with pytest.raises(Stopped) as stopped:
        work()
    assert stopped.value.saved == str(tmp_path / "job.ckpt")
    assert "run it again to go on from there" in str(stopped.value)
    state = Checkpoint(tmp_path / "job.ckpt", {"a": 1}).load()
    assert state == {"step": 3}


def test_told_twice_it_ends_at_once(tmp_path: Path) -> None:
    job = Checkpoint(tmp_path / "job.ckpt", {})

    def work() -> None:
        with signals.answering(), job:
            tell()
            tell()
            pytest.fail("the second signal was put off too")

    with pytest.raises(Stopped):
        work()


def test_a_job_that_is_done_before_it_can_save_is_done() -> None:
    with signals.answering():
        with Pace():
            tell()
        assert signals.told() == signal.SIGTERM
    assert signals.told() is None


def test_an_ignored_signal_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with signals.answering():
            tell(signal.SIGHUP)  # as under nohup
    finally:
        signal.signal(signal.SIGHUP, before)


def test_saving_takes_a_bounded_share_of_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: now[0])
    job = Checkpoint(tmp_path / "job.ckpt", {})
    with job.saving(job.path):
        now[0] += 30.0
    now[0] += checkpoint.INTERVAL_S
    assert not job.due()  # half a minute every two minutes is too much
    now[0] += 30.0 / checkpoint.MOST_TIME
    assert job.due()


@pytest.mark.parametrize("value", ["soon", "-1", "nan"])
def test_a_wrong_interval_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("SYNTHER_CHECKPOINT_INTERVAL", value)
    with pytest.raises(SyntherError, match="SYNTHER_CHECKPOINT_INTERVAL is"):
        Checkpoint(tmp_path / "job.ckpt", {})


TOLD = """
import os, signal, sys
from pathlib import Path
from synther.cli import data, main

def collect(asked):
    from synther.jobs.files import atomic_path
    with atomic_path(asked.out) as temporary:
        temporary.write_text("half")
        os.kill(os.getpid(), signal.SIGTERM)

data.Collect.__call__ = collect
sys.exit(main(["collect", "--out", sys.argv[1]]))
"""


def test_a_verb_told_to_end_leaves_nothing_half_written(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", TOLD, str(tmp_path / "x.hdf5")], capture_output=True, text=True
    )
    assert done.returncode == 143, done.stderr
    assert "synther collect: ended by SIGTERM: what was not saved is lost" in done.stderr
    assert list(tmp_path.iterdir()) == []
