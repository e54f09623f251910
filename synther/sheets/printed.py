"""Numbers in print, as cells: one way to round, and to show spreads, intervals and marks."""

import math
from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from synther.sheets.sheet import Cell
from synther.statistics.published import weakest_mark

SCORE_TOLERANCE = 5.0
"""Points within which a score agrees with the published one."""


def number(value: float, digits: int = 1, signed: bool = False) -> str:
    """Format a number, halves rounded up as in print; what rounds to zero has no sign."""
    # first to six places, because a mean of printed numbers falls a hair beside its half
    exact = Decimal(repr(round(float(value), 6)))
    text = str(exact.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP))
    if float(text) == 0:
        return text.lstrip("-")
    return text if text.startswith("-") or not signed else f"+{text}"


def span(counts: Iterable[float]) -> str:
    """Return whole numbers as text: one where all are the same, or the least and the most."""
    found = list(counts)
    low, high = min(found), max(found)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def count(value: float | None) -> Cell:
    """Return a cell of a whole number."""
    return Cell() if value is None or math.isnan(value) else Cell(f"{int(value):,}", float(value))


def measured(
    value: float,
    std: float = math.nan,
    low: float = math.nan,
    high: float = math.nan,
    *,
    digits: int = 1,
    signed: bool = False,
    text: str = "",
    **known: Any,
) -> Cell:
    """Return a cell of `value ± std [low, high]`; NaN where there is none.

    Args:
        value: mean, or estimate.
        std: standard deviation.
        low: lower end of the interval.
        high: upper end.
        digits: behind the point.
        signed: whether what is above zero has its sign.
        text: of the value, if it isn't rounded to `digits`.
        known: further fields of the cell.
    """
    known["runs"] = tuple(known.get("runs", ()))
    if math.isnan(value):
        return Cell(runs=known["runs"])
    text = text or number(value, digits, signed)
    if not math.isnan(std):
        text += f" ± {number(std, digits)}"
    if not math.isnan(low):
        text += f" [{number(low, digits, signed)}, {number(high, digits, signed)}]"
    return Cell(text, float(value), _known(std), _known(low), _known(high), **known)


def published(value: float, std: float = math.nan, *, status: str, **known: Any) -> Cell:
    """Return a cell of a published number, marked by its status, or the weakest of several."""
    mark = weakest_mark(filter(None, status.split(";")))
    return measured(value, std, mark=mark, status=status, **known)


def estimated(found: Any, digits: int = 1, runs: Sequence[str] = (), signed: bool = False) -> Cell:
    """Return a cell of an `Estimate` or a row with its fields: `value ± std [low, high]`.

    What it lacks is left out; the cell is empty where it is None.
    """
    if found is None:
        return Cell(runs=tuple(runs))
    std, ends = getattr(found, "std", math.nan), (found.low, found.high)
    return measured(found.value, std, *ends, digits=digits, signed=signed, runs=runs)


def agreement(
    ours: tuple[float, float, float], theirs: tuple[float, float, float], tolerance: float
) -> str:
    """Return how a measured number stands to a published one.

    Args:
        ours: mean, standard deviation, number of seeds; NaN where there is none.
        theirs: likewise.
        tolerance: how far apart they may be and still agree.

    Returns:
        close, noise (further apart, and yet within 1.96 standard errors), higher, lower, or
        nothing where one is missing.
    """
    if math.isnan(ours[0]) or math.isnan(theirs[0]):
        return ""
    gap = ours[0] - theirs[0]
    if abs(gap) <= tolerance:
        return "close"
    variance = sum(
        std**2 / seeds for _, std, seeds in (ours, theirs) if not math.isnan(std * seeds)
    )
    if abs(gap) <= 1.96 * math.sqrt(variance):
        return "noise"
    return "higher" if gap > 0 else "lower"


def duration(seconds: float) -> str:
    """Return seconds as text: `5.2 h`, `7.1 min` or `42 s`."""
    if seconds >= 3600:
        return f"{number(seconds / 3600)} h"
    return f"{number(seconds / 60)} min" if seconds >= 60 else f"{number(seconds, 0)} s"


def counted(counts: Iterable[int], noun: str) -> str:
    """Return how many seeds or the like there are, where places differ the least and the most."""
    found = set(counts)
    return f"{span(found)} {noun}{'' if found == {1} else 's'}"
