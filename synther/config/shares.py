"""What names say of a dataset: `15pct` of its transitions, `300rows`, others `-draw1`, `3step`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_SHARE = re.compile(r"([1-9]\d*)(pct|rows|step)(-whole)?(?:-draw([1-9]\d*))?")
_OPTIONS = {"pct": "percent", "rows": "rows", "step": "n_step"}
_WORDS = {"pct": "{}%", "rows": "{:,} transitions", "step": "{} steps a row"}
_KEYS = {"percents": "pct", "rows": "rows"}
"""What config/experiments.yaml and a preset list amounts under -> the unit in names."""


@dataclass(frozen=True)
class Share:
    """So many percent of a dataset's transitions, so many of them, or all in rows of n steps.

    Attributes:
        amount: from 1 to 99 percent, 1 transition or more, or 2 steps or more.
        unit: pct, rows or step.
        whole: whether whole trajectories are chosen, and not single transitions.
        draw: which choice of them it is: this is added to the seeds of the choice and of its fit.
    """

    amount: int
    unit: str
    whole: bool = False
    draw: int = 0

    def __str__(self) -> str:
        return self.size + "-whole" * self.whole + f"-draw{self.draw}" * bool(self.draw)

    @property
    def size(self) -> str:
        """How much it is, however it is chosen."""
        return f"{self.amount}{self.unit}"

    @property
    def words(self) -> str:
        """What titles say."""
        return _WORDS[self.unit].format(self.amount) + f", draw {self.draw}" * bool(self.draw)

    @property
    def option(self) -> str:
        """The option of `synther subset`, and the key of its record: percent, rows or n_step."""
        return _OPTIONS[self.unit]

    def of(self, rows: int) -> int:
        """Return how many of so many transitions it is."""
        if self.unit == "pct":
            return rows * self.amount // 100
        return min(self.amount, rows) if self.unit == "rows" else rows


def share_of(text: str) -> Share | None:
    """Return the share that a text is, or None where it is none."""
    if not (found := _SHARE.fullmatch(text)):
        return None
    amount, unit, draw = int(found[1]), found[2], int(found[4] or 0)
    if (unit == "pct" and amount > 99) or (unit == "step" and (amount == 1 or draw)):
        return None
    return Share(amount, unit, bool(found[3]), draw)


def split(name: str) -> tuple[str, Share | None]:
    """Return a source's name without the share at its end, and that."""
    head, mark, draw = name.partition("-draw")
    base, _, end = head.rpartition("-")
    share = share_of(end + mark + draw)
    return (base, share) if base and share else (name, None)


def listed(entry: Mapping[str, Any]) -> list[Share]:
    """Return the shares that an experiment's entry lists, in its order; it may list none."""
    return [Share(amount, unit) for key, unit in _KEYS.items() for amount in entry.get(key, [])]
