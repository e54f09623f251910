"""What learning curves run and show: the runs of a comparison, at every evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from synther.experiments import kinds
from synther.experiments.kinds.spec import Spec


@dataclass(frozen=True, kw_only=True)
class LearningSpec(Spec):
    """A panel a dataset and agent, a line a source; published final scores are level lines."""

    kind: ClassVar[str] = "learning"
    needs: ClassVar[tuple[str, ...]] = ("groups", "agents", "sources")


class Plan(kinds.Plan):
    """An experiment of this kind."""

    requires = ("datasets", "agents", "sources")

    def describe(self) -> LearningSpec:
        """Return what the curves show."""
        return LearningSpec(**self.described())
