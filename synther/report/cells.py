"""Tables of the page: cells with a text, a number to sort by, and the runs behind them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from synther.analysis import paper
from synther.analysis.text import MISSING, number

SCORE_TOLERANCE = 5.0
"""Points within which a score agrees with the paper's."""
FIDELITY_TOLERANCE = 0.02
"""Of marginals and correlations, which run from 0 to 1."""
RELATIVE_TOLERANCE = 0.1
"""Share of a published return."""
AGREEMENTS = {
    "close": ("≈", "agrees"),
    "noise": ("~", "within the noise of seeds"),
    "higher": ("▲", "higher than the paper's"),
    "lower": ("▼", "lower than the paper's"),
}
"""How a number stands to the paper's: a sign and words, beside the colour."""


@dataclass(frozen=True)
class Cell:
    """A cell.

    Attributes:
        text: what is shown.
        sort: what it is sorted by; the text where None.
        keys: runs behind it (`provenance.run_key`), or a path of a record.
        agreement: one of `AGREEMENTS`, or nothing.
        is_paper: whether the number is published and not measured here.
    """

    text: str
    sort: float | None = None
    keys: tuple[str, ...] = ()
    agreement: str = ""
    is_paper: bool = False

    @property
    def sign(self) -> str:
        """The sign of the agreement."""
        return AGREEMENTS[self.agreement][0] if self.agreement else ""

    @property
    def words(self) -> str:
        """The agreement in words."""
        return AGREEMENTS[self.agreement][1] if self.agreement else ""


@dataclass(frozen=True)
class Column:
    """A column's head; `is_name` where it holds no numbers."""

    head: str
    is_name: bool = False
    is_paper: bool = False


@dataclass
class Table:
    """A sortable table; `footer` rows stay below."""

    title: str
    columns: list[Column]
    rows: list[list[Cell]] = field(default_factory=list)
    footer: list[list[Cell]] = field(default_factory=list)

    @property
    def has_agreement(self) -> bool:
        """Whether any number stands beside the paper's."""
        return any(cell.agreement for row in [*self.rows, *self.footer] for cell in row)


def is_there(value: object) -> bool:
    """Return whether a value of a CSV is given."""
    return value is not None and value == value and value != ""


def word(value: object) -> Cell:
    """Return a cell of words."""
    return Cell(str(value) if is_there(value) else "")


def count(value: Any) -> Cell:
    """Return a cell of a whole number."""
    return Cell(f"{int(value)}", float(value)) if is_there(value) else Cell(MISSING)


def mark_of(status: object) -> str:
    """Return the mark of a published number's status, or of several joined by `;`."""
    return paper.weakest_mark(str(status).split(";")) if is_there(status) else ""


def measured(
    value: float,
    std: float = math.nan,
    bounds: tuple[float, float] = (math.nan, math.nan),
    digits: int = 1,
    keys: tuple[str, ...] = (),
    agreement: str = "",
) -> Cell:
    """Return a cell of a number with its spread or interval."""
    if not is_there(value):
        return Cell(MISSING)
    text = number(value, digits)
    if is_there(std):
        text += f" ± {number(std, digits)}"
    if is_there(bounds[0]):
        text += f" [{number(bounds[0], digits)}, {number(bounds[1], digits)}]"
    return Cell(text, float(value), keys, agreement)


def published(mean: float, std: float, mark: str, digits: int = 1) -> Cell:
    """Return a cell of a published number with the mark of its status."""
    if not is_there(mean):
        return Cell(MISSING, is_paper=True)
    spread = f" ± {number(std, digits)}" if is_there(std) else ""
    return Cell(f"{number(mean, digits)}{spread}{mark}", float(mean), is_paper=True)


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
    if not (is_there(ours[0]) and is_there(theirs[0])):
        return ""
    gap = ours[0] - theirs[0]
    if abs(gap) <= tolerance:
        return "close"
    variance = sum(std**2 / seeds for _, std, seeds in (ours, theirs) if is_there(std * seeds))
    if abs(gap) <= 1.96 * math.sqrt(variance):
        return "noise"
    return "higher" if gap > 0 else "lower"
