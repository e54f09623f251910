"""The numbers of learning curves: the mean over seeds at every evaluation, and published scores."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from synther.experiments.kinds.learning.plan import LearningSpec
from synther.statistics import evaluations, intervals, published, scores
from synther.statistics.intervals import BAND_REPS
from synther.statistics.scores import read_results as read

__all__ = ["Curves", "measure", "read"]


@dataclass(frozen=True)
class Curves:
    """The lines and levels of all panels.

    Attributes:
        spec: what is shown.
        lines: a row an evaluation of a (dataset, source, agent): its `step`, `value`, `low`,
            `high` and `seeds`; scores.
        levels: (dataset, source, agent) -> the published score at the end of training.
        episodes: the different numbers of episodes of an evaluation.
    """

    spec: LearningSpec
    lines: pd.DataFrame
    levels: dict[tuple[str, str, str], published.PaperNumber]
    episodes: list[int]


def measure(spec: LearningSpec, results: pd.DataFrame) -> Curves:
    """Work out the curves.

    Args:
        spec: what to show.
        results: rows as `scores.read_results` returns them.

    Raises:
        SyntherError: results are of another preset, none belongs here, or seeds of one run were
            evaluated at different steps.
    """
    rows = scores.belonging(spec, results, [row.name for row in spec.rows], list(spec.sources))
    reps = min(spec.bootstrap_reps, BAND_REPS)
    records = []
    for key, run in evaluations.runs(rows).items():
        for step, column in zip(run.steps, run.scores.T, strict=True):
            found = intervals.bootstrap(intervals.mean, [column], reps)
            place = dict(zip(scores.RUN, key, strict=True))
            records.append(place | {"step": step, **vars(found), "seeds": len(column)})
    counts = rows.groupby([*scores.RUN, "seed", "step"]).size()
    return Curves(spec, pd.DataFrame(records), dict(_published(spec)), sorted(np.unique(counts)))


def _published(
    spec: LearningSpec,
) -> Iterator[tuple[tuple[str, str, str], published.PaperNumber]]:
    """Yield the published number of every panel and source that has one."""
    if (paper := spec.paper) is None:
        return
    published.require_mapping(paper.table, paper.variants.values())
    for row in spec.rows:
        for source, variant in paper.variants.items():
            for agent, name in paper.agents.items():
                found = published.lookup(paper.table, row.paper_name, name, variant)
                if found and agent in spec.agents and source in spec.sources:
                    yield (row.name, source, agent), found
