"""What a curve runs and shows: score against how much of the data is kept."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from synther.config.specs import agent_spec, source_spec
from synther.errors import SyntherError
from synther.experiments import kinds
from synther.experiments.kinds.spec import Spec


@dataclass(frozen=True, kw_only=True)
class CurveSpec(Spec):
    """Curves of score against percent or transitions kept, a panel a dataset and agent.

    The source of a point is `SERIES-AMOUNTUNIT`, such as `synther-15pct` or `synther-300rows`.

    Attributes:
        series: first part of the sources' slugs -> name to print, in order; others are compared
            with the first.
        amounts: percent of the transitions, or transitions, that are kept, ascending.
        unit: which of both: pct or rows.
        reference: slugs of sources on all of the data -> name to print; drawn as level lines.
        rivals: series that are another agent's -> first part of the slugs of the sources that it
            learns from; they bear the agent's name, and stand in every panel.
    """

    series: dict[str, str]
    amounts: Sequence[float]
    unit: str = "pct"
    reference: dict[str, str] = dataclasses.field(default_factory=dict)
    rivals: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def baseline(self) -> str:
        """Slug of the series that others are compared with."""
        return next(iter(self.series))

    def source(self, series: str, amount: float) -> str:
        """Return the slug of the source that a series has at an amount."""
        return f"{series}-{self.number(amount, '')}{self.unit}"

    def number(self, amount: float, comma: str = ",") -> str:
        """Return an amount as text."""
        return f"{amount:g}" if self.unit == "pct" else f"{amount:{comma}.0f}"

    @property
    def column(self) -> str:
        """The name of amounts in tidy rows."""
        return "percent" if self.unit == "pct" else "transitions"

    @property
    def kept(self) -> str:
        """What is said behind an amount."""
        return "% of the transitions kept" if self.unit == "pct" else " transitions kept"

    @property
    def points(self) -> list[str]:
        """Slugs of every point's source, series by series."""
        return [self.source(name, n) for name in self.series for n in self.amounts]

    def origin(self, agent: str, series: str, source: str) -> tuple[str, str]:
        """Return the agent and source of the runs behind a panel's point."""
        if series not in self.rivals:
            return agent, source
        return series, self.rivals[series] + source.removeprefix(series)


class Plan(kinds.Plan):
    """An experiment of this kind."""

    shows = CurveSpec

    def described(self) -> dict[str, Any]:
        """Return the fields of the description, the curves and their points among them."""
        found, kept = super().described(), self.shares()
        if len({share.unit for share in kept}) != 1:
            raise SyntherError(
                f"experiment '{self.name}' of kind curve has shares of {len(kept)} sizes: give it "
                "`percents` or `rows`, one of them"
            )
        others = {
            agent: f"{agent_spec(agent)['title']} ({source_spec(source)['title']})"
            for agent, source in self.spec.get("rivals", {}).items()
        }
        whole = self.spec.get("reference", [])
        return found | {
            "series": found["sources"] | others,
            "unit": kept[0].unit,
            "amounts": sorted(share.amount for share in kept),
            "reference": {s: f"{source_spec(s)['title']}, all of it" for s in whole},
        }
