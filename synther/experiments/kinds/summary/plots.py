"""What a summary over datasets draws: intervals side by side, or panels of lines."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from synther import sheets
from synther.experiments.kinds.summary.numbers import AVERAGE, BEST, OVERALL, Block, Summary
from synther.sheets import notes, numbers
from synther.statistics.evaluations import WINDOW
from synther.statistics.intervals import IMPROVEMENT, Estimate

UNITS = {"optimality_gap": "fraction", IMPROVEMENT: "probability"}
MOST_COLUMNS = 4
MOST_MARKED = 12
"""Lines of fewer evaluations have a mark at each."""
EVEN = "even"
"""Key of the line between better and worse in a plot."""


def metrics_of(found: Summary) -> dict[str, tuple[str, str]]:
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


class _Data:
    """Rows of a plot's data."""

    def __init__(self) -> None:
        self.columns: dict[str, list[Any]] = defaultdict(list)

    def add(self, layer: str, panel: str, series: str, x: float, y: float, e: Estimate) -> None:
        row = {"layer": layer, "panel": panel, "series": series, "x": x, "y": y}
        ends = {"low": e.low, "high": e.high} if e.is_bounded else {"low": None, "high": None}
        for name, value in (row | ends).items():
            self.columns[name].append(value)


def intervals(found: Summary, blocks: list[Block]) -> sheets.Plot:
    """Return a panel a metric, with a line a block in each."""
    spec, data = found.spec, _Data()
    step = 0.7 / max(len(spec.sources), 2)
    for down, block in enumerate(blocks):
        for order, source in enumerate(spec.sources):
            y = -down - (order - (len(spec.sources) - 1) / 2) * step
            for name, e in block.metrics.get(source, {}).items():
                if e.is_bounded:
                    data.add("interval", name, source, e.value, y, e)
                data.add("point", name, source, e.value, y, e)
    if IMPROVEMENT in data.columns["panel"]:
        data.add(EVEN, IMPROVEMENT, EVEN, 0.5, 0.0, Estimate(0.5))
    labels = [
        f"{spec.agents[block.agent]}, {group_label(found, block, seeds=True)}" for block in blocks
    ]
    metrics = {n: words for n, words in metrics_of(found).items() if n in data.columns["panel"]}
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


def lines(found: Summary, blocks: list[Block]) -> sheets.Plot:
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
    columns = min(MOST_COLUMNS, max(counts)) if max(counts) > 1 else min(3, len(blocks))
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
        panel_size=(142.0 if columns > 2 else 190.0, 96.0),
    )
