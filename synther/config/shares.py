"""A part of a dataset as names have it: `15pct` of its transitions, or `300rows` of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_SHARE = re.compile(r"(?P<amount>[1-9]\d*)(?P<unit>pct|rows)")
_KEYS = {"percents": "pct", "rows": "rows"}
"""What config/experiments.yaml and a preset list amounts under -> the unit in names."""


@dataclass(frozen=True)
class Share:
    """So many percent of a dataset's transitions, or so many of them.

    Attributes:
        amount: from 1 to 99 percent, or 1 transition or more.
        unit: pct or rows.
    """

    amount: int
    unit: str

    def __str__(self) -> str:
        return f"{self.amount}{self.unit}"

    @property
    def words(self) -> str:
        """What titles say."""
        return f"{self.amount}%" if self.unit == "pct" else f"{self.amount:,} transitions"

    @property
    def option(self) -> str:
        """The option of `synther subset`, and the key of its record: percent or rows."""
        return "percent" if self.unit == "pct" else "rows"

    def of(self, rows: int) -> int:
        """Return how many of so many transitions it is."""
        return min(self.amount, rows) if self.unit == "rows" else rows * self.amount // 100


def share_of(text: str) -> Share | None:
    """Return the share that a text is, or None where it is none."""
    found = _SHARE.fullmatch(text)
    if found is None or (found["unit"] == "pct" and len(found["amount"]) > 2):
        return None
    return Share(int(found["amount"]), found["unit"])


def split(name: str) -> tuple[str, Share | None]:
    """Return a source's name without the share at its end, and that; NAME-15pct, NAME-300rows."""
    base, _, end = name.rpartition("-")
    share = share_of(end)
    return (base, share) if base and share else (name, None)


def listed(entry: Mapping[str, Any]) -> list[Share]:
    """Return the shares that an experiment's entry lists, in its order; it may list none."""
    return [Share(amount, unit) for key, unit in _KEYS.items() for amount in entry.get(key, [])]
