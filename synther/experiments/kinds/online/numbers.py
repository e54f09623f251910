"""The numbers of online training: returns against steps, final and mean returns."""

import math
from collections.abc import Iterator, Sequence
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
from synther.statistics.intervals import BAND_REPS
from synther.statistics.lines import Records, line, spread
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


def _panels(tasks: Sequence[str]) -> Iterator[tuple[list[str], dict[str, Any]]]:
    """Yield the tasks of each panel, one or last all, and what its rows have in common."""
    for names in (*([task] for task in tasks), *([list(tasks)] if len(tasks) > 1 else [])):
        is_all = len(names) > 1
        task = "" if is_all else names[0]
        yield names, {"task": task, "tasks": len(names), "metric": METRICS[is_all]}


def _values(runs: Runs, tasks: Sequence[str], agent: str) -> list[np.ndarray]:
    """Return an agent's (seeds, evaluations) on each task; nothing where one is missing.

    They are returns of one task, or of several the scores of the seeds that all have.
    """
    own = [runs[task, agent] for task in tasks if (task, agent) in runs]
    if len(own) < len(tasks):
        return []
    return evaluations.together(own) if len(own) > 1 else [own[0].returns]


def _lines(spec: OnlineSpec, runs: Runs, tasks: list[str]) -> Records:
    """Return rows of returns against steps; of what is swept, of the last against ratios."""
    ordered = sorted(spec.ratios, key=spec.ratios.__getitem__) or spec.agents
    found, reps = [], min(spec.bootstrap_reps, BAND_REPS)
    for names, same in _panels(tasks):
        for agent in (*ordered, *spec.reference):
            if not (parts := _values(runs, names, agent)):
                continue
            own = same | {"agent": agent}
            if spec.ratios:
                cube = np.stack([part[:, -1:] for part in parts], axis=1)
                (point,) = line(own, [spec.ratios.get(agent, math.nan)], cube, reps)
                is_level = agent in spec.reference
                swept = {"agent": next(iter(spec.series)), "unit": "updates a step"}
                found.append(point | ({"row": "level"} if is_level else swept))
            elif len(names) == 1:
                run = runs[names[0], agent]
                found += line(own | {"unit": "steps"}, run.steps, run.returns[:, None, :], reps)
            else:
                shares, parts = evaluations.over_training([runs[n, agent] for n in names])
                percents, cube = 100 * np.array(shares), np.stack(parts, axis=2)
                found += line(own | {"unit": "% of steps"}, percents, cube, reps)
    return found


def _summaries(spec: OnlineSpec, runs: Runs, tasks: list[str]) -> Records:
    """Return the last evaluation, and the mean over all: the area under the curve by its length."""
    theirs = {(task, agent): number for task, agent, _, number in spec.published()}
    found, reps = [], spec.bootstrap_reps
    for names, same in _panels(tasks):
        first: np.ndarray | None = None
        for agent in spec.agents:
            if not (parts := _values(runs, names, agent)):
                continue
            both = np.stack([np.stack([p[:, -1], p.mean(axis=1)], axis=1) for p in parts], axis=1)
            own = same | {"agent": agent, "seeds": len(both), "names": names}
            ends = line(own, [math.nan, math.nan], both, reps)
            for row, end in zip(("final", "mean"), ends, strict=True):
                found.append(end | {"row": row, "std": spread(end["each"])})
            if len(names) > 1 and first is not None:
                better = intervals.probability_of_improvement(both[:, :, 0], first, reps)
                found.append({**own, "row": "improvement", "metric": "probability", **vars(better)})
            first = both[:, :, 0] if first is None else first
            if other := theirs.get((same["task"], agent)):
                known = {"row": "published", "metric": f"return ({other.status})"}
                found.append({**own, **known, **vars(other), "value": other.mean})
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
        points = line(place, own, cube, min(spec.bootstrap_reps, BAND_REPS))
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
    rows = scores.belonging(spec, results, spec.names, [ONLINE])
    runs = {(task, agent): run for (task, _, agent), run in evaluations.runs(rows).items()}
    tasks = [task for task in spec.names if any(key[0] == task for key in runs)]
    counts = rows.groupby(["dataset", "agent", "seed", "step"]).size()
    records = [*_lines(spec, runs, tasks), *_summaries(spec, runs, tasks), *_drift(spec)]
    frame = pd.DataFrame(records, columns=COLUMNS)
    return Numbers(spec, frame, CSV_COLUMNS, sorted(set(counts)), _omissions(spec, runs, tasks))
