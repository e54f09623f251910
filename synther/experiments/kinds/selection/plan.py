"""What the choice among policies runs and shows: the runs of a comparison, their last episodes."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar

from synther.experiments.kinds.comparison import plan as comparison


@dataclass(frozen=True, kw_only=True)
class SelectionSpec(comparison.TableSpec):
    """A panel a dataset, a line a source, whose policies are all agents' seeds."""

    kind: ClassVar[str] = "selection"

    paper: None = dataclasses.field(default=None, init=False)
    episodes: int = 100


class Plan(comparison.Plan):
    """An experiment of this kind; `episodes` of its entry are the most that are tried."""

    is_summarised = False

    def describe(self) -> SelectionSpec:
        """Return what the curves show."""
        known: dict[str, Any] = vars(super().describe())
        del known["paper"]
        return SelectionSpec(**known, episodes=self.spec.get("episodes", 100))
