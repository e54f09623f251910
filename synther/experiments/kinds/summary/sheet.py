"""A summary over datasets as a sheet: intervals side by side or panels of lines, and a table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import pandas as pd

from synther import sheets
from synther.experiments.kinds.summary.numbers import (
    AVERAGE,
    BEST,
    OVERALL,
    THRESHOLDS,
    Block,
    Line,
    Summary,
)
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
UNITS = {"optimality_gap": "fraction", IMPROVEMENT: "probability"}
LEAST_SCORES = 10
"""Scores that a profile has at least, to be drawn: with fewer, a single one is a tenth or more."""
MOST_COLUMNS = 4
MOST_MARKED = 12
"""Lines of fewer evaluations have a mark at each."""
EVEN = "even"
"""Key of the line between better and worse in a plot."""


def sheet(found: Summary) -> sheets.Sheet:
    """Return the plot, and the table of the numbers behind it."""
    drawn = _drawn(found)
    plots = (_intervals(found) if found.spec.layout == "aggregates" else _panels(found, drawn),)
    return sheets.Sheet(
        **found.spec.heading(),
        tables=(_table(found, is_drawn=not drawn),),
        plots=plots if drawn else (),
        notes=tuple(footnotes(found)),
        tidy=sheets.frame_columns(tidy(found)),
    )


def _drawn(found: Summary) -> list[Block]:
    """Return the blocks that are drawn: profiles of a few scores say nothing."""
    if found.spec.layout != "profiles":
        return found.blocks
    return [block for block in found.blocks if block.scores >= LEAST_SCORES]


def _metrics(found: Summary) -> dict[str, tuple[str, str]]:
    """Return the metrics of aggregates, in order, each with its name and what it is of."""
    baseline = found.spec.sources[found.spec.baseline]
    few = f"last {WINDOW}" if found.window == WINDOW else "last evaluations"
    last = {"iqm": "IQM", "median": "Median", "mean": "Mean", "optimality_gap": "Optimality gap"}
    return {
        **{name: (head, "last evaluation") for name, head in last.items()},
        IMPROVEMENT: (f"P(better than {baseline})", "last evaluation"),
        AVERAGE: ("IQM", f"average of {few}"),
        BEST: ("IQM", f"best of {few}"),
    }


def group_label(found: Summary, block: Block, seeds: bool = False) -> str:
    """Return a block's group with how many datasets it has, marked if there are stand-ins.

    Args:
        found: the summary.
        block: of it.
        seeds: whether to add how many of these it has.
    """
    count = len(block.datasets)
    name = "all groups" if block.group == OVERALL else block.group
    rows = [row for row in found.spec.rows if row.name in block.datasets]
    words = f"{count} dataset{'' if count == 1 else 's'}"
    words += notes.STAND_IN if any(row.is_stand_in for row in rows) else ""
    return f"{name} ({words}{f', {numbers.seeds_text([block.seeds])}' if seeds else ''})"


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
    spec, metrics = found.spec, _metrics(found)
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


class _Data:
    """Rows of a plot's data."""

    def __init__(self) -> None:
        self.columns: dict[str, list[Any]] = defaultdict(list)

    def add(self, layer: str, panel: str, series: str, x: float, y: float, e: Estimate) -> None:
        row = {"layer": layer, "panel": panel, "series": series, "x": x, "y": y}
        ends = {"low": e.low, "high": e.high} if e.is_bounded else {"low": None, "high": None}
        for name, value in (row | ends).items():
            self.columns[name].append(value)


def _intervals(found: Summary) -> sheets.Plot:
    """Return a panel a metric, a line of them a block."""
    spec, data = found.spec, _Data()
    step = 0.7 / max(len(spec.sources), 2)
    for down, block in enumerate(found.blocks):
        for order, source in enumerate(spec.sources):
            y = -down - (order - (len(spec.sources) - 1) / 2) * step
            for name, e in block.metrics.get(source, {}).items():
                if e.is_bounded:
                    data.add("interval", name, source, e.value, y, e)
                data.add("point", name, source, e.value, y, e)
    if IMPROVEMENT in data.columns["panel"]:
        data.add(EVEN, IMPROVEMENT, EVEN, 0.5, 0.0, Estimate(0.5))
    labels = [
        f"{spec.agents[block.agent]}, {group_label(found, block, seeds=True)}"
        for block in found.blocks
    ]
    metrics = {n: words for n, words in _metrics(found).items() if n in data.columns["panel"]}
    panels = [
        sheets.Panel(
            name,
            *words,
            x=UNITS.get(name, "normalised score"),
            y_ticks=tuple((-down, "" if index else label) for down, label in enumerate(labels)),
            y_limits=(0.5 - len(labels), 0.5),
            x_limits=(-0.04, 1.04) if name == IMPROVEMENT else None,
            grid="x",
        )
        for index, (name, words) in enumerate(metrics.items())
    ]
    even = sheets.Series(EVEN, "neither is better", is_level=True, like=spec.baseline)
    return sheets.Plot(
        data=dict(data.columns),
        series=(*(sheets.Series(*entry) for entry in spec.sources.items()), even),
        panels=tuple(panels),
        layers=(
            sheets.Layer(EVEN, "lines_across"),
            sheets.Layer("interval", "spans"),
            sheets.Layer("point", "points"),
        ),
        columns=len(panels),
        panel_size=(82.0, 24.0 * len(labels)),
    )


def _panels(found: Summary, blocks: list[Block]) -> sheets.Plot:
    """Return a panel an agent and group, with a line a source."""
    spec, data = found.spec, _Data()
    is_profile = spec.layout == "profiles"
    for index, block in enumerate(blocks):
        for order, (source, line) in enumerate(block.lines.items()):
            alone = len(line.xs) == 1
            aside = 0.04 * line.xs[-1] * (order - (len(block.lines) - 1) / 2) if alone else 0.0
            for x, e in zip(line.xs, line.values, strict=True):
                place = (str(index), source, x + aside, e.value, e)
                if e.is_bounded:
                    data.add("alone" if alone else "band", *place)
                if not alone:
                    data.add("line", *place)
                if len(line.xs) < MOST_MARKED and not is_profile:
                    data.add("point", *place)
    counts = [sum(block.agent == agent for block in blocks) for agent in spec.agents]
    columns = min(MOST_COLUMNS, max(counts), len(blocks))
    height = "share of scores above" if is_profile else "IQM of scores"
    panels = []
    for index, block in enumerate(blocks):
        end = max(x for line in block.lines.values() for x in line.xs)
        panels.append(
            sheets.Panel(
                str(index),
                spec.agents[block.agent],
                group_label(found, block, seeds=True),
                x=block.unit,
                y="" if index % columns else height,
                x_limits=None if is_profile else (0.0, 1.05 * end),
                y_limits=(-0.03, 1.03) if is_profile else None,
            )
        )
    marks = {"band": "band", "alone": "ranges", "line": "line", "point": "points"}
    return sheets.Plot(
        data=dict(data.columns),
        series=tuple(sheets.Series(*entry) for entry in spec.sources.items()),
        panels=tuple(panels),
        layers=tuple(
            sheets.Layer(*entry) for entry in marks.items() if entry[0] in data.columns["layer"]
        ),
        columns=columns,
        panel_size=(142.0 if columns > 2 else 200.0, 96.0),
    )


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
