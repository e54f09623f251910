"""The expected score of the policy that a bandit prefers after each number of episodes."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from synther.experiments.kinds.selection.plan import SelectionSpec
from synther.statistics import scores, selection
from synther.statistics.scores import read_results as read

__all__ = ["Choices", "measure", "read"]

REPS = 200
"""Most resamples of the policies: each is tried with `RUNS_PER_RESAMPLE` bandits."""


@dataclass(frozen=True)
class Choices:
    """The lines of all panels.

    Attributes:
        spec: what is shown.
        lines: a row a (dataset, source, episodes): `value`, `low`, `high`; scores.
        pools: a row a (dataset, source): the number of `policies`, their `mean` and `best` score,
            and `agents`.
    """

    spec: SelectionSpec
    lines: pd.DataFrame
    pools: pd.DataFrame


def measure(spec: SelectionSpec, results: pd.DataFrame) -> Choices:
    """Work out the curves from the episodes of every seed's last evaluation.

    Raises:
        SyntherError: results are of another preset, or none belongs here.
    """
    rows = scores.belonging(spec, results, [row.name for row in spec.rows], list(spec.sources))
    lines, pools = [], []
    for (dataset, source), group in scores.last_evaluations(rows).groupby(["dataset", "source"]):
        policies = group.groupby(["agent", "seed"])["score"].apply(lambda own: own.to_numpy())
        agents = policies.index.get_level_values("agent").tolist()
        reps = min(spec.bootstrap_reps, REPS)
        found = selection.expected_scores(list(policies), agents, spec.episodes, reps)
        place = {"dataset": dataset, "source": source}
        lines += [place | {"episodes": n, **vars(at)} for n, at in enumerate(found, start=1)]
        truth = policies.map(lambda own: own.mean())
        best = {"policies": len(truth), "mean": truth.mean(), "best": truth.max()}
        pools.append(place | best | {"agents": sorted(set(agents))})
    return Choices(spec, pd.DataFrame(lines), pd.DataFrame(pools))
