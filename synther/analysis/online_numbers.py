"""The numbers of online training: returns against steps or updates, final and mean returns."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from synther.analysis import bootstrap, evaluations, paper, scores
from synther.analysis.bootstrap import BAND_REPS, Estimate
from synther.analysis.evaluations import Run
from synther.analysis.online_spec import OnlineSpec

SOURCE = "online"


@dataclass(frozen=True)
class Line:
    """One agent's values.

    Attributes:
        xs: environment steps, percent of the budget, or updates a step.
        matrices: an x, (seeds, tasks) values.
        values: an x, the mean over seeds of one task, or the IQM over several.
    """

    xs: list[float]
    matrices: list[np.ndarray]
    values: list[Estimate]


@dataclass(frozen=True)
class Panel:
    """All lines of a task, or over `tasks` of them where `task` is None (then they are scores)."""

    task: str | None
    tasks: int
    lines: dict[str, Line] = field(default_factory=dict)
    levels: dict[str, Line] = field(default_factory=dict)

    @property
    def seeds(self) -> list[int]:
        """The different numbers of seeds in it, ascending."""
        every = [*self.lines.values(), *self.levels.values()]
        return sorted({len(matrix) for line in every for matrix in line.matrices})


@dataclass(frozen=True)
class Summary:
    """One agent on a task in two numbers, or over all tasks (IQMs of scores) where it is None.

    Attributes:
        final: of the last evaluation.
        mean: over all evaluations: the area under the curve, divided by its length.
        final_std: sample standard deviation over seeds; NaN for one seed or several tasks.
        mean_std: likewise.
        improvement: over all tasks, P(final score better than the first agent's).
        published: another's number for the final return.
    """

    task: str | None
    agent: str
    seeds: int
    final: Estimate
    mean: Estimate
    final_std: float = math.nan
    mean_std: float = math.nan
    improvement: Estimate | None = None
    published: paper.PaperNumber | None = None


@dataclass(frozen=True)
class Online:
    """A figure with all its numbers; `omissions` says in words what is missing."""

    spec: OnlineSpec
    panels: list[Panel]
    summaries: list[Summary]
    episodes: list[int]
    omissions: list[str]


def _runs(rows: pd.DataFrame) -> dict[tuple[str, str], Run]:
    return {(task, agent): run for (task, _, agent), run in evaluations.runs(rows).items()}


def _line(spec: OnlineSpec, xs: list[float], matrices: list[np.ndarray]) -> Line:
    reps = min(spec.bootstrap_reps, BAND_REPS)
    values = [
        bootstrap.estimate(
            bootstrap.iqm if matrix.shape[1] > 1 else bootstrap.mean,
            matrix,
            reps=reps,
            seed=spec.seed,
        )
        for matrix in matrices
    ]
    return Line(xs, matrices, values)


def _learning(spec: OnlineSpec, runs: dict[tuple[str, str], Run], tasks: list[str]) -> list[Panel]:
    panels = []
    for task in tasks:
        panel = Panel(task, 1)
        for agent in spec.agents:
            if run := runs.get((task, agent)):
                matrices = list(run.returns.T[:, :, None])
                panel.lines[agent] = _line(spec, run.steps.tolist(), matrices)
        panels.append(panel)
    if len(tasks) > 1:
        over = Panel(None, len(tasks))
        for agent in spec.agents:
            own = [runs[task, agent] for task in tasks if (task, agent) in runs]
            if len(own) < len(tasks):
                continue
            shares, matrices = evaluations.over_training(own)
            over.lines[agent] = _line(spec, [100 * share for share in shares], matrices)
        panels.append(over)
    return panels


def _sweep(spec: OnlineSpec, runs: dict[tuple[str, str], Run], tasks: list[str]) -> list[Panel]:
    ordered = sorted(spec.learners, key=lambda agent: spec.ratios[agent])

    def panel(task: str | None, chosen: list[str]) -> Panel:
        def matrix(agent: str) -> np.ndarray | None:
            own = [runs[name, agent] for name in chosen if (name, agent) in runs]
            if len(own) < len(chosen):
                return None
            if task is not None:
                return own[0].returns[:, -1:]
            return np.stack([part[:, -1] for part in evaluations.together(own)], axis=1)

        made = Panel(task, len(chosen))
        points = [(float(spec.ratios[a]), m) for a in ordered if (m := matrix(a)) is not None]
        if points:
            xs, matrices = [x for x, _ in points], [m for _, m in points]
            made.lines[spec.swept] = _line(spec, xs, matrices)
        for agent in spec.reference:
            if (found := matrix(agent)) is not None:
                made.levels[agent] = _line(spec, [math.nan], [found])
        return made

    panels = [panel(task, [task]) for task in tasks]
    return [*panels, panel(None, tasks)] if len(tasks) > 1 else panels


def _published(spec: OnlineSpec, task: str, agent: str) -> paper.PaperNumber | None:
    known = spec.paper
    if known is None or task not in known.datasets or agent not in known.agents:
        return None
    return paper.lookup(
        known.table, known.datasets[task], known.agents[agent], known.variants[agent]
    )


def _summaries(
    spec: OnlineSpec, runs: dict[tuple[str, str], Run], tasks: list[str]
) -> list[Summary]:
    options = {"reps": spec.bootstrap_reps, "seed": spec.seed}
    found = []
    for task in tasks:
        for agent in spec.agents:
            if not (run := runs.get((task, agent))):
                continue
            final, mean = run.returns[:, -1:], run.returns.mean(axis=1)[:, None]
            several = len(final) > 1
            found.append(
                Summary(
                    task,
                    agent,
                    len(final),
                    bootstrap.estimate(bootstrap.mean, final, **options),
                    bootstrap.estimate(bootstrap.mean, mean, **options),
                    float(final.std(ddof=1)) if several else math.nan,
                    float(mean.std(ddof=1)) if several else math.nan,
                    published=_published(spec, task, agent),
                )
            )
    if len(tasks) < 2:
        return found
    first: np.ndarray | None = None
    for agent in spec.agents:
        own = [runs[task, agent] for task in tasks if (task, agent) in runs]
        if len(own) < len(tasks):
            continue
        parts = evaluations.together(own)
        final = np.stack([part[:, -1] for part in parts], axis=1)
        mean = np.stack([part.mean(axis=1) for part in parts], axis=1)
        better = (
            bootstrap.estimate(bootstrap.probability, final, first, **options)
            if first is not None
            else None
        )
        first = final if first is None else first
        found.append(
            Summary(
                None,
                agent,
                len(final),
                bootstrap.estimate(bootstrap.iqm, final, **options),
                bootstrap.estimate(bootstrap.iqm, mean, **options),
                improvement=better,
            )
        )
    return found


def measure(spec: OnlineSpec, results: pd.DataFrame) -> Online:
    """Work out a figure: its lines with intervals, and its tables' numbers.

    Args:
        spec: what to show; its layout is online or sweep.
        results: rows as `scores.read_results` returns them; other tasks and agents than the
            spec's are left aside.

    Raises:
        SyntherError: results are of another preset, none belongs here, or seeds of one run were
            evaluated at different steps.
    """
    rows = scores.belonging(spec, results, spec.tasks, [SOURCE])
    runs = _runs(rows)
    tasks = [task for task in spec.tasks if any(key[0] == task for key in runs)]
    omissions = []
    for task in spec.tasks:
        if lacking := [name for slug, name in spec.agents.items() if (task, slug) not in runs]:
            omissions.append(f"{task}: no results of {', '.join(lacking)}.")
    for agent, name in spec.agents.items():
        ends = {task: int(runs[task, agent].steps[-1]) for task in tasks if (task, agent) in runs}
        others = {
            task: {int(run.steps[-1]) for key, run in runs.items() if key[0] == task}
            for task in ends
        }
        omissions += [
            f"{name} on {task} ends at step {end:,}, others at {max(others[task]):,}."
            for task, end in ends.items()
            if end < max(others[task])
        ]
    panels = (_learning if spec.layout == "online" else _sweep)(spec, runs, tasks)
    counts = rows.groupby(["dataset", "agent", "seed", "step"]).size()
    return Online(spec, panels, _summaries(spec, runs, tasks), sorted(set(counts)), omissions)
