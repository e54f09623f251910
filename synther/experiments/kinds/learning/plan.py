"""What learning curves run and show: the runs of a comparison, at every evaluation."""

from synther.experiments import kinds


class LearningSpec(kinds.Spec):
    """A panel a dataset and agent, a line a source; published final scores are level lines."""


class Plan(kinds.Plan):
    """An experiment of this kind."""

    shows = LearningSpec
