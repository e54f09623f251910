"""A curve as a sheet: a plot, and its numbers as tables."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pandas as pd

from synther import sheets
from synther.experiments.kinds.spec import Numbers
from synther.sheets import notes, numbers
from synther.sheets.sheet import run_key
from synther.statistics.intervals import Estimate

CSV_COLUMNS = (
    *("experiment", "preset", "budget", "row", "dataset", "paper_name", "agent", "series"),
    *("source", "percent", "metric", "seeds", "datasets", "value", "std", "low", "high"),
    *("baseline", "difference", "difference_low", "difference_high"),
    *("probability", "probability_low", "probability_high", "intervals_apart"),
)
ALL_DATA = "all"
SPREAD = 0.55
"""The part of the least room between two ticks over which the series' dots are laid out."""
LEVEL = "all of it: "
"""Before a reference's key in the plot, whose series may have the same name."""


def sheet(found: Numbers) -> sheets.Sheet:
    """Return the plot, the scores behind it, and how they compare with the baseline's."""
    spec = found.spec
    return found.sheet(
        [spec.words.column if name == "percent" else name for name in CSV_COLUMNS],
        ("seeds", "datasets"),
        tables=[_scores(found), _comparisons(found)],
        plots=[_plot(found)],
        notes=footnotes(found),
    )


def _panels(found: Numbers) -> Iterator[tuple[str, str, str, pd.DataFrame]]:
    """Yield (dataset, agent, title, points) of each panel: its dataset, marked if a stand-in."""
    labels = {row.name: notes.label(row) for row in found.spec.rows}
    for (dataset, agent), own in found.frame.groupby(["dataset", "panel"], sort=False):
        count, whole = own["datasets"].iloc[0], len(labels)
        over = f"{'All' if count == whole else f'{count} of'} {whole} datasets (IQM)"
        yield dataset, agent, labels.get(dataset, over), own


def _runs(found: Numbers, point: Any) -> list[str]:
    names = [point.dataset] if point.dataset else [row.name for row in found.spec.rows]
    return [run_key(name, point.source, point.agent) for name in names]


def _score(found: Numbers, point: Any) -> sheets.Cell:
    if point is None:
        return sheets.Cell()
    return numbers.estimated(point, 1, _runs(found, point), std=point.std)


def _scores(found: Numbers) -> sheets.Table:
    spec = found.spec
    extra = {slug: label for slug, label in spec.reference.items() if slug not in spec.series}
    rows = []
    for _, agent, title, own in _panels(found):
        lead = [title, spec.agents[agent]]
        points = {(p.row, p.series, getattr(p, spec.words.column)): p for p in own.itertuples()}
        for amount in spec.amounts:
            there = [points.get(("point", name, amount)) for name in spec.series]
            cells = [_score(found, point) for point in there] + [sheets.Cell()] * len(extra)
            rows.append([*lead, sheets.Cell(spec.number(amount), amount), *cells])
        whole = {point.series: point for point in points.values() if point.row == "reference"}
        if whole:
            cells = [_score(found, whole.get(name)) for name in (*spec.series, *extra)]
            rows.append([*lead, ALL_DATA, *cells])  # sorts last
    heads = (spec.words.head, *spec.series.values(), *extra.values())
    columns = sheets.columns(("Dataset", "Agent"), heads)
    return sheets.table(f"Score by {spec.words.scores} of the data", columns, rows, is_drawn=False)


def _comparisons(found: Numbers) -> sheets.Table:
    spec, rows = found.spec, []
    baseline = spec.series[spec.baseline]
    for _, agent, title, own in _panels(found):
        compared = own[own["baseline"].fillna("") != ""]
        for point in compared.itertuples():
            amount = getattr(point, spec.words.column)
            versus, better = (
                Estimate(*(getattr(point, f"{name}{end}") for end in ("", "_low", "_high")))
                for name in ("difference", "probability")
            )
            cells = [
                *(title, spec.agents[agent], sheets.Cell(spec.number(amount), amount)),
                spec.series[point.series],
                numbers.estimated(versus, 1, _runs(found, point)),
                numbers.estimated(better, 2, _runs(found, point)),
                {"true": "yes", "false": "no"}.get(point.intervals_apart, sheets.MISSING),
            ]
            rows.append(cells)
    heads = (f"Difference to {baseline}", f"P(better than {baseline})", "Intervals apart")
    first = sheets.columns(("Dataset", "Agent"), (spec.words.head,))
    columns = (*first, *sheets.columns(("Data",), heads))
    title = f"Against {baseline} {spec.words.versus}"
    return sheets.table(title, columns, rows, is_drawn=False)


def _points(found: Numbers, places: list[float], step: float) -> pd.DataFrame:
    """Return all points with their place, series by series, and of how long a line each is part.

    A missing amount breaks a line. Where there is one amount alone, series stand side by side.
    """
    spec, frame = found.spec, found.frame
    order = {name: place for place, name in enumerate(spec.series)}
    points = frame[frame["row"] == "point"].copy()
    points["panel"] = points["dataset"] + "|" + points["panel"]
    points["at"] = points[spec.words.column].map(list(spec.amounts).index)
    points["order"] = points["series"].map(order)
    panels = points["panel"].drop_duplicates().tolist()
    points = points.sort_values(
        ["panel", "order", "at"],
        key=lambda own: own.map(panels.index) if own.name == "panel" else own,
    )
    line = ["panel", "series"]
    points["line"] = points["at"] - points.groupby(line).cumcount()
    points["length"] = points.groupby([*line, "line"])["at"].transform("size")
    points["aside"] = (points["order"] - (len(order) - 1) / 2) * step
    points["x"] = points["at"].map(places.__getitem__) + points["aside"] * (len(places) == 1)
    return points.assign(y=points["value"])


def _plot(found: Numbers) -> sheets.Plot:
    spec, frame = found.spec, found.frame
    places = [math.log10(amount) for amount in spec.amounts]
    room = min((b - a for a, b in pairwise(places)), default=1.0)
    only, span = len(places) == 1, places[-1] - places[0]
    step = (1.3 if only else SPREAD) * room / max(len(spec.series), 2)
    if not only:  # few amounts stand far apart, and their dots should still stand together
        step = min(step, 0.05 * span)
    edge = min(max(0.6 * room, 0.06 * span), 0.12 * span) or 0.8
    points = _points(found, places, step)
    whole = frame[frame["row"] == "reference"]
    seeds = points.assign(
        x=points["x"] + (0.3 * step if only else points["aside"]), y=points["each"]
    )
    levels = whole.assign(
        panel=whole["dataset"] + "|" + whole["panel"],
        series=LEVEL + whole["series"],
        x=places[0],
        y=whole["value"],
    )
    agents, titled = len(spec.agents), list(_panels(found))
    return sheets.Plot(
        sheets.lines(
            points,
            levels,
            seeds.explode("y").dropna(subset="y"),  # an IQM's are many datasets'
            alone=points["length"] == 1,
            marked=True,
        ),
        series=(
            *(sheets.Series(*entry) for entry in spec.series.items()),
            *(
                sheets.Series(LEVEL + key, label, True, key if key in spec.series else "")
                for key, label in spec.reference.items()
            ),
        ),
        panels=tuple(
            sheets.Panel(
                f"{dataset}|{agent}",
                title,
                f"{spec.agents[agent]}, {numbers.seeds_text(own['seeds'])}",
                x=f"{spec.number(spec.amounts[0]) if only else ''}{spec.words.kept}".strip(),
                y="normalised score" if dataset else "IQM of normalised scores",
                x_ticks=tuple(zip(places, map(spec.number, spec.amounts), strict=True)),
                x_limits=(places[0] - edge, places[-1] + edge),
                y_limits=_limits(own),
            )
            for dataset, agent, title, own in titled
        ),
        columns=agents if 1 < agents <= 3 else 2 if len(titled) == 4 else 3,
        panel_size=(370.0, 150.0) if len(titled) == 1 else (175.0, 138.0),
    )


def _limits(own: pd.DataFrame) -> tuple[float, float]:
    """Return the ends of the scale: zero is on it where that costs at most half of the height."""
    seeds = own.loc[own["row"] == "point", "each"].explode()
    heights = pd.concat([own["value"], own["low"], own["high"], seeds]).astype(float)
    low, high = heights.min(), heights.max()
    if 0 < low < 0.5 * high:
        low = 0.0
    pad = 0.06 * max(high - low, 1.0)
    return (low if low == 0 else low - pad), high + pad


def footnotes(found: Numbers) -> list[sheets.Note | str]:
    """Return the footnotes of the page and of the text formats."""
    spec, counts = found.spec, found.frame["seeds"].tolist()
    most = max(counts)
    over = "; over datasets, interquartile mean (IQM)" if "" in set(found.frame["dataset"]) else ""
    reps = notes.bootstrap_words(spec.bootstrap_reps)
    drawn = f"Large marks: mean over seeds; faint dots: single seeds{over}"
    text = f"Mean ± sample standard deviation (ddof = 1) over seeds{over}"
    if most > 1:
        drawn += f"; bands, or bars where a point stands alone: {reps}"
        text += f"; in brackets: {reps}"
    lines: list[sheets.Note | str] = [
        f"Normalised score of a seed: mean of the {notes.episodes(found.episodes)} of "
        f"the last evaluation, with {numbers.seeds_text(counts)} a point.",
        sheets.Note(f"{drawn}.", "page"),
        sheets.Note(f"{text}.", "text"),
        *notes.of_seeds(counts),
    ]
    if len(spec.series) > 1 and most > 1:
        words = (
            "Intervals of differences and of P resample the seeds of both sides independently. "
            "Intervals apart: those of the two scores have no value in common."
        )
        lines.append(sheets.Note(words, "text"))
    more = (*notes.stand_ins(spec.rows), *found.omissions)
    return [*lines, *more]
