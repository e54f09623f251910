"""Output for people never ends the work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from small import SMALL

REPOSITORY = Path(__file__).parents[2]
FULL = Path("/dev/full")
LISTING = ("compare", "results/reference", "paper", "--reps", "10")


def start(*arguments: object, **options: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "synther.cli", *map(str, arguments)], cwd=REPOSITORY, **options
    )


def training(data: Path, out: Path, *more: str) -> Sequence[object]:
    wanted = ["--task", "hopper", "--data", data, "--agent", "bc", "--seeds", "0", *SMALL, *more]
    return ["train", *wanted, "--device", "cpu", "--threads", "1", "--out", out]


def gone_reader() -> int:
    """Return the end of a pipe that nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    return writer


def gone_terminal() -> int:
    """Return a terminal whose window was closed."""
    window, terminal = os.openpty()
    os.close(window)
    return terminal


def full_disk() -> int:
    """Return a file on a disk that is full."""
    return os.open(FULL, os.O_WRONLY)


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full")
@pytest.mark.parametrize("make", [gone_reader, gone_terminal, full_disk])
def test_a_training_goes_on_when_nobody_can_be_told(hopper, tmp_path, make):
    out, handle = tmp_path / "rows.parquet", make()
    process = start(*training(hopper, out), stdout=handle, stderr=handle)
    os.close(handle)
    assert process.wait() == 0
    assert out.is_file()
    assert out.with_suffix(".json").is_file()


def test_a_training_goes_on_without_any_stream(hopper, tmp_path):
    """The next file that it opens would else be what the system takes for stderr."""
    out = tmp_path / "rows.parquet"
    closing = f'exec "{sys.executable}" -m synther.cli "$@" <&- >&- 2>&-'
    arguments = map(str, training(hopper, out))
    done = subprocess.run(["sh", "-c", closing, "sh", *arguments], cwd=REPOSITORY)
    assert done.returncode == 0
    assert out.is_file()


def test_a_training_whose_reader_has_gone_saves_when_it_is_told_to_end(hopper, tmp_path):
    out = tmp_path / "rows.parquet"
    saved, handle = out.with_suffix(".ckpt"), gone_reader()
    endless = training(hopper, out, "--set", "steps=1000000")
    process = start(*endless, stderr=handle, env={**os.environ, "SYNTHER_CHECKPOINT_INTERVAL": "0"})
    os.close(handle)
    while not saved.is_file():
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    assert process.wait() == 128 + signal.SIGTERM
    assert saved.is_file()


def test_a_listing_ends_quietly_when_its_reader_goes():
    handle = gone_reader()
    process = start(*LISTING, stdout=handle, stderr=subprocess.PIPE)
    os.close(handle)
    assert process.communicate()[1] == b""
    assert process.returncode == 0


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full")
def test_a_listing_that_can_t_be_written_is_not_done():
    handle = full_disk()
    process = start(*LISTING, stdout=handle, stderr=subprocess.PIPE)
    os.close(handle)
    said = process.communicate()[1].decode()
    assert said == "synther compare: what it printed can't be written: No space left on device\n"
    assert process.returncode == 1


def test_a_letter_that_the_locale_lacks_is_a_question_mark():
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    process = start(*LISTING, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
    printed, said = process.communicate()
    assert (process.returncode, said) == (0, b"")
    assert b"?" in printed
    printed.decode("ascii")
