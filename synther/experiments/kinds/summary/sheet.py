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


def footnotes(found: Summary) -> list[sheets.Note | str]:
    """Return the footnotes of the page and of the text formats."""
    spec, counts = found.spec, found.frame["seeds"].tolist()
    lines = [
        f"Normalised score of a seed: mean of the {notes.episodes(found.episodes)} of an "
        "evaluation. IQM: interquartile mean, of the middle half of all seeds' scores on all "
        "datasets."
    ]
    if spec.layout == "aggregates":
        lines.append(
            "IQM, median, mean, optimality gap and P are of the last evaluation, as in the paper. "
            "The optimality gap is the mean shortfall from a score of 100, as a fraction. P: the "
            "probability that a seed of this row scores higher, averaged over datasets."
        )
        few = "" if found.window == WINDOW else f" (some runs of this preset have {found.window})"
        lines.append(
            f"Average and best of the last {WINDOW} evaluations{few} stand beside the last, never "
            "in its place; the best of several noisy evaluations is too high by construction."
        )
    elif spec.layout == "profiles":
        lines.append(
            "Performance profile: share of all seeds' final scores, on all datasets, above a score."
        )
    else:
        lines.append("Sample efficiency: IQM of the scores at evaluations during training.")
    made: list[sheets.Note | str] = [*lines]
    if len(left_out := found.frame[~is_drawn(found)].drop_duplicates(BLOCK)):
        listed = "; ".join(
            f"{spec.agents[row.agent]}, {group_label(found, row)}" for row in left_out.itertuples()
        )
        words = f"Not drawn, for fewer than {LEAST_SCORES} scores a source: {listed}"
        made.append(sheets.Note(f"{words}; the table and the CSV have them.", "page"))
    if max(counts, default=0) > 1:
        made += [*_bootstrap(found), notes.SEEDS_ARE_AGENTS]
    made += notes.few_seeds(counts)
    if 1 in counts:
        made.append("One seed has no interval.")
    return [*made, *notes.stand_ins(spec.rows), *found.omissions]


def _bootstrap(found: Summary) -> list[sheets.Note]:
    """Return how intervals are made, and where they are."""
    reps, most = found.spec.bootstrap_reps, min(found.spec.bootstrap_reps, BAND_REPS)
    is_point = found.spec.layout == "aggregates"
    words = notes.bootstrap_words(reps if is_point else most)
    if is_point and most < reps:
        words += f"; of P, {most:,}"
    drawn = "Bars" if is_point else "Bands"
    if (found.frame.groupby([*BLOCK, "source"])["x"].count() == 1).any():
        drawn += ", or bars where a point stands alone"
    if not is_drawn(found).any():
        return [sheets.Note(f"In brackets: {words}.")]
    return [
        sheets.Note(f"{drawn}: {words}.", "page"),
        sheets.Note(f"In brackets: {words}.", "text"),
    ]
