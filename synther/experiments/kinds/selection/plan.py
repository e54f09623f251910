"""What the choice among policies runs and shows: the runs of a comparison, their last episodes."""

from dataclasses import dataclass

from synther.experiments import kinds


@dataclass(frozen=True, kw_only=True)
class SelectionSpec(kinds.Spec):
    """A panel a dataset, a line a source, whose policies are all agents' seeds.

    Attributes:
        episodes: most that are tried.
    """

    episodes: int = 100


class Plan(kinds.Plan):
    """An experiment of this kind."""

    shows = SelectionSpec
