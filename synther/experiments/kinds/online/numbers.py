"""The numbers of online training: returns against steps, final and mean returns."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from synther.experiments.kinds.online.plan import OnlineSpec
from synther.experiments.runs import ONLINE
from synther.statistics import evaluations, intervals, published, scores
from synther.statistics.evaluations import Run
from synther.statistics.intervals import BAND_REPS, Estimate
from synther.statistics.scores import read_results as read

__all__ = ["Online", "Panel", "Point", "Runs", "Summary", "measure", "on_all", "points", "read"]

Runs = dict[tuple[str, str], Run]
"""(task, agent) -> its evaluations."""


@dataclass(frozen=True)
class Point:
    """One agent's value of a task or over several, at one place of a line.

    Attributes:
        x: environment steps, percent of the budget, or updates a step; NaN of a level line.
        matrix: (seeds, tasks) returns of one task, or scores of several.
        value: the mean over seeds of one task, or the IQM over several.
    """

    x: float
    matrix: np.ndarray
    value: Estimate


@dataclass(frozen=True)
class Panel:
    """All lines of a task, or over `tasks` of them where `task` is None (then they are scores)."""

    task: str | None
    tasks: int
    lines: dict[str, list[Point]] = field(default_factory=dict)
    levels: dict[str, Point] = field(default_factory=dict)

    @property
    def points(self) -> list[Point]:
        """Everything in it."""
        return [*itertools.chain.from_iterable(self.lines.values()), *self.levels.values()]

    @property
    def seeds(self) -> list[int]:
        """The different numbers of seeds in it, ascending."""
        return sorted({len(point.matrix) for point in self.points})


@dataclass(frozen=True)
class Summary:
    """One agent on a task in two numbers, or over several tasks (IQMs of scores).

    Attributes:
        tasks: which.
        final: of the last evaluation.
        mean: over all evaluations: the area under the curve, divided by its length.
        final_std: sample standard deviation over seeds; NaN for one seed or several tasks.
        mean_std: likewise.
        improvement: over several tasks, P(final score better than the first agent's).
        published: another's number for the final return.
    """

    tasks: tuple[str, ...]
    agent: str
    seeds: int
    final: Estimate
    mean: Estimate
    final_std: float = math.nan
    mean_std: float = math.nan
    improvement: Estimate | None = None
    published: published.PaperNumber | None = None

    @property
    def task(self) -> str | None:
        """The task, or None of several."""
        return self.tasks[0] if len(self.tasks) == 1 else None


@dataclass(frozen=True)
class Online:
    """A figure with all its numbers; `omissions` says in words what is missing."""

    spec: OnlineSpec
    panels: list[Panel]
    summaries: list[Summary]
    episodes: list[int]
    omissions: list[str]


def _estimates(cube: np.ndarray, reps: int, seed: int) -> list[Estimate]:
    """Return the mean over seeds of one task, or the IQM over several, at each x."""
    if cube.shape[1] > 1:
        return intervals.iqms({"": cube}, reps, seed)[""]
    return [
        intervals.bootstrap(intervals.mean, intervals.columns(cube[:, :, i]), reps, seed)
        for i in range(cube.shape[2])
    ]


def points(spec: OnlineSpec, xs: Iterable[float], cube: np.ndarray) -> list[Point]:
    """Return the points of a line through (seeds, tasks, xs) values."""
    values = _estimates(cube, min(spec.bootstrap_reps, BAND_REPS), spec.seed)
    matrices = np.moveaxis(cube, 2, 0)
    return [Point(float(x), m, value) for x, m, value in zip(xs, matrices, values, strict=True)]


def _learning(spec: OnlineSpec, runs: Runs, tasks: list[str]) -> list[Panel]:
    panels = []
    for task in tasks:
        panel = Panel(task, 1)
        for agent in spec.agents:
            if run := runs.get((task, agent)):
                panel.lines[agent] = points(spec, run.steps, run.returns[:, None, :])
        panels.append(panel)
    if len(tasks) > 1:
        over = Panel(None, len(tasks))
        for agent in spec.agents:
            if own := on_all(runs, tasks, agent):
                shares, matrices = evaluations.over_training(own)
                percents = [100 * share for share in shares]
                over.lines[agent] = points(spec, percents, np.stack(matrices, axis=2))
        panels.append(over)
    return panels


def on_all(runs: Runs, tasks: Sequence[str], agent: str) -> list[Run]:
    """Return an agent's runs on all tasks, or none where one is missing."""
    own = [runs[task, agent] for task in tasks if (task, agent) in runs]
    return own if len(own) == len(tasks) else []


def _published(spec: OnlineSpec, task: str, agent: str) -> published.PaperNumber | None:
    known = spec.paper
    if known is None or task not in known.datasets or agent not in known.agents:
        return None
    names = known.datasets[task], known.agents[agent], known.variants[agent]
    return published.lookup(known.table, *names)


def _of_task(spec: OnlineSpec, run: Run, task: str, agent: str) -> Summary:
    both = np.stack([run.returns[:, -1], run.returns.mean(axis=1)], axis=1)
    final, mean = _estimates(both[:, None, :], spec.bootstrap_reps, spec.seed)
    stds = both.std(axis=0, ddof=1) if len(both) > 1 else (math.nan, math.nan)
    final_std, mean_std = map(float, stds)
    theirs = _published(spec, task, agent)
    return Summary((task,), agent, len(both), final, mean, final_std, mean_std, published=theirs)


def _summaries(spec: OnlineSpec, runs: Runs, tasks: list[str]) -> list[Summary]:
    found = [
        _of_task(spec, runs[task, agent], task, agent)
        for task in tasks
        for agent in spec.agents
        if (task, agent) in runs
    ]
    first: np.ndarray | None = None
    for agent in spec.agents if len(tasks) > 1 else ():
        if not (own := on_all(runs, tasks, agent)):
            continue
        parts = evaluations.together(own)
        both = np.stack(
            [np.stack([p[:, -1], p.mean(axis=1)], axis=1) for p in parts], axis=1
        )  # seeds, tasks, final and mean
        final, mean = _estimates(both, spec.bootstrap_reps, spec.seed)
        better = None
        if first is not None:
            better = intervals.probability_of_improvement(
                both[:, :, 0], first, spec.bootstrap_reps, spec.seed
            )
        first = both[:, :, 0] if first is None else first
        found.append(Summary(tuple(tasks), agent, len(both), final, mean, improvement=better))
    return found


def _omissions(spec: OnlineSpec, runs: Runs, tasks: list[str]) -> list[str]:
    found = []
    for task in spec.tasks:
        if lacking := [name for slug, name in spec.agents.items() if (task, slug) not in runs]:
            found.append(f"{task}: no results of {', '.join(lacking)}.")
    ends = {key: int(run.steps[-1]) for key, run in runs.items()}
    for agent, name in spec.agents.items():
        for task in tasks:
            furthest = max(end for key, end in ends.items() if key[0] == task)
            if (end := ends.get((task, agent), furthest)) < furthest:
                found.append(f"{name} on {task} ends at step {end:,}, others at {furthest:,}.")
    return found


def measure(
    spec: OnlineSpec,
    results: pd.DataFrame,
    panels: Callable[..., list[Panel]] = _learning,
) -> Online:
    """Work out a figure: its lines with intervals, and its tables' numbers.

    Args:
        spec: what to show.
        results: rows as `scores.read_results` returns them; other tasks and agents than the
            spec's are left aside.
        panels: makes panels from the description, the runs, and the tasks that have any.

    Raises:
        SyntherError: results are of another preset, none belongs here, or seeds of one run were
            evaluated at different steps.
    """
    if spec.paper:
        published.require_mapping(spec.paper.table, spec.paper.variants.values())
    rows = scores.belonging(spec, results, spec.tasks, [ONLINE])
    runs = {(task, agent): run for (task, _, agent), run in evaluations.runs(rows).items()}
    tasks = [task for task in spec.tasks if any(key[0] == task for key in runs)]
    counts = rows.groupby(["dataset", "agent", "seed", "step"]).size()
    return Online(
        spec,
        panels(spec, runs, tasks),
        _summaries(spec, runs, tasks),
        sorted(set(counts)),
        _omissions(spec, runs, tasks),
    )
