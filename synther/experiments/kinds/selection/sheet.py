"""The choice among policies as a sheet."""

from __future__ import annotations

import itertools

import pandas as pd

from synther import sheets
from synther.experiments.kinds.learning.sheet import plot
from synther.experiments.kinds.selection.numbers import REPS, Choices
from synther.experiments.kinds.selection.plan import SelectionSpec
from synther.sheets import notes, numbers
from synther.statistics.intervals import Estimate
from synther.statistics.selection import RUNS_PER_RESAMPLE

SHOWN = (1, 5, 10, 20, 50, 100)
"""Numbers of episodes that the table has columns for, and the axis ticks."""


def sheet(found: Choices) -> sheets.Sheet:
    """Return the plot with its table and notes."""
    spec, lines, pools = found.spec, found.lines, found.pools
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
    return sheets.Sheet(
        **spec.heading(),
        tables=(_table(found),),
        plots=(drawn,),
        notes=tuple(_notes(found)),
        tidy=sheets.frame_columns(pd.concat([lines, pools]).drop(columns="agents")),
    )


def _counts(spec: SelectionSpec) -> list[int]:
    return [count for count in SHOWN if count <= spec.episodes]


def _table(found: Choices) -> sheets.Table:
    spec, lines = found.spec, found.lines.set_index(["dataset", "source", "episodes"])
    counts = _counts(spec)
    heads = [*(f"{n} {'episode' if n == 1 else 'episodes'}" for n in counts), "Best", "Policies"]
    rows, pools = [], found.pools.set_index(["dataset", "source"])
    for row, source in itertools.product(spec.rows, spec.sources):
        if (row.name, source) not in pools.index:
            continue
        pool = pools.loc[(row.name, source)]
        runs = [sheets.run_key(row.name, source, agent) for agent in pool["agents"]]
        cells = [numbers.words(notes.label(row)), numbers.words(spec.sources[source])]
        for count in counts:
            at = lines.loc[(row.name, source, count)]
            estimate = Estimate(at["value"], at["low"], at["high"])
            cells.append(numbers.estimated(estimate, runs=runs))
        cells += [numbers.measured(pool["best"], runs=runs), numbers.count(pool["policies"])]
        rows.append(sheets.Row(tuple(cells)))
    columns = sheets.columns(("Dataset", "Data"), heads)
    return sheets.Table("Expected score", columns, tuple(rows), is_drawn=False)


def _notes(found: Choices) -> list[sheets.Note]:
    spec = found.spec
    lines = [
        "Offline agents can't be ranked without episodes in the environment. Shown is the true "
        "score of the policy that a bandit (UCB1) prefers after that many, on average (Jackson et "
        "al. 2025, arXiv 2504.11453).",
        f"Policies: the seeds of {', '.join(spec.agents.values())} after their last update. Their "
        "true score is the mean of the last evaluation's episodes, from which tries are drawn.",
        f"Dotted: the best of them. Bands and brackets: 95% intervals of {REPS} resamples of seeds "
        f"within agents at most, with {RUNS_PER_RESAMPLE} bandits each.",
        *notes.stand_ins(spec.rows),
    ]
    return [*map(sheets.Note, lines)]
