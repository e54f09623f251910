"""A curve as a sheet: a plot, and its numbers as tables."""

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pandas as pd

from synther import sheets
from synther.experiments.kinds.curve.numbers import ALL_DATA
from synther.experiments.kinds.spec import Numbers
from synther.sheets import printed
from synther.statistics.intervals import Estimate

HEADS = {"pct": "Kept (%)", "rows": "Transitions"}
SIZES = {"pct": "share", "rows": "size"}
SAME = {"pct": "at the same share", "rows": "on the same transitions"}
"""By the unit of amounts: the head of their column, and what titles of tables say of them."""
SPREAD = 0.55
"""The part of the least room between two ticks over which the series' dots are laid out."""


def tables(found: Numbers) -> list[sheets.Table]:
    """Return the scores behind the plot, and how they compare with the baseline's."""
    return [_scores(found), _comparisons(found)]


def _panels(found: Numbers) -> Iterator[tuple[str, str, str, pd.DataFrame]]:
    """Yield (dataset, agent, title, points) of each panel: its dataset, marked if a stand-in."""
    labels = {row.name: row.label for row in found.spec.rows}
    for (dataset, agent), own in found.frame.groupby(["dataset", "panel"], sort=False):
        count, whole = own["datasets"].iloc[0], len(labels)
        over = f"{'All' if count == whole else f'{count} of'} {whole} datasets (IQM)"
        yield dataset, agent, labels.get(dataset, over), own


def _cell(found: Numbers, point: Any, value: Any, digits: int = 1) -> sheets.Cell:
    runs = found.spec.behind(point.source, point.agent, point.dataset) if point else ()
    return printed.estimated(value, digits, runs)


def _scores(found: Numbers) -> sheets.Table:
    spec, rows, there = found.spec, [], found.by("panel", "dataset", "series", "amount")
    extra = {slug: label for slug, label in spec.reference.items() if slug not in spec.series}
    shown = (*spec.series, *extra)
    for dataset, agent, title, own in _panels(found):
        amounts = {spec.number(n): sheets.Cell(spec.number(n), float(n)) for n in spec.amounts}
        if "reference" in set(own["row"]):
            amounts[ALL_DATA] = sheets.Cell(ALL_DATA)  # sorts last
        for amount, cell in amounts.items():
            points = [there.get((agent, dataset, name, amount)) for name in shown]
            cells = (_cell(found, point, point) for point in points)
            rows.append([title, spec.agents[agent], cell, *cells])
    heads = (HEADS[spec.unit], *spec.series.values(), *extra.values())
    columns = sheets.columns(("Dataset", "Agent"), heads)
    return sheets.table(f"Score by {SIZES[spec.unit]} of the data", columns, rows, is_drawn=False)


def _comparisons(found: Numbers) -> sheets.Table:
    spec, rows = found.spec, []
    baseline = spec.series[spec.baseline]
    for _, agent, title, own in _panels(found):
        for point in own[own["baseline"].fillna("") != ""].itertuples():
            versus, better = (
                Estimate(*(getattr(point, f"{name}{end}") for end in ("", "_low", "_high")))
                for name in ("difference", "probability")
            )
            cells = [
                *(title, spec.agents[agent]),
                sheets.Cell(point.amount, float(getattr(point, spec.column))),
                spec.series[point.series],
                _cell(found, point, versus),
                _cell(found, point, better, 2),
                {"true": "yes", "false": "no"}.get(point.intervals_apart, sheets.MISSING),
            ]
            rows.append(cells)
    heads = (f"Difference to {baseline}", f"P(better than {baseline})", "Intervals apart")
    first = sheets.columns(("Dataset", "Agent"), (HEADS[spec.unit],))
    columns = (*first, *sheets.columns(("Data",), heads))
    title = f"Against {baseline} {SAME[spec.unit]}"
    return sheets.table(title, columns, rows, is_drawn=False)


def plots(found: Numbers) -> list[sheets.Plot]:
    """Return the curves, a panel a dataset and agent."""
    spec, frame = found.spec, found.frame
    places = [math.log10(amount) for amount in spec.amounts]
    room = min((b - a for a, b in pairwise(places)), default=1.0)
    only, span = len(places) == 1, places[-1] - places[0]
    step = (1.3 if only else SPREAD) * room / max(len(spec.series), 2)
    if not only:  # few amounts stand far apart, and their dots should still stand together
        step = min(step, 0.05 * span)
    edge = min(max(0.6 * room, 0.06 * span), 0.12 * span) or 0.8
    frame = frame.assign(panel=frame["dataset"] + "|" + frame["panel"])
    points, levels = (frame[frame["row"] == row] for row in ("point", "reference"))
    at = points[spec.column].map(list(spec.amounts).index)
    order = points["series"].map(list(spec.series).index)
    aside = (order - (len(spec.series) - 1) / 2) * step
    x = at.map(places.__getitem__) + aside * only  # alone, series stand side by side
    points = points.assign(order=order, x=x, dots_x=x + (0.3 * step if only else aside))
    line = [points["panel"], points["series"]]  # a missing amount breaks it
    line.append(at - points.groupby(line).cumcount())
    points["alone"] = points.groupby(line)["x"].transform("size") == 1
    points = points.sort_values("order", kind="stable")
    agents, titled = len(spec.agents), list(_panels(found))
    panels = (
        sheets.Panel(
            f"{dataset}|{agent}",
            title,
            f"{spec.agents[agent]}, {printed.counted(own['seeds'], 'seed')}",
            x=f"{spec.number(spec.amounts[0]) if only else ''}{spec.kept}".strip(),
            y="normalised score" if dataset else "IQM of normalised scores",
            x_ticks=tuple(zip(places, map(spec.number, spec.amounts), strict=True)),
            x_limits=(places[0] - edge, places[-1] + edge),
            y_limits=_limits(own),
        )
        for dataset, agent, title, own in titled
    )
    drawn = sheets.curves(
        *(points, spec.series, panels, levels, spec.reference),
        alone=points["alone"],
        marked=True,
        columns=agents if 1 < agents <= 3 else 2 if len(titled) == 4 else 3,
        panel_size=(370.0, 150.0) if len(titled) == 1 else (175.0, 138.0),
    )
    return [drawn]


def _limits(own: pd.DataFrame) -> tuple[float, float]:
    """Return the ends of the scale: zero is on it where that costs at most half of the height."""
    seeds = own.loc[own["row"] == "point", "each"].explode()
    heights = pd.concat([own["value"], own["low"], own["high"], seeds]).astype(float)
    low, high = heights.min(), heights.max()
    if 0 < low < 0.5 * high:
        low = 0.0
    pad = 0.06 * max(high - low, 1.0)
    return (low if low == 0 else low - pad), high + pad


def footnotes(found: Numbers) -> dict[str, Any]:
    """Return what footnotes.j2 says."""
    return {"has_overall": "" in set(found.frame["dataset"])}
