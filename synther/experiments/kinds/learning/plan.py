"""What learning curves run and show: the runs of a comparison, at every evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from synther.experiments.kinds.comparison import plan as comparison


@dataclass(frozen=True, kw_only=True)
class LearningSpec(comparison.TableSpec):
    """A panel a dataset and agent, a line a source; published final scores are level lines."""

    kind: ClassVar[str] = "learning"


class Plan(comparison.Plan):
    """An experiment of this kind."""

    is_summarised = False  # the comparison with the same runs is

    def describe(self) -> LearningSpec:
        """Return what the curves show."""
        return LearningSpec(**vars(super().describe()))
