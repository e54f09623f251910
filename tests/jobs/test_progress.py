"""Progress: plain lines in a log, a bar on a terminal."""

from __future__ import annotations

import sys

import pytest

from synther.jobs import progress
from synther.jobs.progress import LINE_INTERVAL_S, Progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_a_log_gets_few_plain_lines(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(1000, "train", "update") as shown:
        for _ in range(1000):
            clock[0] += 0.05  # 50 s in all
            shown.advance(loss=0.25)
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert out == ""
    assert lines[0] == "train: 1,000 updates to go"
    assert lines[-1] == "train: 1,000/1,000 updates (100%), 20.0/s, 0 s left, loss 0.25"
    assert len(lines) == 2 + int(50 / LINE_INTERVAL_S)
    assert "400/1,000 updates (40%), 20.0/s, 30 s left, loss 0.25" in lines[1]
    assert "\r" not in err
    assert "\x1b" not in err


def test_a_job_that_goes_on_counts_its_own_rate(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with Progress(100, "fit", done=90) as shown:
        clock[0] += 5.0
        shown.advance(10)
    err = capsys.readouterr().err
    assert "fit: 10 steps to go" in err
    assert "100/100 steps (100%), 2.0/s" in err


def test_a_failed_job_does_not_end_with_a_line_of_success(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:

    def fail() -> None:
        with Progress(10, "fit") as shown:
            shown.advance(3)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert capsys.readouterr().err.splitlines() == ["fit: 10 steps to go"]


def test_nothing_to_do_is_no_division_by_zero(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(0, "fit"):
        pass
    assert "0/0" in capsys.readouterr().err


def test_a_terminal_gets_a_bar(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with Progress(10, "fit") as shown:
        shown.advance(10, loss=0.5)
    err = capsys.readouterr().err
    assert "\r" in err
    assert "10/10" in err
    assert "loss 0.5" in err
    assert "to go" not in err
