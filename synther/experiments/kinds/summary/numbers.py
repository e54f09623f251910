"""The numbers of a summary over datasets: aggregates, profiles, and curves over training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from synther.experiments.kinds.summary.plan import SummarySpec
from synther.statistics import evaluations, intervals, scores
from synther.statistics.evaluations import Run
from synther.statistics.intervals import IMPROVEMENT, Estimate

OVERALL = "overall"
"""The name of all groups together."""
AVERAGE, BEST = "iqm_average_of_last", "iqm_best_of_last"
"""IQMs of other rules than the last evaluation's, which stand beside it."""
POINTS = 50
"""Most points of a line, but for these:"""
THRESHOLDS = (0.0, 25.0, 50.0, 75.0, 100.0)
"""Scores at which a table prints the profiles."""


@dataclass(frozen=True)
class Line:
    """A profile or a curve: an estimate for each x.

    Attributes:
        xs: score thresholds, updates, or percent of the updates.
        values: shares of all scores, or IQMs of scores.
    """

    xs: list[float]
    values: list[Estimate]


@dataclass(frozen=True)
class Block:
    """One agent on one group's datasets (or all: `OVERALL`).

    Attributes:
        seeds: that every one of its datasets and sources has.
        datasets: on which all sources have results.
        metrics: source -> metric (of `intervals.AGGREGATES`, `IMPROVEMENT`, `AVERAGE`, `BEST`) ->
            estimate.
        lines: source -> its profile or curve.
        unit: of the lines' xs.
    """

    agent: str
    group: str
    seeds: int
    datasets: list[str]
    metrics: dict[str, dict[str, Estimate]]
    lines: dict[str, Line]
    unit: str

    @property
    def scores(self) -> int:
        """How many scores of a source are behind it."""
        return self.seeds * len(self.datasets)


@dataclass(frozen=True)
class Summary:
    """A summary with all its numbers; `omissions` says in words what is left out.

    `window` is how many evaluations "the last ten" are at least.
    """

    spec: SummarySpec
    blocks: list[Block]
    window: int
    episodes: list[int]
    omissions: list[str]


def read(paths: Sequence[str | Path]) -> pd.DataFrame:
    """Read result files, a row an evaluation."""
    return scores.read_results(paths, evaluations.means)


@dataclass(frozen=True)
class _Data:
    spec: SummarySpec
    windows: evaluations.Windows
    runs: dict[tuple[str, str, str], Run]

    def matrices(
        self, final: pd.DataFrame, agent: str, covered: scores.Coverage
    ) -> dict[str, np.ndarray]:
        return {
            source: scores.score_matrix(final, agent, source, covered.datasets, covered.seeds)
            for source in covered.sources
        }


def _aggregates(
    data: _Data, agent: str, covered: scores.Coverage
) -> dict[str, dict[str, Estimate]]:
    options: Any = {"reps": data.spec.bootstrap_reps, "seed": data.spec.seed}
    last = data.matrices(data.windows.last, agent, covered)
    average = data.matrices(data.windows.average, agent, covered)
    best = data.matrices(data.windows.best, agent, covered)
    found = intervals.aggregates(last, **options)
    rules = {source: np.stack([average[source], best[source]], axis=-1) for source in last}
    beside = intervals.iqms(rules, **options)
    baseline = last.get(data.spec.baseline)
    for source, matrix in last.items():
        if baseline is not None and source != data.spec.baseline:
            found[source][IMPROVEMENT] = intervals.probability_of_improvement(
                matrix, baseline, **options
            )
        found[source] |= dict(zip((AVERAGE, BEST), beside[source], strict=True))
    return found


def _profiles(data: _Data, agent: str, covered: scores.Coverage) -> dict[str, Line]:
    matrices = data.matrices(data.windows.last, agent, covered)
    values = np.concatenate([matrix.ravel() for matrix in matrices.values()])
    low, high = min(0.0, float(values.min())), max(float(values.max()), 1.0)
    marks = [x for x in THRESHOLDS if low <= x <= high]
    xs = np.unique([*np.linspace(low, high, POINTS), *marks]).tolist()
    found = intervals.profiles(matrices, xs, _band_reps(data.spec), data.spec.seed)
    return {source: Line(xs, values) for source, values in found.items()}


def _curves(data: _Data, agent: str, covered: scores.Coverage) -> tuple[dict[str, Line], str]:
    runs = {
        source: [data.runs[name, source, agent] for name in covered.datasets]
        for source in covered.sources
    }
    ends = {float(run.steps[-1]) for own in runs.values() for run in own}
    scale, unit = (ends.pop(), "updates") if len(ends) == 1 else (100.0, "% of the updates")
    xs, cubes = {}, {}
    for source, own in runs.items():
        shares, matrices = evaluations.over_training(own)
        count = len(shares)
        kept = np.unique(np.linspace(0, count - 1, min(POINTS, count)).round().astype(int))
        xs[source] = [scale * shares[i] for i in kept]
        cubes[source] = np.stack([matrices[i] for i in kept], axis=-1)
    found = intervals.iqms(cubes, _band_reps(data.spec), data.spec.seed)
    return {source: Line(xs[source], values) for source, values in found.items()}, unit


def _band_reps(spec: SummarySpec) -> int:
    return min(spec.bootstrap_reps, intervals.BAND_REPS)


def _groups(spec: SummarySpec, agent: str, final: pd.DataFrame) -> Iterator[tuple[str, list[str]]]:
    """Yield the groups that an agent has results in, all together first where there are several."""
    there = set(final.loc[final["agent"] == agent, "dataset"])
    own = {
        group: [row.name for row in rows if row.name in there]
        for group, rows in spec.groups.items()
    }
    own = {group: names for group, names in own.items() if names}
    if len(own) > 1:
        yield OVERALL, [name for names in own.values() for name in names]
    yield from own.items()


def _block(data: _Data, agent: str, group: str, covered: scores.Coverage) -> Block:
    metrics: dict[str, dict[str, Estimate]] = {}
    lines: dict[str, Line] = {}
    unit = ""
    if data.spec.layout == "aggregates":
        metrics = _aggregates(data, agent, covered)
    elif data.spec.layout == "profiles":
        lines, unit = _profiles(data, agent, covered), "normalised score"
    else:
        lines, unit = _curves(data, agent, covered)
    return Block(agent, group, len(covered.seeds), covered.datasets, metrics, lines, unit)


def measure(spec: SummarySpec, results: pd.DataFrame) -> Summary:
    """Work out a summary, by group and overall.

    Args:
        spec: what to show.
        results: rows as `scores.read_results` or `evaluations.means` returns them; other datasets,
            agents and sources than the spec's are left aside.

    Raises:
        SyntherError: results are of another preset, none belongs here, or seeds of one run end at
            different steps.
    """
    rows = evaluations.means(
        scores.belonging(spec, results, [row.name for row in spec.rows], list(spec.sources))
    )
    runs = evaluations.runs(rows)
    data = _Data(spec, evaluations.windows(runs), runs)
    final = data.windows.last
    blocks, omissions = [], []
    for agent, label in spec.agents.items():
        groups = list(_groups(spec, agent, final))
        if not groups:
            omissions.append(f"{label}: no results yet.")
        for position, (group, names) in enumerate(groups):
            covered = scores.coverage(final, agent, list(spec.sources), names)
            if position == 0:  # of several groups the first is all of them
                omissions += [f"{label}: {note}." for note in covered.notes]
            if covered.datasets:
                blocks.append(_block(data, agent, group, covered))
    return Summary(spec, blocks, data.windows.shortest, sorted(set(rows["episodes"])), omissions)
