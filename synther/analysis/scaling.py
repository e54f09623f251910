"""Agents beside their larger versions: how much the score changes with the networks' size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from synther.analysis import bootstrap, paper, scores
from synther.analysis.bootstrap import Estimate
from synther.analysis.spec import Scaling, TableSpec
from synther.analysis.text import MISSING, number
from synther.errors import SyntherError

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
    claim: paper.Claim | None = None


def _claim(scaling: Scaling) -> paper.Claim | None:
    """Return the paper's claim, which has to be what the spec expects of it."""
    if not scaling.claim:
        return None
    claim = paper.claim(scaling.claim)
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
                    percent=bootstrap.estimate(
                        bootstrap.relative_change,
                        after,
                        before,
                        reps=spec.bootstrap_reps,
                        seed=spec.seed,
                    ),
                    claim=claim if is_claimed else None,
                )
            )
    return found, notes


def _signed(value: float) -> str:
    text = number(value)
    return text if text.startswith("-") or float(text) == 0 else f"+{text}"


def change_text(change: Estimate) -> str:
    """Return a change in percent, signed, with its interval; what isn't defined is left out."""
    if math.isnan(change.value):
        return MISSING
    if math.isnan(change.low):
        return _signed(change.value)
    return f"{_signed(change.value)} [{_signed(change.low)}, {_signed(change.high)}]"


def table_rows(spec: TableSpec, found: Sequence[Change]) -> list[list[str]]:
    """Return the changes as text, a head first; the claim's column only where there is one."""
    head = ["Networks", "Data", "Seeds", "Datasets", "Mean from", "Mean to", "Change (%)"]
    rows = [[*head, "Paper (%)"]]
    for change in found:
        (small, old), (large, new) = change.old, change.new
        labels = list(dict.fromkeys((spec.sources[old], spec.sources[new])))
        claim = change.claim.number if change.claim else None
        rows.append(
            [
                f"{spec.agents[small]} → {spec.agents[large]}",
                " → ".join(labels),
                " → ".join(dict.fromkeys(map(str, change.seeds))),
                str(change.datasets),
                number(change.old_mean),
                number(change.new_mean),
                change_text(change.percent),
                f"{_signed(claim.mean)}{claim.mark}" if claim else MISSING,
            ]
        )
    if not any(change.claim for change in found):
        rows = [row[:-1] for row in rows]
    return rows


def footnotes(spec: TableSpec, found: Sequence[Change]) -> list[str]:
    """Return how the changes were made, and in which words the paper claims what stands beside."""
    if not found:
        return []
    text = (
        f"{TITLE}: mean score over datasets and seeds, and its change relative to the former, in "
        "percent"
    )
    if any(not math.isnan(change.percent.low) for change in found):
        text += (
            ", with a 95% percentile interval of the same bootstrap "
            f"({spec.bootstrap_reps:,} resamples of the seeds of both sides)"
        )
    lines = [f"{text}."]
    if any(math.isnan(change.percent.value) for change in found):
        lines.append("No change is given relative to a mean that isn't above zero.")
    for claim in {c.claim.words: c.claim for c in found if c.claim}.values():
        lines.append(
            f"The paper's claim ({claim.agent}, {claim.family}): {claim.words}: "
            f"{_signed(claim.number.mean)}; {claim.number.provenance}. "
            "Which baseline it is over isn't known here."
        )
    return lines
