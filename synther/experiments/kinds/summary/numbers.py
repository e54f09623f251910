"""The numbers of a summary over datasets: aggregates, profiles, and curves over training."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from synther.experiments.kinds.spec import Numbers
from synther.experiments.kinds.summary.plan import SummarySpec
from synther.statistics import evaluations, intervals, scores
from synther.statistics.intervals import Estimate

CSV_COLUMNS = (
    *("experiment", "preset", "budget", "agent", "group", "source", "metric", "x", "unit"),
    *("value", "low", "high", "seeds", "datasets"),
)
COLUMNS = (*CSV_COLUMNS[3:], "names")
"""Of the frame of numbers."""
OVERALL = "overall"
"""The name of all groups together."""
AVERAGE, BEST = "iqm_average_of_last", "iqm_best_of_last"
"""IQMs of other rules than the last evaluation's, which stand beside it."""
POINTS = 50
"""Most points of a line, but for these:"""
THRESHOLDS = (0.0, 25.0, 50.0, 75.0, 100.0)
"""Scores at which a table prints the profiles."""
Runs = dict[tuple[str, str, str], evaluations.Run]
"""(dataset, source, agent) -> its evaluations."""


def read(paths: Sequence[str | Path]) -> pd.DataFrame:
    """Read result files, a row an evaluation."""
    return scores.read_results(paths, evaluations.means)


def _aggregates(
    spec: SummarySpec, covered: scores.Coverage, windows: dict[str, pd.DataFrame]
) -> Iterator[dict[str, Any]]:
    reps = spec.bootstrap_reps
    last, *rules = (covered.matrices(windows[name]) for name in ("last", "average", "best"))
    stacked = {source: np.stack([rule[source] for rule in rules], axis=-1) for source in last}
    beside = intervals.iqms(stacked, reps)
    for source, metrics in intervals.aggregates(last, reps, spec.baseline).items():
        metrics |= dict(zip((AVERAGE, BEST), beside[source], strict=True))
        for metric, estimate in metrics.items():
            yield {"source": source, "metric": metric, **vars(estimate)}


def _profiles(covered: scores.Coverage, final: pd.DataFrame, reps: int) -> Iterator[dict[str, Any]]:
    matrices = covered.matrices(final)
    values = np.concatenate([matrix.ravel() for matrix in matrices.values()])
    low, high = min(0.0, float(values.min())), max(float(values.max()), 1.0)
    marks = [x for x in THRESHOLDS if low <= x <= high]
    xs = np.unique([*np.linspace(low, high, POINTS), *marks]).tolist()
    found = intervals.profiles(matrices, xs, reps)
    yield from _lines(dict.fromkeys(found, xs), found, "share_above", "normalised score")


def _curves(covered: scores.Coverage, runs: Runs, reps: int) -> Iterator[dict[str, Any]]:
    own = {s: [runs[d, s, covered.agent] for d in covered.datasets] for s in covered.sources}
    ends = {float(run.steps[-1]) for parts in own.values() for run in parts}
    scale, unit = (ends.pop(), "updates") if len(ends) == 1 else (100.0, "% of the updates")
    xs, cubes = {}, {}
    for source, parts in own.items():
        shares, matrices = evaluations.over_training(parts)
        kept = evaluations.thinned(len(shares), POINTS)
        xs[source] = [scale * shares[i] for i in kept]
        cubes[source] = np.stack([matrices[i] for i in kept], axis=-1)
    yield from _lines(xs, intervals.iqms(cubes, reps), "iqm", unit)


def _lines(
    xs: dict[str, list[float]], found: dict[str, list[Estimate]], metric: str, unit: str
) -> Iterator[dict[str, Any]]:
    for source, values in found.items():
        for x, value in zip(xs[source], values, strict=True):
            yield {"source": source, "x": x, "metric": metric, "unit": unit, **vars(value)}


def _groups(spec: SummarySpec, agent: str, final: pd.DataFrame) -> list[tuple[str, list[str]]]:
    """Return the groups that an agent has results in, all of several together first."""
    there = set(final.loc[final["agent"] == agent, "dataset"])
    own = {
        group: names
        for group, rows in spec.groups.items()
        if (names := [row.name for row in rows if row.name in there])
    }
    every = {OVERALL: [name for names in own.values() for name in names]}
    return list(((every if len(own) > 1 else {}) | own).items())


def measure(spec: SummarySpec, results: pd.DataFrame) -> Numbers:
    """Work out a summary, by group and overall.

    Returns:
        A number a row, of an agent and source on one group's datasets (`names`), or all: those on
        which all sources have results. Scores run from 0 to 100; the optimality gap, shares and
        probabilities from 0 to 1. `x` is a profile's score or a curve's place in training, in
        `unit`. `more` is how many evaluations "the last ten" are at least.
    """
    rows = evaluations.means(scores.belonging(spec, results))
    runs = evaluations.runs(rows)
    windows = evaluations.windows(rows)
    records, omissions = [], []
    for agent, label in spec.agents.items():
        groups = _groups(spec, agent, windows["last"])
        if not groups:
            omissions.append(f"{label}: no results yet.")
        for position, (group, names) in enumerate(groups):
            covered = scores.coverage(windows["last"], agent, list(spec.sources), names)
            if position == 0:  # of several groups the first is all of them
                omissions += [f"{label}: {note}." for note in covered.notes]
            if not covered.datasets:
                continue
            if spec.layout == "aggregates":
                own = _aggregates(spec, covered, windows)
            elif spec.layout == "profiles":
                own = _profiles(covered, windows["last"], spec.band_reps)
            else:
                own = _curves(covered, runs, spec.band_reps)
            same = {"agent": agent, "group": group, "seeds": len(covered.seeds)}
            same |= {"datasets": len(covered.datasets), "names": covered.datasets}
            records += [same | row for row in own]
    frame = pd.DataFrame(records, columns=COLUMNS)
    shortest = min(evaluations.WINDOW, *(len(run.steps) for run in runs.values()))
    return Numbers(spec, frame, CSV_COLUMNS, sorted(set(rows["episodes"])), omissions, shortest)
