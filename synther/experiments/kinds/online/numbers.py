"""The numbers of online training: returns against steps, final and mean returns."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from synther.experiments.kinds.online.plan import OnlineSpec
from synther.experiments.kinds.spec import Numbers
from synther.experiments.runs import ONLINE
from synther.statistics import evaluations, intervals, published, scores
from synther.statistics.evaluations import Run
from synther.statistics.intervals import BAND_REPS, Estimate
from synther.statistics.scores import read_results as read

__all__ = ["CSV_COLUMNS", "Records", "Runs", "line", "measure", "panels", "read", "values"]

CSV_COLUMNS = (
    *("experiment", "preset", "budget", "row", "task", "agent", "x", "unit"),
    *("metric", "seeds", "tasks", "value", "std", "low", "high"),
)
COLUMNS = (*CSV_COLUMNS[3:], "each", "names", "status", "provenance")
"""Of the frame of numbers."""
METRICS = ("mean return", "IQM of scores")
"""Of one task, and of several."""
Runs = dict[tuple[str, str], Run]
"""(task, agent) -> its evaluations."""
Records = list[dict[str, Any]]


def panels(tasks: Sequence[str]) -> Iterator[tuple[list[str], dict[str, Any]]]:
    """Yield the tasks of each panel, one or last all, and what its rows have in common."""
    for names in (*([task] for task in tasks), *([list(tasks)] if len(tasks) > 1 else [])):
        is_all = len(names) > 1
        task = "" if is_all else names[0]
        yield names, {"task": task, "tasks": len(names), "metric": METRICS[is_all]}


def values(runs: Runs, tasks: Sequence[str], agent: str) -> list[np.ndarray]:
    """Return an agent's (seeds, evaluations) on each task; nothing where one is missing.

    They are returns of one task, or of several the scores of the seeds that all have.
    """
    own = [runs[task, agent] for task in tasks if (task, agent) in runs]
    if len(own) < len(tasks):
        return []
    return evaluations.together(own) if len(own) > 1 else [own[0].returns]


def _estimates(cube: np.ndarray, reps: int) -> list[Estimate]:
    """Return the mean over seeds of one task, or the IQM over several, at each x."""
    if cube.shape[1] > 1:
        return intervals.iqms({"": cube}, reps)[""]
    return [
        intervals.bootstrap(intervals.mean, intervals.columns(cube[:, :, i]), reps)
        for i in range(cube.shape[2])
    ]


def line(spec: OnlineSpec, same: dict[str, Any], xs: Iterable[float], cube: np.ndarray) -> Records:
    """Return rows of a line through (seeds, tasks, xs) values; `each` has one task's seeds."""
    found = _estimates(cube, min(spec.bootstrap_reps, BAND_REPS))
    several = cube.shape[1] > 1
    return [
        {**same, "row": "point", "x": float(x), "seeds": len(cube), **vars(value)}
        | {"each": [] if several else cube[:, 0, place].tolist()}
        for place, (x, value) in enumerate(zip(xs, found, strict=True))
    ]


def _learning(spec: OnlineSpec, runs: Runs, tasks: list[str]) -> Records:
    found: Records = []
    for names, same in panels(tasks):
        for agent in spec.agents:
            if not values(runs, names, agent):
                continue
            own = same | {"agent": agent}
            if same["task"]:
                run = runs[names[0], agent]
                found += line(spec, own | {"unit": "steps"}, run.steps, run.returns[:, None, :])
            else:
                shares, matrices = evaluations.over_training([runs[n, agent] for n in names])
                percents = [100 * share for share in shares]
                cube = np.stack(matrices, axis=2)
                found += line(spec, own | {"unit": "% of steps"}, percents, cube)
    return found


def _published(spec: OnlineSpec, task: str, agent: str) -> published.PaperNumber | None:
    known = spec.paper
    if known is None or task not in known.datasets or agent not in known.agents:
        return None
    names = known.datasets[task], known.agents[agent], known.variants[agent]
    return published.lookup(known.table, *names)


def _summaries(spec: OnlineSpec, runs: Runs, tasks: list[str]) -> Records:
    """Return the last evaluation, and the mean over all: the area under the curve by its length."""
    reps = spec.bootstrap_reps
    found: Records = []
    for names, same in panels(tasks):
        first: np.ndarray | None = None
        for agent in spec.agents:
            if not (parts := values(runs, names, agent)):
                continue
            both = np.stack([np.stack([p[:, -1], p.mean(axis=1)], axis=1) for p in parts], axis=1)
            own = same | {"agent": agent, "seeds": len(both), "names": names}
            is_spread = len(names) == 1 and len(both) > 1
            stds = both[:, 0].std(axis=0, ddof=1) if is_spread else (math.nan, math.nan)
            for row, value, std in zip(
                ("final", "mean"), _estimates(both, reps), stds, strict=True
            ):
                found.append({**own, "row": row, "std": float(std), **vars(value)})
            if len(names) > 1 and first is not None:
                better = intervals.probability_of_improvement(both[:, :, 0], first, reps)
                probability = {"row": "improvement", "metric": "probability"}
                found.append(own | probability | vars(better))
            first = both[:, :, 0] if first is None else first
            if other := _published(spec, same["task"], agent):
                found.append(
                    {
                        **own,
                        **{"row": "published", "metric": f"return ({other.status})"},
                        **{"seeds": other.seeds, "value": other.mean, "std": other.std},
                        **{"status": other.status, "provenance": other.provenance},
                    }
                )
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
    spec: OnlineSpec, results: pd.DataFrame, lines: Callable[..., Records] = _learning
) -> Numbers:
    """Work out a figure: its lines with intervals, and its tables' numbers.

    Args:
        spec: what to show.
        results: rows as `scores.read_results` returns them; other tasks and agents than the
            spec's are left aside.
        lines: makes rows of lines from the description, the runs, and the tasks that have any.

    Returns:
        A number a row: `row` is point (of a line), level (of a reference), final, mean (over all
        evaluations), improvement or published. A task's numbers are returns; over tasks (`task`
        empty) IQMs of normalised scores.

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
    records = [*lines(spec, runs, tasks), *_summaries(spec, runs, tasks)]
    frame = pd.DataFrame(records, columns=COLUMNS)
    return Numbers(spec, frame, sorted(set(counts)), _omissions(spec, runs, tasks))
