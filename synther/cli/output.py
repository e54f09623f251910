"""What is said to people, which never ends the work: a reader may go, and a log's disk be full."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import Any


class Unfailing:
    """A stream whose failures to write are nobody else's business.

    Attributes:
        lost: the last reason why something was not written, or None.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.lost: OSError | None = None
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a ? for what the locale can't write

    def write(self, text: str) -> int:
        """Write, or note that it can't be."""
        try:
            self._stream.write(text)
        except OSError as error:
            self.lost = error
        return len(text)

    def flush(self) -> None:
        """Hand over what was written, or note that it can't be."""
        try:
            self._stream.flush()
        except OSError as error:
            self.lost = error

    def settle(self) -> None:
        """Flush; what is left where that fails goes nowhere, or the interpreter's end would."""
        self.flush()
        if self.lost is not None:
            with suppress(OSError):
                number, nowhere = self._stream.fileno(), os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, number)
                os.close(nowhere)
                self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def unfailing() -> Iterator[Unfailing]:
    """Within the block, what can't be written to stdout and stderr is left out; yield stdout."""
    for number in range(3):  # a closed one would be taken by the next file that is opened
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    out, err = (Unfailing(stream or io.StringIO()) for stream in (sys.stdout, sys.stderr))
    with redirect_stdout(out), redirect_stderr(err):
        try:
            yield out
        finally:
            out.settle()
            err.settle()
