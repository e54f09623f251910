"""The numbers of learning curves: the mean over seeds at every evaluation, and published scores."""

import pandas as pd

from synther.experiments.kinds.learning.plan import LearningSpec
from synther.experiments.kinds.spec import Numbers
from synther.statistics import evaluations, scores
from synther.statistics.intervals import Records, line

COLUMNS = ("row", *scores.RUN, "step", "seeds", "value", "std", "low", "high", "status")


def measure(spec: LearningSpec, results: pd.DataFrame) -> Numbers:
    """Work out the curves.

    Returns:
        A row an evaluation of a run (`row` is point), and of each published score at the end of
        training, which has no step. `provenance` says where that is from.
    """
    rows = scores.belonging(spec, results)
    records: Records = []
    for key, run in evaluations.runs(rows).items():
        place = dict(zip(scores.RUN, key, strict=True))
        records += line(place, run.steps, run.scores[:, None, :], spec.band_reps)
    theirs = spec.published().rename(columns={"mean": "value"}).assign(row="published")
    records += theirs[theirs["source"].isin(list(spec.sources))].to_dict("records")
    counts = rows.groupby([*scores.RUN, "seed", "step"]).size()
    frame = pd.DataFrame(records).rename(columns={"x": "step"})
    frame = frame.reindex(columns=[*COLUMNS, "provenance"])
    return Numbers(spec, frame, COLUMNS, sorted(set(counts)))
