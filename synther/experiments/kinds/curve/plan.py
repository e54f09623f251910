"""What a curve runs and shows: score against how much of the data is kept."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from synther.config.specs import agent_spec, source_spec
from synther.errors import SyntherError
from synther.experiments import budget
from synther.experiments.kinds.comparison import plan as comparison
from synther.experiments.kinds.spec import DatasetRow, Spec


@dataclass(frozen=True, kw_only=True)
class CurveSpec(Spec):
    """Curves of score against percent or transitions kept, a panel a dataset and agent.

    The source of a point is `SERIES-AMOUNTUNIT`, such as `synther-15pct` or `synther-300rows`.

    Attributes:
        panels: the datasets, in order.
        series: first part of the sources' slugs -> name to print, in order.
        amounts: percent of the transitions, or transitions, that are kept, ascending.
        unit: which of both: pct or rows.
        reference: slugs of sources on all of the data -> name to print; drawn as level lines.
        baseline: the series that others are compared with, if not the first.
        rivals: series that are another agent's -> first part of the slugs of the sources that it
            learns from; they bear the agent's name, and stand in every panel.
    """

    kind: ClassVar[str] = "curve"

    panels: list[DatasetRow]
    series: dict[str, str]
    amounts: Sequence[float]
    unit: str = "pct"
    reference: dict[str, str] = dataclasses.field(default_factory=dict)
    baseline: str = ""
    rivals: dict[str, str] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check what no curve can do without."""
        self.require("panels", "agents", "series", "amounts")
        self.require_known("baseline", self.baseline, self.series)
        rising = all(a < b for a, b in zip(self.amounts, self.amounts[1:], strict=False))
        most = 100 if self.unit == "pct" else math.inf
        if not rising or not 0 < self.amounts[0] <= self.amounts[-1] <= most:
            raise SyntherError(
                f"curve {self.name} has amounts {self.amounts}; give them ascending, above 0 "
                "and, in percent, up to 100"
            )
        for rival in self.rivals:
            self.require_known("rival", rival, self.series)

    @property
    def baseline_series(self) -> str:
        """Slug of the series that others are compared with."""
        return self.baseline or next(iter(self.series))

    def source(self, series: str, amount: float) -> str:
        """Return the slug of the source that a series has at an amount."""
        return f"{series}-{self.number(amount, '')}{self.unit}"

    def number(self, amount: float, comma: str = ",") -> str:
        """Return an amount as text."""
        return f"{amount:g}" if self.unit == "pct" else f"{amount:{comma}.0f}"

    @property
    def head(self) -> str:
        """The head of the amounts' column."""
        return "Kept (%)" if self.unit == "pct" else "Transitions"

    @property
    def column(self) -> str:
        """The amounts' column in the file of tidy rows."""
        return "percent" if self.unit == "pct" else "transitions"

    @property
    def kept(self) -> str:
        """What an axis says behind an amount."""
        return "% of the transitions kept" if self.unit == "pct" else " transitions kept"

    @property
    def title_of_scores(self) -> str:
        """The heading of the table of scores."""
        return f"Score by {'share' if self.unit == 'pct' else 'size'} of the data"

    @property
    def at_the_same(self) -> str:
        """Where a point is compared with the baseline's."""
        return "at the same share" if self.unit == "pct" else "on the same transitions"

    @property
    def sources(self) -> list[str]:
        """Slugs of all points' sources, series by series."""
        return [self.source(name, amount) for name in self.series for amount in self.amounts]

    def origin(self, agent: str, series: str, source: str) -> tuple[str, str]:
        """Return the agent and source of the runs behind a panel's point."""
        if series not in self.rivals:
            return agent, source
        return series, self.rivals[series] + source.removeprefix(series)


class Plan(comparison.Plan):
    """An experiment of this kind."""

    requires = ("datasets", "agents", "sources")
    is_summarised = False  # its sources are shares of the data

    def listed_agents(self) -> list[str]:
        """Return every agent that the experiment names, those of other curves included."""
        return [*super().listed_agents(), *self.spec.get("rivals", {})]

    def describe(self) -> CurveSpec:  # type: ignore[override]
        """Return what the curve shows."""
        self.check_paper()
        panels = list(itertools.chain.from_iterable(self.groups().values()))
        reference, kept = self.spec.get("reference", []), self.matrix.shares(self.name)
        if len({share.unit for share in kept}) != 1:
            raise SyntherError(
                f"experiment '{self.name}' of kind curve has shares of {len(kept)} sizes: give it "
                "`percents` or `rows`, one of them"
            )
        series = {s: source_spec(s)["title"] for s in self.matrix.whole_sources(self.name)}
        rivals = self.spec.get("rivals", {})
        for agent, source in rivals.items():
            series[agent] = f"{agent_spec(agent)['title']} ({source_spec(source)['title']})"
        return CurveSpec(
            **self.heading(),
            budget=budget.describe(self.matrix, self.name),
            agents={agent: agent_spec(agent)["title"] for agent in self.matrix.agents(self.name)},
            physics=comparison.physics_of(panels),
            panels=panels,
            series=series,
            unit=kept[0].unit,
            amounts=[share.amount for share in kept],
            rivals=rivals,
            reference={s: f"{source_spec(s)['title']}, all of it" for s in reference},
        )
