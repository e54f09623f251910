"""What the choice among policies runs and shows: the runs of a comparison, their last episodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from synther.experiments import kinds
from synther.experiments.kinds.spec import Spec


@dataclass(frozen=True, kw_only=True)
class SelectionSpec(Spec):
    """A panel a dataset, a line a source, whose policies are all agents' seeds.

    Attributes:
        episodes: most that are tried.
    """

    kind: ClassVar[str] = "selection"
    needs: ClassVar[tuple[str, ...]] = ("groups", "agents", "sources")

    episodes: int = 100


class Plan(kinds.Plan):
    """An experiment of this kind."""

    requires = ("datasets", "agents", "sources")

    def describe(self) -> SelectionSpec:
        """Return what the curves show."""
        return SelectionSpec(**self.described(), episodes=self.spec.get("episodes", 100))
