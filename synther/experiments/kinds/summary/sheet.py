"""A summary over datasets as a sheet: intervals side by side or panels of lines, and a table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from synther import sheets
from synther.experiments.kinds.summary import plots
from synther.experiments.kinds.summary.numbers import (
    AVERAGE,
    BEST,
    THRESHOLDS,
    Block,
    Line,
    Summary,
)
from synther.experiments.kinds.summary.plots import group_label, metrics_of
from synther.sheets import notes, numbers
from synther.sheets.sheet import run_key
from synther.statistics.evaluations import WINDOW
from synther.statistics.intervals import BAND_REPS, IMPROVEMENT, Estimate

CSV_COLUMNS = (
    *("experiment", "preset", "budget", "agent", "group", "source", "metric", "x", "unit"),
    *("value", "low", "high", "seeds", "datasets"),
)
SHARES = (25, 50, 75, 100)
"""Percent of the updates at which a table prints the curves."""
LEAST_SCORES = 10
"""Scores that a profile has at least, to be drawn: of fewer, one is more than a tenth."""


def sheet(found: Summary) -> sheets.Sheet:
    """Return the plot, and the table of the numbers behind it."""
    drawn = _drawn(found)
    draw = plots.intervals if found.spec.layout == "aggregates" else plots.lines
    return sheets.Sheet(
        **found.spec.heading(),
        tables=(_table(found, is_drawn=not drawn),),
        plots=(draw(found, drawn),) if drawn else (),
        notes=tuple(footnotes(found)),
        tidy=sheets.frame_columns(tidy(found)),
    )


def _drawn(found: Summary) -> list[Block]:
    """Return the blocks that are drawn: profiles of a few scores say nothing."""
    if found.spec.layout != "profiles":
        return found.blocks
    return [block for block in found.blocks if block.scores >= LEAST_SCORES]


def _at(line: Line, x: float) -> Estimate | None:
    """Return a line's value at its last x that is not above the one asked for."""
    there = [e for place, e in zip(line.xs, line.values, strict=True) if place <= x + 1e-9]
    return there[-1] if there else None


def _cells(
    found: Summary, block: Block, source: str, heads: Iterable[Any]
) -> list[tuple[Estimate | None, int]] | None:
    """Return what a row of the table shows, each with its digits; None without results."""
    if source in block.metrics:
        own = block.metrics[source]
        few = ("optimality_gap", IMPROVEMENT)
        return [(own.get(name), 2 if name in few else 1) for name in heads]
    if source not in block.lines:
        return None
    line = block.lines[source]
    if found.spec.layout == "profiles":
        shown = dict(zip(line.xs, line.values, strict=True))
        return [(shown.get(x), 2) for x in THRESHOLDS]
    return [(_at(line, share / 100 * line.xs[-1]), 1) for share in SHARES]


def _table(found: Summary, is_drawn: bool) -> sheets.Table:
    spec, metrics = found.spec, metrics_of(found)
    heads = {
        "aggregates": [
            f"{head}, {of}" if name in (AVERAGE, BEST) else head
            for name, (head, of) in metrics.items()
        ],
        "profiles": [f"above {x:g}" for x in THRESHOLDS],
        "curves": [f"at {share}%" for share in SHARES],
    }[spec.layout]
    columns = [sheets.Column(head, is_name=True) for head in ("Agent", "Datasets", "Data")]
    columns += map(sheets.Column, ("Seeds", *heads))
    rows = []
    for block in found.blocks:
        for source, label in spec.sources.items():
            shown = _cells(found, block, source, metrics)
            if shown is None:
                continue
            runs = [run_key(name, source, block.agent) for name in block.datasets]
            names = (spec.agents[block.agent], group_label(found, block), label)
            cells = [*map(numbers.words, names), numbers.count(block.seeds)]
            cells += [numbers.estimated(e, digits, runs) for e, digits in shown]
            rows.append(sheets.Row(tuple(cells)))
    title = {
        "aggregates": "Aggregates over datasets",
        "profiles": "Share of all scores above a score",
        "curves": "IQM of scores at a share of the updates",
    }[spec.layout]
    return sheets.Table(title, tuple(columns), tuple(rows), is_drawn=is_drawn)


def footnotes(found: Summary) -> list[sheets.Note]:
    """Return the footnotes of the page and of the text formats."""
    spec, counts = found.spec, [block.seeds for block in found.blocks]
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
    made = [*map(sheets.Note, lines)]
    if left_out := [block for block in found.blocks if block not in _drawn(found)]:
        listed = "; ".join(
            f"{spec.agents[block.agent]}, {group_label(found, block)}" for block in left_out
        )
        words = f"Not drawn, for fewer than {LEAST_SCORES} scores a source: {listed}"
        made.append(sheets.Note(f"{words}; the table and the CSV have them.", "page"))
    if max(counts, default=0) > 1:
        made += _bootstrap(found)
        made.append(sheets.Note(notes.SEEDS_ARE_AGENTS))
    lines = notes.few_seeds(counts)
    if 1 in counts:
        lines.append("One seed has no interval.")
    lines += [*notes.stand_ins(spec.rows), *found.omissions, *spec.notes]
    return [*made, *map(sheets.Note, lines)]


def _bootstrap(found: Summary) -> list[sheets.Note]:
    """Return how intervals are made, and where they are."""
    reps, most = found.spec.bootstrap_reps, min(found.spec.bootstrap_reps, BAND_REPS)
    is_point = found.spec.layout == "aggregates"
    words = notes.bootstrap_words(reps if is_point else most)
    if is_point and most < reps:
        words += f"; of P, {most:,}"
    drawn = "Bars" if is_point else "Bands"
    if any(len(line.xs) == 1 for block in found.blocks for line in block.lines.values()):
        drawn += ", or bars where a point stands alone"
    texts: tuple[tuple[str, sheets.sheet.Where], ...] = ((drawn, "page"), ("In brackets", "text"))
    if not _drawn(found):
        texts = (("In brackets", ""),)
    return [sheets.Note(f"{where}: {words}.", kept) for where, kept in texts]


def tidy(found: Summary) -> pd.DataFrame:
    """Return everything in a summary, one number a row, for machines; columns `CSV_COLUMNS`.

    Scores run from 0 to 100; the optimality gap, shares and probabilities from 0 to 1. `x` is a
    profile's score or a curve's place in training, in `unit`.
    """
    spec, records = found.spec, []
    metric = "share_above" if spec.layout == "profiles" else "iqm"
    for block in found.blocks:
        keys = {"agent": block.agent, "group": block.group, "seeds": block.seeds}
        keys["datasets"] = len(block.datasets)
        for source, metrics in block.metrics.items():
            for name, e in metrics.items():
                records.append({**keys, "source": source, "metric": name, **vars(e)})
        for source, line in block.lines.items():
            place = {"source": source, "metric": metric, "unit": block.unit}
            for x, e in zip(line.xs, line.values, strict=True):
                records.append({**keys, **place, "x": x, **vars(e)})
    frame = pd.DataFrame(records).assign(
        experiment=spec.name, preset=spec.preset, budget=spec.budget
    )
    return frame.reindex(columns=list(CSV_COLUMNS))
