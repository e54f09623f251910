"""The numbers of a summary over datasets: aggregates, profiles, and curves over training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from synther.analysis import bootstrap, evaluations, scores
from synther.analysis.bootstrap import Estimate
from synther.analysis.evaluations import Run
from synther.analysis.summary_spec import OVERALL, SummarySpec

AGGREGATES: dict[str, bootstrap.Statistic] = {
    "iqm": bootstrap.iqm,
    "median": bootstrap.median,
    "mean": bootstrap.mean,
    "optimality_gap": bootstrap.optimality_gap,
}
IMPROVEMENT = "probability_of_improvement"
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
        metrics: source -> metric (of `AGGREGATES`, `IMPROVEMENT`, `AVERAGE`, `BEST`) -> estimate.
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
    options = {"reps": data.spec.bootstrap_reps, "seed": data.spec.seed}
    last = data.matrices(data.windows.last, agent, covered)
    average = data.matrices(data.windows.average, agent, covered)
    best = data.matrices(data.windows.best, agent, covered)
    found: dict[str, dict[str, Estimate]] = {}
    for source, matrix in last.items():
        found[source] = {
            name: bootstrap.estimate(rule, matrix, **options) for name, rule in AGGREGATES.items()
        }
        baseline = last.get(data.spec.baseline)
        if baseline is not None and source != data.spec.baseline:
            found[source][IMPROVEMENT] = bootstrap.estimate(
                bootstrap.probability, matrix, baseline, **options
            )
        for name, other in ((AVERAGE, average), (BEST, best)):
            found[source][name] = bootstrap.estimate(bootstrap.iqm, other[source], **options)
    return found


def _profiles(data: _Data, agent: str, covered: scores.Coverage) -> dict[str, Line]:
    matrices = data.matrices(data.windows.last, agent, covered)
    values = np.concatenate([matrix.ravel() for matrix in matrices.values()])
    low, high = min(0.0, float(values.min())), max(float(values.max()), 1.0)
    marks = [x for x in THRESHOLDS if low <= x <= high]
    xs = np.unique([*np.linspace(low, high, POINTS), *marks]).tolist()
    reps = min(data.spec.bootstrap_reps, bootstrap.BAND_REPS)
    return {
        source: Line(
            xs,
            [
                bootstrap.estimate(bootstrap.share_above(x), matrix, reps=reps, seed=data.spec.seed)
                for x in xs
            ],
        )
        for source, matrix in matrices.items()
    }


def _curves(data: _Data, agent: str, covered: scores.Coverage) -> tuple[dict[str, Line], str]:
    runs = {
        source: [data.runs[name, source, agent] for name in covered.datasets]
        for source in covered.sources
    }
    ends = {float(run.steps[-1]) for own in runs.values() for run in own}
    scale, unit = (ends.pop(), "updates") if len(ends) == 1 else (100.0, "% of the updates")
    reps = min(data.spec.bootstrap_reps, bootstrap.BAND_REPS)
    lines = {}
    for source, own in runs.items():
        shares, matrices = evaluations.over_training(own)
        count = len(shares)
        kept = np.unique(np.linspace(0, count - 1, min(POINTS, count)).round().astype(int))
        lines[source] = Line(
            [scale * shares[i] for i in kept],
            [
                bootstrap.estimate(bootstrap.iqm, matrices[i], reps=reps, seed=data.spec.seed)
                for i in kept
            ],
        )
    return lines, unit


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


def summarise(spec: SummarySpec, results: pd.DataFrame) -> Summary:
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
