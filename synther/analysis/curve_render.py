"""A curve as text: tidy rows for machines, Markdown, and LaTeX with booktabs."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from synther.analysis import scores
from synther.analysis.bootstrap import Estimate
from synther.analysis.curve import Curve, Panel, Point
from synther.analysis.curve_spec import CurveSpec
from synther.analysis.notes import FEW_SEEDS, SEEDS_ARE_AGENTS, STAND_IN, stand_ins
from synther.analysis.text import (
    MISSING,
    escape_tex,
    estimate_text,
    markdown_head,
    markdown_notes,
    markdown_table,
    number,
    seeds_text,
    tex_foot,
    tex_head,
    tex_tabular,
)

CSV_COLUMNS = (
    *("experiment", "preset", "budget", "row", "dataset", "paper_name", "agent", "series"),
    *("source", "percent", "metric", "seeds", "datasets", "value", "std", "low", "high"),
    *("baseline", "difference", "difference_low", "difference_high"),
    *("probability", "probability_low", "probability_high", "intervals_apart"),
)
ALL_DATA = "all"


def panel_name(spec: CurveSpec, panel: Panel) -> str:
    """Return what a panel is over: its dataset, marked if a stand-in, or how many of them."""
    if panel.dataset is None:
        everything = len(spec.panels)
        part = "All" if panel.datasets == everything else f"{panel.datasets} of"
        return f"{part} {everything} datasets (IQM)"
    stands_in = panel.dataset.name != panel.dataset.paper_name
    return panel.dataset.name + (STAND_IN if stands_in else "")


def _record(point: Point) -> dict[str, Any]:
    nothing = Estimate(math.nan, math.nan, math.nan)
    difference, improvement = point.difference or nothing, point.improvement or nothing
    return {
        "source": point.source,
        "seeds": point.seeds,
        "value": point.score.value,
        "std": point.std,
        "low": point.score.low,
        "high": point.score.high,
        "difference": difference.value,
        "difference_low": difference.low,
        "difference_high": difference.high,
        "probability": improvement.value,
        "probability_low": improvement.low,
        "probability_high": improvement.high,
        "intervals_apart": "" if point.apart is None else str(point.apart).lower(),
    }


def tidy(curve: Curve) -> pd.DataFrame:
    """Return everything in a curve, one point a row, for machines; columns `CSV_COLUMNS`.

    `row` is point, or reference for a source on all of the data, which has no amount. A curve over
    transitions has `transitions` in place of `percent`. `metric` is
    mean (of seeds on one dataset) or iqm (of seeds on several, where `dataset` is empty). Scores
    and differences run from 0 to 100; probabilities from 0 to 1. Missing points have no row.
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


def _score_text(point: Point | None) -> str:
    if point is None:
        return MISSING
    spread = "" if math.isnan(point.std) else f" ± {number(point.std)}"
    value, _, interval = estimate_text(point.score, 1).partition(" ")
    return f"{value}{spread} {interval}".rstrip()


def _lead(curve: Curve, panel: Panel, share: str) -> list[str]:
    return [panel_name(curve.spec, panel), curve.spec.agents[panel.agent], share]


def score_rows(curve: Curve) -> list[list[str]]:
    """Return the scores as text: a head, then a row a panel and amount, a column a series."""
    spec = curve.spec
    extra = {slug: label for slug, label in spec.reference.items() if slug not in spec.series}
    rows = [["Dataset", "Agent", spec.head, *spec.series.values(), *extra.values()]]
    for panel in curve.panels:
        for amount in spec.amounts:
            texts = [_score_text(panel.points.get((name, amount))) for name in spec.series]
            blanks = [MISSING] * len(extra)
            rows.append([*_lead(curve, panel, spec.number(amount)), *texts, *blanks])
        if panel.references:
            names = [*spec.series, *extra]
            texts = [_score_text(panel.references.get(name)) for name in names]
            rows.append([*_lead(curve, panel, ALL_DATA), *texts])
    return rows


def comparison_rows(curve: Curve) -> list[list[str]]:
    """Return every point against the baseline at the same amount as text, a head first."""
    spec = curve.spec
    baseline = spec.series[spec.baseline_series]
    heads = ["Data", f"Difference to {baseline}", f"P(better than {baseline})", "Intervals apart"]
    rows = [["Dataset", "Agent", spec.head, *heads]]
    for panel in curve.panels:
        for amount in spec.amounts:
            for name, label in spec.series.items():
                point = panel.points.get((name, amount))
                if point and point.difference:
                    apart = MISSING if point.apart is None else ("yes" if point.apart else "no")
                    texts = [
                        estimate_text(point.difference, 1),
                        estimate_text(point.improvement, 2),
                    ]
                    rows.append([*_lead(curve, panel, spec.number(amount)), label, *texts, apart])
    return rows if len(rows) > 1 else []


def _blocks(curve: Curve) -> list[tuple[str, list[list[str]], int]]:
    """Return the tables: title, rows with a head first, and how many columns are names."""
    spec = curve.spec
    found = [(spec.title_of_scores, score_rows(curve), 2)]
    if rows := comparison_rows(curve):
        found.append((f"Against {spec.series[spec.baseline_series]} {spec.at_the_same}", rows, 4))
    return found


def _method(curve: Curve) -> str:
    episodes = sorted(set(curve.final["episodes"]))
    listed = f"{episodes[0]} to {episodes[-1]}" if len(episodes) > 1 else f"{episodes[0]}"
    noun = "episode" if episodes == [1] else "episodes"
    return (
        f"Normalised score of a seed: mean of the {listed} {noun} of the last evaluation, with "
        f"{seeds_text([n for panel in curve.panels for n in panel.seeds])} a point."
    )


def footnotes(curve: Curve, drawn: bool) -> list[str]:
    """Return the footnotes of the figure, or of the tables that go with it."""
    spec = curve.spec
    several = any(panel.dataset is None for panel in curve.panels)
    most = max(n for panel in curve.panels for n in panel.seeds)
    least = min(n for panel in curve.panels for n in panel.seeds)
    lines = [_method(curve)]
    if drawn:
        runs = [
            run for p in curve.panels for name in spec.series for run in p.runs(name, spec.amounts)
        ]
        shapes = [
            shape
            for shape, lone in (("bands", False), ("bars", True))
            if any((len(run) == 1) is lone for run in runs)
        ]
        marks = " and, where a point stands alone, ".join(shapes)
        text = "Large marks: mean over seeds; faint dots: single seeds"
    else:
        marks, text = "in brackets", "Mean ± sample standard deviation (ddof = 1) over seeds"
    if several:
        text += "; over datasets, interquartile mean (IQM)"
    if most > 1:
        text += (
            f"; {marks}: 95% percentile intervals of a bootstrap over seeds, stratified by "
            f"dataset ({spec.bootstrap_reps:,} resamples; Agarwal et al., 2021)"
        )
    lines.append(f"{text}.")
    if least == 1:
        lines.append("One seed has no standard deviation and no interval.")
    if most > 1 and least < FEW_SEEDS:
        lines.append(f"Intervals from fewer than {FEW_SEEDS} seeds are too narrow to rely on.")
    if most > 1:
        lines.append(SEEDS_ARE_AGENTS)
    if not drawn and len(spec.series) > 1 and most > 1:
        lines.append(
            "Intervals of differences and of P resample the seeds of both sides independently. "
            "Intervals apart: those of the two scores have no value in common."
        )
    if substitutes := [row for row in spec.panels if row.name != row.paper_name]:
        lines.append(
            f"{STAND_IN} Stand-ins: re-collected datasets in place of the paper's "
            f"({stand_ins(substitutes)})."
        )
    differing = [f"{line}." for line in scores.budget_differences(curve.final)]
    return [*lines, *curve.omissions, *differing, *spec.notes]


def markdown(curve: Curve) -> str:
    """Return the curve's numbers as tables in GitHub's Markdown."""
    lines = markdown_head(curve.spec)
    for title, rows, names in _blocks(curve):
        escaped = [[cell.replace("*", "\\*") for cell in row] for row in rows]
        lines += ["", title, "", *markdown_table(escaped, names)]
    return "\n".join([*lines, "", *markdown_notes(footnotes(curve, drawn=False))]) + "\n"


def latex(curve: Curve) -> str:
    """Return the curve's numbers as a LaTeX `table` that needs the package booktabs."""
    lines = tex_head(curve.spec)
    for title, rows, names in _blocks(curve):
        shown = [rows[0]]
        for position, row in enumerate(rows[1:]):  # names once, where they begin
            same = position > 0 and row[:2] == rows[position][:2]
            shown.append(["", "", *row[2:]] if same else row)
        lines.append(rf"\par\medskip\emph{{{escape_tex(title)}}}\par\smallskip")
        lines += tex_tabular(shown, names)
    return "\n".join([*lines, *tex_foot(footnotes(curve, drawn=False))]) + "\n"
