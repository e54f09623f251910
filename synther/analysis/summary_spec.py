"""What a summary over datasets shows: aggregates, performance profiles or sample efficiency."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from synther.analysis.spec import DatasetRow, Spec
from synther.errors import unknown_name

LAYOUTS = ("aggregates", "profiles", "curves")
OVERALL = "overall"
"""The name of all groups together."""


@dataclass(frozen=True, kw_only=True)
class SummarySpec(Spec):
    """Agents on several sources, summarised over the datasets of each group, and over all.

    Attributes:
        layout: one of `LAYOUTS`.
        groups: group -> datasets, in order.
        sources: slug -> name to print, in order; the first is what others are compared with.
    """

    kind: ClassVar[str] = "summary"

    layout: str
    groups: dict[str, list[DatasetRow]]
    sources: dict[str, str]

    def __post_init__(self) -> None:
        """Check what no summary can do without."""
        self.require("groups", "agents", "sources")
        if self.layout not in LAYOUTS:
            raise unknown_name("layout", self.layout, LAYOUTS, f"summary {self.name}")

    @property
    def rows(self) -> list[DatasetRow]:
        """The datasets of all groups, in order."""
        return [row for rows in self.groups.values() for row in rows]

    @property
    def baseline(self) -> str:
        """Slug of the source over which the probability of improvement is."""
        return next(iter(self.sources))

    @classmethod
    def _parse(cls, fields: dict[str, Any]) -> dict[str, Any]:
        groups = {
            name: [DatasetRow(**row) for row in rows] for name, rows in fields["groups"].items()
        }
        return fields | {"groups": groups}
