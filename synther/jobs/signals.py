"""SIGTERM, SIGHUP and Ctrl-C: a job that can save its state does so before it ends.

A scheduler sends SIGTERM some seconds before it kills. Code that polls (`hold`) puts the end off
to its next safe place; everything else ends where it is, and its temporary files go.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
"""Signals that ask a process to end and that it can answer."""


class Stopped(BaseException):
    """The process was told to end, by the signal `number`; `saved` says what it left to go on from.

    Like KeyboardInterrupt no `Exception`: nothing may take it for a failure of its own.
    """

    def __init__(self, number: int, saved: str = "") -> None:
        super().__init__(number, saved)
        self.number, self.saved = number, saved

    @property
    def code(self) -> int:
        """The exit code by which a shell tells this end: 128 and the signal's number."""
        return 128 + self.number

    def __str__(self) -> str:
        name = signal.Signals(self.number).name
        if not self.saved:
            return f"ended by {name}: what was not saved is lost; run it again"
        return f"ended by {name}: saved in {self.saved}; run it again to go on from there"


_told: int | None = None
_held = 0


def _handle(number: int, frame: FrameType | None) -> None:
    global _told
    if not _held or _told is not None:
        raise Stopped(number)
    _told = number
    # os.write, because a handler may interrupt a write to sys.stderr, which then refuses another
    name = signal.Signals(number).name
    with suppress(OSError):  # a reader that has gone
        os.write(2, f"{name}: will save and end; once more ends at once\n".encode())


@contextmanager
def answering() -> Iterator[None]:
    """Answer the signals by `Stopped` inside the block; in the main thread alone, as Python asks.

    One that is ignored when the block begins (`nohup`) stays ignored.
    """
    global _told
    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for ending in ENDING:
            if signal.getsignal(ending) is not signal.SIG_IGN:
                before[ending] = signal.signal(ending, _handle)
    try:
        yield
    finally:
        _told = None
        for number, handler in before.items():
            signal.signal(number, handler)


def hold(by: int) -> None:
    """Put an end off (1), or no longer (-1), for code that asks `told()` and ends by `Stopped`."""
    global _held
    _held += by


def told() -> int | None:
    """Return the signal by which the process was told to end, or None."""
    return _told
