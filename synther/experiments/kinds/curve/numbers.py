"""The numbers of a curve: score against how much of the data is kept, from rows of results."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from synther.experiments.kinds.curve.plan import CurveSpec
from synther.experiments.kinds.spec import DatasetRow
from synther.statistics import intervals, scores
from synther.statistics.intervals import Estimate
from synther.statistics.scores import read_results as read

__all__ = ["Curve", "Panel", "Point", "measure", "read"]


@dataclass(frozen=True)
class Point:
    """One source's score with its 95% interval, and how it compares with the baseline's.

    Attributes:
        source: slug of what was learned from.
        matrix: (seeds, datasets) final scores behind it.
        score: mean over seeds of one dataset, or IQM over several.
        std: sample standard deviation over seeds; NaN for one seed or several datasets.
        difference: score minus the baseline's at the same amount; None without one.
        improvement: P(better than the baseline at the same amount); likewise.
        apart: whether the two intervals of the score have no value in common; likewise, and None
            without intervals.
    """

    source: str
    matrix: np.ndarray
    score: Estimate
    std: float
    difference: Estimate | None = None
    improvement: Estimate | None = None
    apart: bool | None = None

    @property
    def seeds(self) -> int:
        """How many seeds are behind it."""
        return len(self.matrix)


@dataclass(frozen=True)
class Panel:
    """All points of an agent on a dataset, or over `datasets` of them where `dataset` is None.

    `points` has (series, amount) -> point; `references` slug -> point. What is missing isn't in
    them.
    """

    agent: str
    dataset: DatasetRow | None
    datasets: int
    points: dict[tuple[str, float], Point] = field(default_factory=dict)
    references: dict[str, Point] = field(default_factory=dict)

    @property
    def seeds(self) -> list[int]:
        """The different numbers of seeds in it, ascending."""
        every = [*self.points.values(), *self.references.values()]
        return sorted({point.seeds for point in every})

    def runs(self, series: str, amounts: Sequence[float]) -> list[list[tuple[float, Point]]]:
        """Return a series' points in stretches without a missing amount."""
        found: list[list[tuple[float, Point]]] = [[]]
        for amount in amounts:
            if point := self.points.get((series, amount)):
                found[-1].append((amount, point))
            elif found[-1]:
                found.append([])
        return [run for run in found if run]


@dataclass(frozen=True)
class Curve:
    """A curve with all its numbers, ready to be drawn and printed.

    `final` has the score of every seed behind it (`scores.final_scores`); `omissions` says in
    words what is missing.
    """

    spec: CurveSpec
    panels: list[Panel]
    final: pd.DataFrame
    omissions: list[str]


def _point(spec: CurveSpec, source: str, matrix: np.ndarray, baseline: Point | None) -> Point:
    several = matrix.shape[1] > 1
    options = {"reps": spec.bootstrap_reps, "seed": spec.seed}
    rule = intervals.iqm if several else intervals.mean
    score = intervals.bootstrap(rule, intervals.columns(matrix), **options)
    deviation = float(np.std(matrix, ddof=1)) if not several and len(matrix) > 1 else math.nan
    if baseline is None:
        return Point(source, matrix, score, deviation)
    other, pair = baseline.score, (matrix, baseline.matrix)
    return Point(
        source,
        matrix,
        score,
        deviation,
        difference=intervals.bootstrap(intervals.versus(rule), intervals.columns(*pair), **options),
        improvement=intervals.probability_of_improvement(matrix, baseline.matrix, **options),
        apart=(score.low > other.high or score.high < other.low)
        if score.is_bounded and other.is_bounded
        else None,
    )


def _fill(
    panel: Panel, spec: CurveSpec, matrices: dict[str, np.ndarray], whole: dict[str, np.ndarray]
) -> Panel:
    """Add to a panel a point for every matrix (by source), and the references' lines."""
    order = [spec.baseline_series, *(s for s in spec.series if s != spec.baseline_series)]
    for amount in spec.amounts:
        for series in order:
            source = spec.source(series, amount)
            if source in matrices:
                baseline = panel.points.get((spec.baseline_series, amount))
                panel.points[series, amount] = _point(spec, source, matrices[source], baseline)
    for source, matrix in whole.items():
        panel.references[source] = _point(spec, source, matrix, None)
    return panel


def _missing(spec: CurveSpec, panel: Panel) -> str:
    """Say which points of a dataset's panel have no results, or nothing."""
    parts = []
    for series, label in spec.series.items():
        lacking = [p for p in spec.amounts if (series, p) not in panel.points]
        if len(lacking) == len(spec.amounts):
            parts.append(label)
        elif lacking:
            parts.append(f"{label} at {', '.join(map(spec.number, lacking))}{spec.kept}")
    parts += [label for slug, label in spec.reference.items() if slug not in panel.references]
    name = panel.dataset.name if panel.dataset else ""
    where = f"{spec.agents[panel.agent]} on {name}"
    return f"{where}: no results of {'; '.join(parts)}." if parts else ""


def _overall(
    spec: CurveSpec, final: pd.DataFrame, agent: str, names: list[str]
) -> tuple[Panel | None, list[str]]:
    """Return the panel over all datasets that every point has in common, and what it leaves out."""
    covered = scores.coverage(final, agent, spec.sources, names)
    notes = [f"Over datasets, {spec.agents[agent]}: {note}." for note in covered.notes]
    if len(covered.datasets) < 2:
        return None, notes
    matrices = {
        source: scores.score_matrix(final, agent, source, covered.datasets, covered.seeds)
        for source in covered.sources
    }
    whole = {}
    for source in spec.reference:
        own = scores.coverage(final, agent, [source], covered.datasets)
        if own.datasets == covered.datasets:
            whole[source] = scores.score_matrix(final, agent, source, own.datasets, own.seeds)
    panel = Panel(agent, None, len(covered.datasets))
    return _fill(panel, spec, matrices, whole), notes


def _with_rivals(spec: CurveSpec, results: pd.DataFrame) -> pd.DataFrame:
    """Add the rows of other agents to every agent's own, as sources of the other agent's name."""
    parts = [results]
    for rival, source in spec.rivals.items():
        wanted = {
            spec.source(source, amount): spec.source(rival, amount) for amount in spec.amounts
        }
        rows = results[(results["agent"] == rival) & results["source"].isin(list(wanted))]
        renamed = rows.assign(source=rows["source"].map(wanted))
        parts += [renamed.assign(agent=agent) for agent in spec.agents]
    return pd.concat(parts, ignore_index=True) if spec.rivals else results


def measure(spec: CurveSpec, results: pd.DataFrame) -> Curve:
    """Work out a curve: its points with intervals, and what they are over the baseline.

    Args:
        spec: what to show.
        results: rows as `scores.read_results` returns them; other datasets, agents and sources
            than the spec's are left aside.

    Raises:
        SyntherError: results are of another preset, none is of this curve, or seeds of one run
            end at different steps.
    """
    names = [row.name for row in spec.panels]
    results = _with_rivals(spec, results)
    sources = [*spec.sources, *spec.reference]
    final = scores.final_scores(scores.belonging(spec, results, names, sources))
    panels: list[Panel] = []
    omissions: list[str] = []
    for dataset in spec.panels:
        for agent in spec.agents:
            rows = final[(final["dataset"] == dataset.name) & (final["agent"] == agent)]
            found = {
                str(source): group.sort_values("seed")["score"].to_numpy()[:, None]
                for source, group in rows.groupby("source")
            }
            points = {source: found[source] for source in spec.sources if source in found}
            whole = {source: found[source] for source in spec.reference if source in found}
            panel = _fill(Panel(agent, dataset, 1), spec, points, whole)
            if panel.points:
                panels.append(panel)
            if note := _missing(spec, panel):
                omissions.append(note)
    if len(spec.panels) > 1:
        for agent in spec.agents:
            overall, notes = _overall(spec, final, agent, names)
            omissions += notes
            if overall:
                panels.append(overall)
    return Curve(spec, panels, final, omissions)
