"""Agents beside their larger versions: how much the score changes with the networks' size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from synther.experiments.kinds.comparison.plan import TableSpec
from synther.statistics import intervals, published, scores

TITLE = "Larger networks"
CLAIM = "AVERAGE (scaled network)"
"""What the paper claims of them, as its numbers name it: samples over the smaller on real data."""


def _matrices(
    spec: TableSpec, final: pd.DataFrame, agents: Sequence[str]
) -> dict[tuple[str, str], np.ndarray]:
    """Return the scores of both agents on the sources and datasets that they have in common."""
    sources, datasets = list(spec.sources), [row.name for row in spec.rows]
    for _ in range(2):  # the second time with what the other agent lacks left out of both
        covered = [scores.coverage(final, agent, sources, datasets) for agent in agents]
        sources = [s for s in sources if all(s in c.sources for c in covered)]
        datasets = [d for d in datasets if all(d in c.datasets for c in covered)]
    return {
        (own.agent, source): scores.score_matrix(final, own.agent, source, datasets, own.seeds)
        for own in covered
        for source in sources
        if datasets
    }


def changes(spec: TableSpec, final: pd.DataFrame) -> tuple[list[dict[str, Any]], list[str]]:
    """Work out how scores change from each agent to its larger version.

    On every source, and from the agent on the baseline source to the larger on every other: the
    last is what the paper's claim is set beside, on the first of these.

    Args:
        spec: a table with `larger`; without, there are no changes.
        final: as `scores.final_scores` returns them.

    Returns:
        Rows of a comparison's frame, and in words what is missing.
    """
    found: list[dict[str, Any]] = []
    notes: list[str] = []
    base, whole = spec.baseline, len(spec.rows)
    others = [source for source in spec.sources if source != base]
    theirs = spec.paper.agents if spec.paper else {}
    for small, large in spec.larger.items():
        matrices, claim = _matrices(spec, final, [small, large]), published.claim(CLAIM)
        label = f"{TITLE}, {spec.agents[small]}"
        if not matrices:
            notes.append(f"{label}: no dataset has results of both sizes.")
            continue
        used = next(iter(matrices.values())).shape[1]
        if used < whole:
            notes.append(f"{label}: over the {used} of {whole} datasets that both sizes have.")
        pairs = [((small, source), (large, source)) for source in spec.sources]
        pairs += [((small, base), (large, source)) for source in others]
        for old, new in pairs:
            if old not in matrices or new not in matrices:
                continue
            before, after = matrices[old], matrices[new]
            is_claimed = claim.agent in (spec.agents[small], theirs.get(small))
            is_claimed = is_claimed and (old[1], [new[1]]) == (base, others[:1])
            change = intervals.bootstrap(
                intervals.versus(intervals.mean, intervals.relative_change),
                intervals.columns(after, before),
                spec.bootstrap_reps,
            )
            found.append(
                {
                    **{"row": "scaling", "agent": large, "source": new[1], "datasets": used},
                    **{"metric": "relative_change_percent", "mean": float(after.mean())},
                    **{"from_agent": small, "from_source": old[1]},
                    **{"from_mean": float(before.mean()), "from_seeds": len(before)},
                    "seeds": len(after),
                    **vars(change),
                    "paper_mean": claim.number.mean if is_claimed else math.nan,
                    "paper_status": claim.number.status if is_claimed else "",
                }
            )
    return found, notes
