"""The numbers of online training: returns against steps, final and mean returns."""

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from synther.experiments.kinds.online.plan import OnlineSpec
from synther.experiments.kinds.spec import Numbers
from synther.experiments.runs import ONLINE
from synther.jobs.files import read_json
from synther.statistics import evaluations, intervals, scores
from synther.statistics.evaluations import Run
from synther.statistics.intervals import Records, line, spread
from synther.statistics.measures import AGAIN

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


def _panels(
    runs: Runs, tasks: list[str], agents: Iterable[str]
) -> Iterator[tuple[list[Run], dict[str, Any]]]:
    """Yield an agent's evaluations on a panel's tasks, one or last all, and what its rows share.

    One that lacks a task is left out.
    """
    for names in (*([task] for task in tasks), *([tasks] if len(tasks) > 1 else [])):
        is_all = len(names) > 1
        place = {"task": "" if is_all else names[0], "tasks": len(names), "names": names}
        for agent in agents:
            own = [runs[task, agent] for task in names if (task, agent) in runs]
            if len(own) == len(names):
                yield own, {**place, "metric": METRICS[is_all], "agent": agent}


def _values(own: list[Run]) -> list[np.ndarray]:
    """Return (seeds, evaluations) returns of one task, or of several the shared seeds' scores."""
    return evaluations.together(own) if len(own) > 1 else [own[0].returns]


def _lines(spec: OnlineSpec, runs: Runs, tasks: list[str]) -> Records:
    """Return rows of returns against steps; of what is swept, of the last against ratios."""
    ordered = sorted(spec.ratios, key=spec.ratios.__getitem__) or spec.agents
    found, reps = [], spec.band_reps
    for own, same in _panels(runs, tasks, (*ordered, *spec.reference)):
        if spec.ratios:
            agent, cube = same["agent"], np.stack([part[:, -1:] for part in _values(own)], axis=1)
            (point,) = line(same, [spec.ratios.get(agent, math.nan)], cube, reps)
            is_level = agent in spec.reference
            swept = {"agent": next(iter(spec.series)), "unit": "updates a step"}
            found.append(point | ({"row": "level"} if is_level else swept))
        elif len(own) == 1:
            cube = own[0].returns[:, None, :]
            found += line(same | {"unit": "steps"}, own[0].steps, cube, reps)
        else:
            shares, parts = evaluations.over_training(own)
            percents, cube = 100 * np.array(shares), np.stack(parts, axis=2)
            found += line(same | {"unit": "% of steps"}, percents, cube, reps)
    return found


def _summaries(spec: OnlineSpec, runs: Runs, tasks: list[str]) -> Records:
    """Return the last evaluation, and the mean over all: the area under the curve by its length."""
    theirs = spec.published().rename(columns={"mean": "value"}).to_dict("records")
    of = {(each["dataset"], each["agent"]): each for each in theirs}
    found, reps, first = [], spec.bootstrap_reps, dict[str, np.ndarray]()
    for own, same in _panels(runs, tasks, spec.agents):
        ends = [np.stack([p[:, -1], p.mean(axis=1)], axis=1) for p in _values(own)]
        both, task = np.stack(ends, axis=1), same["task"]
        same["seeds"] = len(both)
        points = line(same, [math.nan, math.nan], both, reps)
        for row, end in zip(("final", "mean"), points, strict=True):
            found.append(end | {"row": row, "std": spread(end["each"])})
        if len(own) > 1 and task in first:
            better = intervals.probability_of_improvement(both[:, :, 0], first[task], reps)
            found.append({**same, "row": "improvement", "metric": "probability", **vars(better)})
        first.setdefault(task, both[:, :, 0])
        if other := of.get((task, same["agent"])):
            known = {"row": "published", "metric": f"return ({other['status']})"}
            found.append(same | other | known)
    return found


def _drift(spec: OnlineSpec) -> Records:
    """Return rows of how far samples are from the simulator after each training of generators."""
    errors: dict[tuple[str, str], dict[int, list[float]]] = {}
    for path in filter(Path.is_file, map(Path, spec.records)):
        record = read_json(path, AGAIN)
        own = errors.setdefault((record["task"], record["agent"]), {})
        for found in record.get("drift", []):
            own.setdefault(found["step"], []).extend(found["scaled_mse"])
    rows: Records = []
    for (task, agent), own in errors.items():
        place = {"task": task, "agent": agent, "tasks": 1, "metric": "scaled_mse", "unit": "steps"}
        cube = np.array(list(own.values())).T[:, None] if own else np.empty((0, 1, 0))
        points = line(place, own, cube, spec.band_reps)
        rows += [point | {"row": "drift"} for point in points]
    return rows


def _omissions(spec: OnlineSpec, runs: Runs, tasks: list[str]) -> list[str]:
    found = []
    for task in spec.names:
        if lacking := [name for slug, name in spec.agents.items() if (task, slug) not in runs]:
            found.append(f"{task}: no results of {', '.join(lacking)}.")
    ends = {key: int(run.steps[-1]) for key, run in runs.items()}
    for agent, name in spec.agents.items():
        for task in tasks:
            furthest = max(end for key, end in ends.items() if key[0] == task)
            if (end := ends.get((task, agent), furthest)) < furthest:
                found.append(f"{name} on {task} ends at step {end:,}, others at {furthest:,}.")
    return found


def measure(spec: OnlineSpec, results: pd.DataFrame) -> Numbers:
    """Work out a figure: its lines with intervals, and its tables' numbers.

    Returns:
        A number a row: `row` is point (of a line), level (of a reference), final, mean (over all
        evaluations), drift (of samples), improvement or published. A task's numbers are returns;
        over tasks (`task` empty) IQMs of normalised scores.
    """
    rows = scores.belonging(spec, results, [ONLINE])
    runs = {(task, agent): run for (task, _, agent), run in evaluations.runs(rows).items()}
    tasks = [task for task in spec.names if any(key[0] == task for key in runs)]
    counts = rows.groupby(["dataset", "agent", "seed", "step"]).size()
    records = [*_lines(spec, runs, tasks), *_summaries(spec, runs, tasks), *_drift(spec)]
    frame = pd.DataFrame(records, columns=COLUMNS)
    return Numbers(spec, frame, CSV_COLUMNS, sorted(set(counts)), _omissions(spec, runs, tasks))
