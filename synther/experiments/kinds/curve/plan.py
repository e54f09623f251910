"""What a curve runs and shows: score against the share of the data that is kept."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from synther.errors import SyntherError
from synther.experiments import budget
from synther.experiments.kinds.comparison import plan as comparison
from synther.experiments.kinds.spec import DatasetRow, Spec
from synther.specs import agent_spec, source_spec


@dataclass(frozen=True, kw_only=True)
class CurveSpec(Spec):
    """Curves of score against percent kept, a panel a dataset and agent.

    The source of a point is `SERIES-PERCENTpct`, such as `synther-15pct`.

    Attributes:
        panels: the datasets, in order.
        series: first part of the sources' slugs -> name to print, in order.
        percents: percent of the transitions that are kept, ascending.
        reference: slugs of sources on all of the data -> name to print; drawn as level lines.
        baseline: the series that others are compared with, if not the first.
    """

    kind: ClassVar[str] = "curve"

    panels: list[DatasetRow]
    series: dict[str, str]
    percents: Sequence[float]
    reference: dict[str, str] = dataclasses.field(default_factory=dict)
    baseline: str = ""

    def __post_init__(self) -> None:
        """Check what no curve can do without."""
        self.require("panels", "agents", "series", "percents")
        self.require_known("baseline", self.baseline, self.series)
        rising = all(a < b for a, b in zip(self.percents, self.percents[1:], strict=False))
        if not rising or not 0 < self.percents[0] <= self.percents[-1] <= 100:
            raise SyntherError(
                f"curve {self.name} has percents {self.percents}; give them ascending, above 0 "
                "and up to 100"
            )

    @property
    def baseline_series(self) -> str:
        """Slug of the series that others are compared with."""
        return self.baseline or next(iter(self.series))

    @staticmethod
    def source(series: str, percent: float) -> str:
        """Return the slug of the source that a series has at a percentage."""
        return f"{series}-{percent:g}pct"

    @property
    def sources(self) -> list[str]:
        """Slugs of all points' sources, series by series."""
        return [self.source(name, percent) for name in self.series for percent in self.percents]


class Plan(comparison.Plan):
    """An experiment of this kind."""

    requires = ("datasets", "agents", "sources")
    is_summarised = False  # its sources are shares of the data

    def describe(self) -> CurveSpec:  # type: ignore[override]
        """Return what the curve shows."""
        self.check_paper()
        panels = list(itertools.chain.from_iterable(self.groups().values()))
        reference = self.spec.get("reference", [])
        return CurveSpec(
            **self.heading(),
            budget=budget.describe(self.matrix, self.name),
            agents={agent: agent_spec(agent)["title"] for agent in self.matrix.agents(self.name)},
            physics=comparison.physics_of(panels),
            panels=panels,
            series={s: source_spec(s)["title"] for s in self.matrix.whole_sources(self.name)},
            percents=self.matrix.percents(self.name),
            reference={s: f"{source_spec(s)['title']}, all of it" for s in reference},
        )
