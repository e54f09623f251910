"""What is said to people, which never ends the work: a reader may go, and a log's disk be full."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from typing import Any


class _Unfailing:
    """A stream whose failures to write are kept in `lost`, and nobody else's business."""

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


class Output:
    """Within the block, what can't be written to stdout and stderr is left out.

    Attributes:
        out, err: the two; `lost` of each is the first reason why something was, or None.
    """

    def __enter__(self) -> Output:
        for number in range(3):  # a closed one would be taken by the next file that is opened
            try:
                os.fstat(number)
            except OSError:
                os.open(os.devnull, os.O_RDWR)
        self._before = sys.stdout, sys.stderr
        self.out, self.err = (_Unfailing(stream or io.StringIO()) for stream in self._before)
        sys.stdout, sys.stderr = self.out, self.err
        return self

    def __exit__(self, *error: Any) -> None:
        self.out.settle()
        self.err.settle()
        sys.stdout, sys.stderr = self._before
