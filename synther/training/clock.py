"""Where a job's time goes: seconds by part."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Clock:
    """Adds up the seconds that a job spends on each of its parts.

    Args:
        *parts: their names.
    """

    def __init__(self, *parts: str) -> None:
        self.seconds = dict.fromkeys(parts, 0.0)

    @contextmanager
    def time(self, part: str) -> Iterator[None]:
        """Count the time of the block to `part`."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[part] += time.perf_counter() - started

    def rounded(self) -> dict[str, float]:
        """Return the seconds of each part, for records."""
        return {part: round(seconds, 3) for part, seconds in self.seconds.items()}

    def shares(self) -> dict[str, float]:
        """Return each part's share of all that was counted."""
        total = sum(self.seconds.values()) or 1.0
        return {part: round(seconds / total, 4) for part, seconds in self.seconds.items()}
