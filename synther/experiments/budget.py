"""Words that budgets have in common: runs that differ, generators."""

from collections.abc import Iterable, Mapping
from typing import Any


def listed(numbers: Iterable[int]) -> str:
    """Return numbers that differ between runs, each once: "16, 32 or 64"."""
    every = [f"{n:,}" for n in sorted(set(numbers))]
    return " or ".join(filter(None, (", ".join(every[:-1]), *every[-1:])))


def generator(name: str, samples: int, settings: Mapping[str, Any]) -> str:
    """Return how large a generator is, how long it is fitted, and how much is drawn from it."""
    words = f"{name}: {samples:,} samples"
    for key, unit in (("width", "width {:,}"), ("steps", "{:,} steps")):
        if key in settings:
            words += ", " + unit.format(settings[key])
    return words
