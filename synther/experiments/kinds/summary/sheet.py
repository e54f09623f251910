"""A summary over datasets as a sheet: intervals side by side or panels of lines, and a table."""

import pandas as pd

from synther import sheets
from synther.experiments.kinds.summary.numbers import (
    AVERAGE,
    BEST,
    THRESHOLDS,
    Summary,
)
from synther.experiments.kinds.summary.plots import (
    BLOCK,
    LEAST_SCORES,
    group_label,
    is_drawn,
    metrics_of,
)
from synther.experiments.kinds.summary.plots import plots as plots
from synther.sheets import notes, printed
from synther.sheets.sheet import run_key
from synther.statistics.evaluations import WINDOW
from synther.statistics.intervals import BAND_REPS, IMPROVEMENT

SHARES = (25, 50, 75, 100)
"""Percent of the updates at which a table prints the curves."""


def _shown(found: Summary, own: pd.DataFrame) -> list[sheets.Cell]:
    """Return what the table shows of one block's source."""
    rows = list(own.itertuples())
    runs = [run_key(name, rows[0].source, rows[0].agent) for name in rows[0].names]
    if found.spec.layout == "aggregates":
        metrics, few = {row.metric: row for row in rows}, ("optimality_gap", IMPROVEMENT)
        wanted = [(metrics.get(name), 2 if name in few else 1) for name in metrics_of(found)]
    elif found.spec.layout == "profiles":
        shares = {row.x: row for row in rows}
        wanted = [(shares.get(x), 2) for x in THRESHOLDS]
    else:  # the last that is not above the place asked for
        places = [share / 100 * rows[-1].x for share in SHARES]
        wanted = [(([None] + [r for r in rows if r.x <= x + 1e-9])[-1], 1) for x in places]
    return [printed.estimated(row, digits, runs) for row, digits in wanted]


def tables(found: Summary) -> list[sheets.Table]:
    """Return the numbers behind the plot; they stand on the page where nothing is drawn."""
    spec, metrics = found.spec, metrics_of(found).items()
    aggregates = [f"{head}, {of}" if n in (AVERAGE, BEST) else head for n, (head, of) in metrics]
    title, heads = {
        "aggregates": ("Aggregates over datasets", aggregates),
        "profiles": ("Share of all scores above a score", [f"above {x:g}" for x in THRESHOLDS]),
        "curves": ("IQM of scores at a share of the updates", [f"at {s}%" for s in SHARES]),
    }[spec.layout]
    rows = []
    for _, own in found.frame.groupby([*BLOCK, "source"], sort=False):
        (first,) = own[:1].itertuples()
        names = (spec.agents[first.agent], group_label(found, first), spec.sources[first.source])
        rows.append([*names, printed.count(first.seeds), *_shown(found, own)])
    columns = sheets.columns(("Agent", "Datasets", "Data"), ("Seeds", *heads))
    return [sheets.table(title, columns, rows, is_drawn=not is_drawn(found).any())]


def footnotes(found: Summary) -> list[sheets.Note]:
    """Return the footnotes of the page and of the text formats."""
    spec, is_shown = found.spec, is_drawn(found)
    blocks = found.frame[~is_shown].drop_duplicates(BLOCK).itertuples()
    return notes.written(
        *(__file__, found),
        WINDOW=WINDOW,
        LEAST_SCORES=LEAST_SCORES,
        band_reps=min(spec.bootstrap_reps, BAND_REPS),
        is_drawn=is_shown.any(),
        left_out=[f"{spec.agents[row.agent]}, {group_label(found, row)}" for row in blocks],
        stand_alone=(found.frame.groupby([*BLOCK, "source"])["x"].count() == 1).any(),
    )
