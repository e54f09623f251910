"""A curve as a sheet: a plot, and its numbers as tables."""

from __future__ import annotations

import math
from collections import defaultdict
from itertools import pairwise
from typing import Any

import pandas as pd

from synther import sheets
from synther.experiments.kinds.curve.numbers import Curve, Panel, Point
from synther.experiments.kinds.curve.plan import CurveSpec
from synther.sheets import notes, numbers
from synther.sheets.sheet import run_key
from synther.statistics import scores
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


def sheet(curve: Curve) -> sheets.Sheet:
    """Return the plot, the scores behind it, and how they compare with the baseline's."""
    tables = (_scores(curve), *([_comparisons(curve)] if _compared(curve) else []))
    return sheets.Sheet(
        **curve.spec.heading(),
        tables=tables,
        plots=(_plot(curve),),
        notes=tuple(footnotes(curve)),
        tidy=sheets.frame_columns(tidy(curve)),
    )


def panel_name(spec: CurveSpec, panel: Panel) -> str:
    """Return what a panel is over: its dataset, marked if a stand-in, or how many of them."""
    if panel.dataset is None:
        everything = len(spec.panels)
        part = "All" if panel.datasets == everything else f"{panel.datasets} of"
        return f"{part} {everything} datasets (IQM)"
    return notes.label(panel.dataset)


def _runs(curve: Curve, panel: Panel, series: str, point: Point) -> list[str]:
    names = [panel.dataset.name] if panel.dataset else [row.name for row in curve.spec.panels]
    agent, source = curve.spec.origin(panel.agent, series, point.source)
    return [run_key(name, source, agent) for name in names]


def _score(curve: Curve, panel: Panel, series: str, point: Point | None) -> sheets.Cell:
    if point is None:
        return sheets.Cell()
    return numbers.estimated(point.score, 1, _runs(curve, panel, series, point), std=point.std)


def _lead(curve: Curve, panel: Panel, amount: float | None) -> list[sheets.Cell]:
    kept = sheets.Cell(ALL_DATA)  # words: they sort behind all numbers
    if amount is not None:
        kept = sheets.Cell(curve.spec.number(amount), amount)
    names = (panel_name(curve.spec, panel), curve.spec.agents[panel.agent])
    return [*map(numbers.words, names), kept]


_NAMES = tuple(sheets.Column(head, is_name=True) for head in ("Dataset", "Agent"))


def _scores(curve: Curve) -> sheets.Table:
    spec = curve.spec
    extra = {slug: label for slug, label in spec.reference.items() if slug not in spec.series}
    heads = [spec.head, *spec.series.values(), *extra.values()]
    rows = []
    for panel in curve.panels:
        for amount in spec.amounts:
            found = [(name, panel.points.get((name, amount))) for name in spec.series]
            cells = [_score(curve, panel, *each) for each in found] + [sheets.Cell()] * len(extra)
            rows.append(sheets.Row((*_lead(curve, panel, amount), *cells)))
        if panel.references:
            found = [(name, panel.references.get(name)) for name in (*spec.series, *extra)]
            cells = [_score(curve, panel, *each) for each in found]
            rows.append(sheets.Row((*_lead(curve, panel, None), *cells)))
    columns = (*_NAMES, *map(sheets.Column, heads))
    return sheets.Table(spec.title_of_scores, columns, tuple(rows), is_drawn=False)


def _compared(curve: Curve) -> list[tuple[Panel, float, str, Point]]:
    """Return every point that has a baseline: panel, amount, series."""
    return [
        (panel, amount, name, point)
        for panel in curve.panels
        for amount in curve.spec.amounts
        for name in curve.spec.series
        if (point := panel.points.get((name, amount))) and point.difference
    ]


def _comparisons(curve: Curve) -> sheets.Table:
    spec = curve.spec
    baseline = spec.series[spec.baseline_series]
    columns = [*_NAMES, sheets.Column(spec.head), sheets.Column("Data", is_name=True)]
    heads = (f"Difference to {baseline}", f"P(better than {baseline})", "Intervals apart")
    columns += map(sheets.Column, heads)
    rows = []
    for panel, amount, name, point in _compared(curve):
        runs = _runs(curve, panel, name, point)
        apart = sheets.MISSING if point.apart is None else ("yes" if point.apart else "no")
        cells = [*_lead(curve, panel, amount), numbers.words(spec.series[name])]
        cells += [
            numbers.estimated(point.difference, 1, runs),
            numbers.estimated(point.improvement, 2, runs),
            sheets.Cell(apart),
        ]
        rows.append(sheets.Row(tuple(cells)))
    title = f"Against {baseline} {spec.at_the_same}"
    return sheets.Table(title, tuple(columns), tuple(rows), is_drawn=False)


def _plot(curve: Curve) -> sheets.Plot:
    spec = curve.spec
    places = [math.log10(amount) for amount in spec.amounts]
    room = min((b - a for a, b in pairwise(places)), default=1.0)
    only, span = len(places) == 1, places[-1] - places[0]
    step = (1.3 if only else SPREAD) * room / max(len(spec.series), 2)
    if not only:  # few amounts stand far apart, and their dots should still stand together
        step = min(step, 0.05 * span)
    edge = min(max(0.6 * room, 0.06 * span), 0.12 * span) or 0.8
    data: dict[str, list[Any]] = defaultdict(list)

    def add(layer: str, panel: Panel, series: str, x: float, y: float, score: Estimate) -> None:
        row = {"layer": layer, "panel": _key(panel), "series": series, "x": x, "y": y}
        for name, value in (row | {"low": score.low, "high": score.high}).items():
            data[name].append(value)

    for panel in curve.panels:
        for order, series in enumerate(spec.series):
            aside = (order - (len(spec.series) - 1) / 2) * step
            for run in panel.runs(series, spec.amounts):
                for amount, point in run:
                    x = math.log10(amount) + (aside if only else 0.0)
                    value = point.score
                    shape = "alone" if len(run) == 1 else "band"
                    if value.is_bounded:
                        add(shape, panel, series, x, value.value, value)
                    if len(run) > 1:
                        add("line", panel, series, x, value.value, value)
                    add("point", panel, series, x, value.value, value)
                    if panel.dataset:  # an IQM's seeds are scores on many datasets
                        beside = x + 0.3 * step if only else x + aside
                        for seed in point.matrix[:, 0]:
                            add("seed", panel, series, beside, float(seed), value)
        for source, point in panel.references.items():
            add("level", panel, LEVEL + source, places[0], point.score.value, point.score)
    levels = [
        sheets.Series(LEVEL + key, label, is_level=True, like=key if key in spec.series else "")
        for key, label in spec.reference.items()
    ]
    agents = len(spec.agents)
    return sheets.Plot(
        data=dict(data),
        series=(*(sheets.Series(*entry) for entry in spec.series.items()), *levels),
        panels=tuple(
            sheets.Panel(
                _key(panel),
                panel_name(spec, panel),
                f"{spec.agents[panel.agent]}, {numbers.seeds_text(panel.seeds)}",
                x=f"{spec.number(spec.amounts[0]) if only else ''}{spec.kept}".strip(),
                y="normalised score" if panel.dataset else "IQM of normalised scores",
                x_ticks=tuple(
                    (x, spec.number(a)) for x, a in zip(places, spec.amounts, strict=True)
                ),
                x_limits=(places[0] - edge, places[-1] + edge),
                y_limits=_limits(panel),
            )
            for panel in curve.panels
        ),
        layers=(
            sheets.Layer("level", "levels"),
            sheets.Layer("band", "band"),
            sheets.Layer("seed", "dots"),
            sheets.Layer("alone", "ranges"),
            sheets.Layer("line", "line"),
            sheets.Layer("point", "points"),
        ),
        columns=agents if 1 < agents <= 3 else 2 if len(curve.panels) == 4 else 3,
        panel_size=(370.0, 150.0) if len(curve.panels) == 1 else (175.0, 138.0),
    )


def _key(panel: Panel) -> str:
    return f"{panel.dataset.name if panel.dataset else ''}|{panel.agent}"


def _limits(panel: Panel) -> tuple[float, float]:
    """Return the ends of the scale: zero is on it where that costs at most half of the height."""
    points = [*panel.points.values(), *panel.references.values()]
    heights = [v for p in points for v in (p.score.value, p.score.low, p.score.high)]
    if panel.dataset is not None:
        heights += [float(v) for p in panel.points.values() for v in p.matrix[:, 0]]
    heights = [height for height in heights if not math.isnan(height)]
    low, high = min(heights), max(heights)
    if 0 < low < 0.5 * high:
        low = 0.0
    pad = 0.06 * max(high - low, 1.0)
    return (low if low == 0 else low - pad), high + pad


def footnotes(curve: Curve) -> list[sheets.Note]:
    """Return the footnotes of the page and of the text formats."""
    spec = curve.spec
    counts = [n for panel in curve.panels for n in panel.seeds]
    most, least = max(counts), min(counts)
    over = ""
    if any(panel.dataset is None for panel in curve.panels):
        over = "; over datasets, interquartile mean (IQM)"
    reps = notes.bootstrap_words(spec.bootstrap_reps)
    drawn = f"Large marks: mean over seeds; faint dots: single seeds{over}"
    text = f"Mean ± sample standard deviation (ddof = 1) over seeds{over}"
    if most > 1:
        drawn += f"; bands, or bars where a point stands alone: {reps}"
        text += f"; in brackets: {reps}"
    found = [
        sheets.Note(
            f"Normalised score of a seed: mean of the {notes.episodes(curve.final['episodes'])} of "
            f"the last evaluation, with {numbers.seeds_text(counts)} a point."
        ),
        sheets.Note(f"{drawn}.", "page"),
        sheets.Note(f"{text}.", "text"),
    ]
    if least == 1:
        found.append(sheets.Note("One seed has no standard deviation and no interval."))
    found += map(sheets.Note, notes.few_seeds(counts))
    if most > 1:
        found.append(sheets.Note(notes.SEEDS_ARE_AGENTS))
    if len(spec.series) > 1 and most > 1:
        words = (
            "Intervals of differences and of P resample the seeds of both sides independently. "
            "Intervals apart: those of the two scores have no value in common."
        )
        found.append(sheets.Note(words, "text"))
    lines = [*notes.stand_ins(spec.panels), *curve.omissions]
    lines += [f"{line}." for line in scores.budget_differences(curve.final)]
    return [*found, *map(sheets.Note, [*lines, *spec.notes])]


def tidy(curve: Curve) -> pd.DataFrame:
    """Return everything in a curve, one point a row, for machines; columns `CSV_COLUMNS`.

    `row` is point, or reference for a source on all of the data, which has no amount. A curve over
    transitions has `transitions` in place of `percent`. `metric` is mean (of seeds on one dataset)
    or iqm (of seeds on several, where `dataset` is empty). Scores and differences run from 0 to
    100; probabilities from 0 to 1. Missing points have no row.
    """
    spec = curve.spec
    records: list[dict[str, Any]] = []
    for panel in curve.panels:
        place = {
            "dataset": panel.dataset.name if panel.dataset else "",
            "paper_name": panel.dataset.paper_name if panel.dataset else "",
            "agent": panel.agent,
            "metric": "mean" if panel.dataset else "iqm",
            "datasets": panel.datasets,
        }
        for (series, amount), point in panel.points.items():
            versus = spec.source(spec.baseline_series, amount) if point.difference else ""
            keys = {"row": "point", "series": series, spec.column: amount, "baseline": versus}
            agent, source = spec.origin(panel.agent, series, point.source)
            origin = {"agent": agent, "source": source}
            records.append(place | keys | _record(point) | origin)
        for source, point in panel.references.items():
            records.append(place | {"row": "reference", "series": source} | _record(point))
    frame = pd.DataFrame(records).assign(
        experiment=spec.name, preset=spec.preset, budget=spec.budget
    )
    columns = [spec.column if name == "percent" else name for name in CSV_COLUMNS]
    return frame.reindex(columns=columns).astype({"seeds": "Int64", "datasets": "Int64"})


def _record(point: Point) -> dict[str, Any]:
    nothing = Estimate(math.nan)
    found: dict[str, Any] = {"source": point.source, "seeds": point.seeds, "std": point.std}
    found |= vars(point.score)
    for name, estimate in (("difference", point.difference), ("probability", point.improvement)):
        estimate = estimate or nothing
        found |= {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
    return found | {"intervals_apart": "" if point.apart is None else str(point.apart).lower()}
