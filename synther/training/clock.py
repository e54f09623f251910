"""Where a job's time goes: seconds by part."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

PARTS = ("simulator", "agent", "diffusion", "sampling", "evaluation")
"""Stepping the training environments; acting and learning; training generators; drawing from them;
evaluation episodes, simulator and policy together."""


class Clock:
    """Adds up the seconds that a job spends on each of `PARTS`."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(PARTS, 0.0)

    @contextmanager
    def time(self, part: str) -> Iterator[None]:
        """Count the time of the block to `part`."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[part] += time.perf_counter() - started

    def shares(self) -> dict[str, float]:
        """Return each part's share of all that was counted."""
        total = sum(self.seconds.values()) or 1.0
        return {part: round(seconds / total, 4) for part, seconds in self.seconds.items()}
