"""Agents beside their larger versions: how much the score changes with the networks' size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from synther.errors import SyntherError
from synther.experiments.kinds.comparison.plan import Scaling, TableSpec
from synther.statistics import intervals, published, scores
from synther.statistics.intervals import Estimate

TITLE = "Larger networks"


@dataclass(frozen=True)
class Change:
    """A mean score over datasets relative to another agent's, perhaps on another source.

    Attributes:
        old: (agent, source) that the change is from.
        new: (agent, source) that it is to.
        datasets: how many the means are over: those that both agents have on all sources.
        seeds: how many each side has.
        old_mean: mean score over datasets and seeds.
        new_mean: likewise.
        percent: the change relative to `old_mean`; NaN where that isn't above zero.
        claim: what the paper claims of it, if anything.
    """

    old: tuple[str, str]
    new: tuple[str, str]
    datasets: int
    seeds: tuple[int, int]
    old_mean: float
    new_mean: float
    percent: Estimate
    claim: published.Claim | None = None


def _claim(scaling: Scaling) -> published.Claim | None:
    """Return the paper's claim, which has to be what the spec expects of it."""
    if not scaling.claim:
        return None
    claim = published.claim(scaling.claim)
    expected = [
        (scaling.claim_percent, claim.number.mean, "percent"),
        (scaling.claim_status or None, claim.number.status, "status"),
    ]
    for wanted, found, name in expected:
        if wanted is not None and wanted != found:
            raise SyntherError(
                f"the claim '{scaling.claim}' has {name} {found} in the paper's numbers, not "
                f"{wanted}: leave claim_{name} out of the experiment, or correct one of them"
            )
    return claim


def _matrices(
    spec: TableSpec, final: pd.DataFrame, agents: Sequence[str], names: Sequence[str]
) -> dict[tuple[str, str], np.ndarray]:
    """Return the scores of both agents on the sources and datasets that they have in common."""
    sources, datasets = list(spec.sources), list(names)
    for _ in range(2):  # the second time with what the other agent lacks left out of both
        covered = [scores.coverage(final, agent, sources, datasets) for agent in agents]
        sources = [s for s in sources if all(s in c.sources for c in covered)]
        datasets = [d for d in datasets if all(d in c.datasets for c in covered)]
    return {
        (agent, source): scores.score_matrix(final, agent, source, datasets, found.seeds)
        for agent, found in zip(agents, covered, strict=True)
        for source in sources
        if datasets
    }


def changes(spec: TableSpec, final: pd.DataFrame) -> tuple[list[Change], list[str]]:
    """Work out how scores change from each agent to its larger version.

    On every source, and from the agent on the baseline source to the larger on every other: the
    last is what the paper's claim is set beside.

    Args:
        spec: a table with `scaling`; without, there are no changes.
        final: as `scores.final_scores` returns them.

    Returns:
        The changes, and in words what is missing.
    """
    scaling = spec.scaling
    if scaling is None:
        return [], []
    rows = spec.groups[scaling.group] if scaling.group else spec.rows
    names = [row.name for row in rows]
    base, claim = spec.baseline_source, _claim(scaling)
    others = [source for source in spec.sources if source != base]
    claimed = scaling.claim_source or (others[0] if others else "")
    theirs = spec.paper.agents if spec.paper else {}
    found: list[Change] = []
    notes: list[str] = []
    for small, large in scaling.pairs.items():
        matrices = _matrices(spec, final, [small, large], names)
        label = f"{TITLE}, {spec.agents[small]}"
        if not matrices:
            notes.append(f"{label}: no dataset has results of both sizes.")
            continue
        used = next(iter(matrices.values())).shape[1]
        if used < len(names):
            notes.append(f"{label}: over the {used} of {len(names)} datasets that both sizes have.")
        pairs = [((small, source), (large, source)) for source in spec.sources]
        pairs += [((small, base), (large, source)) for source in others]
        for old, new in pairs:
            if old not in matrices or new not in matrices:
                continue
            before, after = matrices[old], matrices[new]
            is_claimed = (
                claim is not None
                and claim.agent in (spec.agents[small], theirs.get(small))
                and (old[1], new[1]) == (base, claimed)
            )
            found.append(
                Change(
                    old,
                    new,
                    datasets=used,
                    seeds=(len(before), len(after)),
                    old_mean=float(before.mean()),
                    new_mean=float(after.mean()),
                    percent=intervals.bootstrap(
                        intervals.versus(intervals.mean, intervals.relative_change),
                        intervals.columns(after, before),
                        spec.bootstrap_reps,
                        spec.seed,
                    ),
                    claim=claim if is_claimed else None,
                )
            )
    return found, notes
