"""Progress: a bar on a terminal, plain lines with rate and time left in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any

from tqdm import tqdm

LINE_INTERVAL_S = 20.0


class Progress:
    """Counts work done and shows it on stderr.

    On a terminal it is a tqdm bar; elsewhere a line at the start, one at most every
    `LINE_INTERVAL_S` seconds and one at the end, so that log files stay readable. Without a name
    for the work it shows nothing.
    """

    def __init__(self, total: int, what: str, unit: str = "step", done: int = 0) -> None:
        self.total, self.what, self.unit, self.done = total, what, unit, done
        self._first_done = done
        self._started = self._printed = time.monotonic()
        self._numbers = ""
        self._bar = (
            tqdm(total=total, desc=what, unit=unit, initial=done, dynamic_ncols=True)
            if what and sys.stderr and sys.stderr.isatty()
            else None
        )
        if self._bar is None:
            self._print(f"{what}: {total - done:,} {unit}s to go")

    def advance(self, by: int = 1, **numbers: float) -> None:
        """Count `by` more units; `numbers` (a loss, a return) are shown beside the count."""
        self.done += by
        if numbers:
            self.show(numbers)
        if self._bar is not None:
            self._bar.update(by)
        elif time.monotonic() - self._printed >= LINE_INTERVAL_S:
            self._line()

    def show(self, numbers: Mapping[str, float]) -> None:
        """Set the numbers shown beside the count."""
        self._numbers = ", ".join(f"{name} {value:.4g}" for name, value in numbers.items())
        if self._bar is not None:
            self._bar.set_postfix_str(self._numbers, refresh=False)

    def _line(self) -> None:
        now = time.monotonic()
        self._printed = now
        rate = (self.done - self._first_done) / max(now - self._started, 1e-9)
        left = (self.total - self.done) / rate if rate > 0 else float("inf")
        share = 100 * self.done / max(self.total, 1)
        self._print(
            f"{self.what}: {self.done:,}/{self.total:,} {self.unit}s ({share:.0f}%), "
            f"{rate:,.1f}/s, {left:.0f} s left" + (f", {self._numbers}" if self._numbers else "")
        )

    def _print(self, text: str) -> None:
        if self.what:
            print(text, file=sys.stderr, flush=True)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind: Any, *rest: Any) -> None:
        if self._bar is not None:
            self._bar.close()
        elif kind is None:
            self._line()
