"""A summary over datasets as a sheet: intervals side by side or panels of lines, and a table."""

from typing import Any

import pandas as pd

from synther import sheets
from synther.experiments.kinds.spec import STAND_IN, Numbers
from synther.experiments.kinds.summary.numbers import AVERAGE, BEST, OVERALL, THRESHOLDS
from synther.sheets import printed
from synther.statistics.evaluations import WINDOW
from synther.statistics.intervals import AGGREGATES, FRACTIONS, IMPROVEMENT

UNITS = {"optimality_gap": "fraction", IMPROVEMENT: "probability"}
MOST_COLUMNS = 4
MOST_MARKED = 12
"""Lines of fewer evaluations have a mark at each."""
LEAST_SCORES = 10
"""Scores that a profile has at least, to be drawn: of fewer, one is more than a tenth."""
EVEN = "even"
"""Key of the line between better and worse in a plot."""
BLOCK = ["agent", "group"]
SHARES = (25, 50, 75, 100)
"""Percent of the updates at which a table prints the curves."""


def is_drawn(found: Numbers) -> pd.Series:
    """Return which rows are drawn: profiles of a few scores say nothing."""
    count = found.frame["seeds"] * found.frame["datasets"]
    return (count >= LEAST_SCORES) | (found.spec.layout != "profiles")


def plots(found: Numbers) -> list[sheets.Plot]:
    """Return intervals side by side, or panels of lines."""
    drawn = found.frame[is_drawn(found)]
    draw = _intervals if found.spec.layout == "aggregates" else _lines
    return [] if drawn.empty else [draw(found, drawn)]


def metrics_of(found: Numbers) -> dict[str, tuple[str, str]]:
    """Return the metrics of aggregates, in order, each with its name and what it is of."""
    baseline = found.spec.sources[found.spec.baseline]
    few = f"last {WINDOW}" if found.more == WINDOW else "last evaluations"
    last = {**AGGREGATES, IMPROVEMENT: f"P(better than {baseline})"}
    return {
        **{name: (head, "last evaluation") for name, head in last.items()},
        AVERAGE: ("IQM", f"average of {few}"),
        BEST: ("IQM", f"best of {few}"),
    }


def group_label(found: Numbers, row: Any, seeds: bool = False) -> str:
    """Return a row's group, its datasets (marked if there are stand-ins) and, if asked, seeds."""
    name = "all groups" if row.group == OVERALL else row.group
    words = printed.counted([row.datasets], "dataset")
    words += STAND_IN * any(d.is_stand_in for d in found.spec.rows if d.name in row.names)
    words += f", {printed.counted([row.seeds], 'seed')}" * seeds
    return f"{name} ({words})"


def _labels(found: Numbers, frame: pd.DataFrame) -> list[tuple[str, str]]:
    """Return the agent and the group of every block, in words."""
    rows = frame.drop_duplicates(BLOCK).itertuples()
    return [(found.spec.agents[row.agent], group_label(found, row, seeds=True)) for row in rows]


def _aside(found: Numbers, frame: pd.DataFrame) -> pd.Series:
    """Return how far from the middle of all sources a row's is, in sources."""
    order = list(found.spec.sources)
    return frame["source"].map(order.index) - (len(order) - 1) / 2


def _intervals(found: Numbers, frame: pd.DataFrame) -> sheets.Plot:
    """Return a panel a metric, with a line a block in each."""
    spec, labels = found.spec, [", ".join(words) for words in _labels(found, frame)]
    step = 0.7 / max(len(spec.sources), 2)
    down = -frame.groupby(BLOCK, sort=False).ngroup()
    points = frame.assign(
        panel=frame["metric"],
        series=frame["source"],
        x=frame["value"],
        y=down - _aside(found, frame) * step,
    )
    even = pd.DataFrame([{"panel": IMPROVEMENT, "series": EVEN, "x": 0.5, "y": 0.0}])
    there = {name: w for name, w in metrics_of(found).items() if name in set(frame["metric"])}
    panels = [
        sheets.Panel(
            name,
            *words,
            x=UNITS.get(name, "normalised score"),
            y_limits=(0.5 - len(labels), 0.5),
            x_limits=(-0.04, 1.04) if name == IMPROVEMENT else None,
            y_ticks=tuple((-down, "" if index else label) for down, label in enumerate(labels)),
            grid="x",
        )
        for index, (name, words) in enumerate(there.items())
    ]
    neither = sheets.Series(EVEN, "neither is better", is_level=True, like=spec.baseline)
    return sheets.Plot(
        sheets.layered(
            ("lines_across", even if IMPROVEMENT in there else even[:0]),
            ("spans", points[points["low"].notna()]),
            ("points", points),
        ),
        series=(*(sheets.Series(*entry) for entry in spec.sources.items()), neither),
        panels=tuple(panels),
        columns=len(panels),
        panel_size=(82.0, 24.0 * len(labels)),
    )


def _lines(found: Numbers, frame: pd.DataFrame) -> sheets.Plot:
    """Return a panel an agent and group, with a line a source."""
    spec, blocks = found.spec, frame.groupby(BLOCK, sort=False)
    is_profile = spec.layout == "profiles"
    count = frame.groupby([*BLOCK, "source"])["x"].transform("size")
    ends = blocks["x"].transform("max")
    points = frame.assign(
        panel=blocks.ngroup().astype(str),
        series=frame["source"],
        x=frame["x"] + 0.04 * ends * _aside(found, frame) * (count == 1),
    )
    counts = frame.drop_duplicates(BLOCK)["agent"].value_counts()
    columns = min(MOST_COLUMNS, counts.max()) if counts.max() > 1 else min(3, len(counts))
    height = "share of scores above" if is_profile else "IQM of scores"
    labels = _labels(found, frame)
    panels = (
        sheets.Panel(
            str(index),
            *words,
            x=own["unit"].iloc[0],
            y="" if index % columns else height,
            x_limits=None if is_profile else (0.0, 1.05 * own["x"].max()),
            y_limits=(-0.03, 1.03) if is_profile else None,
        )
        for index, (words, (_, own)) in enumerate(zip(labels, blocks, strict=True))
    )
    return sheets.curves(
        *(points, spec.sources, panels, points[:0], {}),
        alone=count == 1,
        marked=(count < MOST_MARKED) & (not is_profile),
        columns=int(columns),
        panel_size=(142.0 if columns > 2 else 190.0, 96.0),
    )


def _shown(found: Numbers, own: pd.DataFrame) -> list[sheets.Cell]:
    """Return what the table shows of one block's source."""
    rows = list(own.itertuples())
    runs = [sheets.run_key(name, rows[0].source, rows[0].agent) for name in rows[0].names]
    if found.spec.layout == "aggregates":
        metrics = {row.metric: row for row in rows}
        wanted = [(metrics.get(n), 2 if n in FRACTIONS else 1) for n in metrics_of(found)]
    elif found.spec.layout == "profiles":
        shares = {row.x: row for row in rows}
        wanted = [(shares.get(x), 2) for x in THRESHOLDS]
    else:  # the last that is not above the place asked for
        places = [share / 100 * rows[-1].x for share in SHARES]
        wanted = [(([None] + [r for r in rows if r.x <= x + 1e-9])[-1], 1) for x in places]
    return [printed.estimated(row, digits, runs) for row, digits in wanted]


def tables(found: Numbers) -> list[sheets.Table]:
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


def footnotes(found: Numbers) -> dict[str, Any]:
    """Return what footnotes.j2 says."""
    spec, is_shown = found.spec, is_drawn(found)
    blocks = found.frame[~is_shown].drop_duplicates(BLOCK).itertuples()
    return {
        "WINDOW": WINDOW,
        "LEAST_SCORES": LEAST_SCORES,
        "is_drawn": is_shown.any(),
        "left_out": [f"{spec.agents[row.agent]}, {group_label(found, row)}" for row in blocks],
        "stand_alone": (found.frame.groupby([*BLOCK, "source"])["x"].count() == 1).any(),
    }
