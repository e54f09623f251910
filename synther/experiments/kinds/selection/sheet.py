"""The choice among policies as a sheet."""

from __future__ import annotations

import itertools

import pandas as pd

from synther import sheets
from synther.experiments.kinds import Numbers
from synther.experiments.kinds.learning.sheet import plot
from synther.experiments.kinds.selection.numbers import REPS
from synther.experiments.kinds.selection.plan import SelectionSpec
from synther.sheets import notes, numbers
from synther.statistics.intervals import Estimate
from synther.statistics.selection import RUNS_PER_RESAMPLE

COLUMNS = (*("dataset", "source", "episodes", "value", "low", "high", "policies", "mean", "best"),)
SHOWN = (1, 5, 10, 20, 50, 100)
"""Numbers of episodes that the table has columns for, and the axis ticks."""


def sheet(found: Numbers) -> sheets.Sheet:
    """Return the plot with its table and notes."""
    spec, lines, pools = found.spec, *_parts(found)
    ends = (1, lines["episodes"].max())
    panels = [
        sheets.Panel(
            row.name,
            notes.label(row),
            x="episodes tried",
            y="expected score",
            x_ticks=tuple((count, str(count)) for count in _counts(spec)),
            x_limits=ends,
            x_scale="log",
        )
        for row in spec.rows
        if row.name in set(lines["dataset"])
    ]
    drawn = plot(
        lines.assign(panel=lines["dataset"], x=lines["episodes"]),
        pools.assign(panel=pools["dataset"], y=pools["best"]),
        spec.sources,
        "best policy",
        panels,
    )
    return found.sheet(
        COLUMNS,
        ("episodes", "policies"),
        tables=[_table(found)],
        plots=[drawn],
        notes=_notes(found),
    )


def _parts(found: Numbers) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows of lines, and those of pools of policies."""
    is_pool = found.frame["episodes"].isna()
    return found.frame[~is_pool], found.frame[is_pool]


def _counts(spec: SelectionSpec) -> list[int]:
    return [count for count in SHOWN if count <= spec.episodes]


def _table(found: Numbers) -> sheets.Table:
    spec, (lines, pools) = found.spec, _parts(found)
    lines = lines.set_index(["dataset", "source", "episodes"])
    counts = _counts(spec)
    heads = [*(f"{n} {'episode' if n == 1 else 'episodes'}" for n in counts), "Best", "Policies"]
    rows, pools = [], pools.set_index(["dataset", "source"])
    for row, source in itertools.product(spec.rows, spec.sources):
        if (row.name, source) not in pools.index:
            continue
        pool = pools.loc[(row.name, source)]
        runs = [sheets.run_key(row.name, source, agent) for agent in pool["agents"]]
        at = (lines.loc[(row.name, source, count)] for count in counts)
        cells = [
            *(numbers.estimated(Estimate(*own[["value", "low", "high"]]), runs=runs) for own in at),
            numbers.measured(pool["best"], runs=runs),
            numbers.count(pool["policies"]),
        ]
        rows.append([notes.label(row), spec.sources[source], *cells])
    columns = sheets.columns(("Dataset", "Data"), heads)
    return sheets.table("Expected score", columns, rows, is_drawn=False)


def _notes(found: Numbers) -> list[str]:
    spec = found.spec
    return [
        "Offline agents can't be ranked without episodes in the environment. Shown is the true "
        "score of the policy that a bandit (UCB1) prefers after that many, on average (Jackson et "
        "al. 2025, arXiv 2504.11453).",
        f"Policies: the seeds of {', '.join(spec.agents.values())} after their last update. Their "
        "true score is the mean of the last evaluation's episodes, from which tries are drawn.",
        f"Dotted: the best of them. Bands and brackets: 95% intervals of {REPS} resamples of seeds "
        f"within agents at most, with {RUNS_PER_RESAMPLE} bandits each.",
        *notes.stand_ins(spec.rows),
    ]
