"""What a table or figure of generators shows: which sources, measured how, beside which numbers."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar

from synther.analysis.spec import DatasetRow, Spec

COLUMNS: dict[str, tuple[str, ...]] = {
    "generators": (
        *("marginal", "correlation", "mse", "distance", "memorised", "score"),
        *("fit_s", "sample_s", "parameters"),
    ),
    "ablations": ("marginal", "correlation", "mse", "distance", "score", "fit_s", "sample_s"),
    "diversity": ("distance", "data_distance", "memorised", "mse", "scaled_mse"),
    "marginals": ("marginal", "worst", "correlation"),
    "compression": ("parameters", "compression", "score", "marginal", "mse"),
}
"""Layout -> the measures that it has columns of."""


@dataclass(frozen=True)
class PaperMeasures:
    """Which published numbers to print: the file's table, and its names of columns and sources."""

    table: str
    variants: dict[str, str]
    measures: dict[str, str] = dataclasses.field(default_factory=dict)
    agents: dict[str, str] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class FidelitySpec(Spec):
    """Measures of generated transitions: a row a dataset and source.

    Attributes:
        layout: a key of `COLUMNS`: what is shown of the measures, and how.
        groups: group -> datasets.
        sources: slug -> name to print, in order.
        factors: what is varied -> its sources; one without a name where nothing is.
        files: dataset -> source -> "fidelity", "fit" and "sample" -> path of that result; a source
            without an entry is the dataset itself.
        not_installed: source -> the package that it lacks.
        paper: published numbers to print beside, if any.
    """

    kind: ClassVar[str] = "fidelity"

    layout: str
    groups: dict[str, list[DatasetRow]]
    sources: dict[str, str]
    factors: dict[str, list[str]]
    files: dict[str, dict[str, dict[str, str]]]
    not_installed: dict[str, str] = dataclasses.field(default_factory=dict)
    paper: PaperMeasures | None = None

    def __post_init__(self) -> None:
        """Check what no table can do without."""
        self.require("groups", "sources", "factors")
        self.require_known("layout", self.layout, COLUMNS)
        for names in self.factors.values():
            for name in names:
                self.require_known("source", name, self.sources)

    @property
    def rows(self) -> list[DatasetRow]:
        """The datasets of all groups, in order."""
        return [row for rows in self.groups.values() for row in rows]

    @property
    def columns(self) -> tuple[str, ...]:
        """The measures shown; none of agents where there are none."""
        return tuple(c for c in COLUMNS[self.layout] if c != "score" or self.agents)

    @classmethod
    def _parse(cls, fields: dict[str, Any]) -> dict[str, Any]:
        groups = {
            name: [DatasetRow(**row) for row in rows] for name, rows in fields["groups"].items()
        }
        paper = fields.get("paper")
        return fields | {"groups": groups, "paper": PaperMeasures(**paper) if paper else None}
