"""The expected score of the policy that a bandit prefers after each number of episodes."""

from typing import Any

import pandas as pd

from synther.experiments.kinds import Numbers
from synther.experiments.kinds.selection.plan import SelectionSpec
from synther.statistics import scores, selection

COLUMNS = ("dataset", "source", "episodes", "value", "low", "high", "policies", "mean", "best")
REPS = 200
"""Most resamples of the policies: each is tried with `RUNS_PER_RESAMPLE` bandits."""


def measure(spec: SelectionSpec, results: pd.DataFrame) -> Numbers:
    """Work out the curves from the episodes of every seed's last evaluation.

    Returns:
        A row a (dataset, source, episodes) with the expected score `value`, `low` and `high`, and
        one a (dataset, source), without `episodes`: the number of `policies`, their `mean` and
        `best` score, and `agents`.
    """
    rows = scores.belonging(spec, results)
    lines: list[dict[str, Any]] = []
    pools: list[dict[str, Any]] = []
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
    return Numbers(spec, pd.DataFrame([*lines, *pools]), COLUMNS)
