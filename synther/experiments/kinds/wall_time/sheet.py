"""Wall time as a sheet: a row a task and method, and a row a method over all tasks."""

from __future__ import annotations

import pandas as pd

from synther import sheets
from synther.experiments.kinds.spec import Numbers
from synther.experiments.kinds.wall_time.numbers import PARTS
from synther.experiments.runs import ONLINE
from synther.sheets import numbers
from synther.sheets.sheet import run_key

CSV_COLUMNS = (
    *("experiment", "preset", "budget", "task", "agent", "seeds", "steps", "wall_time_s"),
    *("steps_per_s", "other_s", *(f"{part}_s" for part in PARTS), "device", "cpu", "gpu"),
)


def sheet(found: Numbers) -> sheets.Sheet:
    """Return the table."""
    spec, jobs, rows = found.spec, found.frame, []
    places = [(task, jobs[jobs["task"] == task]) for task in spec.tasks]
    if len(spec.tasks) > 1:
        places.append(("all tasks", jobs))
    for place, own in places:
        for agent, name in spec.agents.items():
            if len(of_agent := own[own["agent"] == agent]):
                is_total = place not in spec.tasks
                rows.append(sheets.row(place, name, *_cells(of_agent), is_total=is_total))
    columns = sheets.columns(("Task", "Method"), ("Seeds a job", "Steps", "Time a job", "Steps/s"))
    shares = (sheets.Column(part, ("Share of the time (%)",)) for part in PARTS)
    table = sheets.table("", (*columns, *shares), rows)
    return found.sheet(CSV_COLUMNS, tables=[table], notes=footnotes(found))


def _cells(jobs: pd.DataFrame) -> list[sheets.Cell]:
    keys = [run_key(job.task, ONLINE, job.agent) for job in jobs.itertuples()]
    runs, counted = tuple(dict.fromkeys(keys)), sum(jobs["counted"])
    each, steps = counted / len(jobs), (jobs["steps"] * jobs["seeds"]).sum()
    whole = max(counted, 1e-9)
    return [
        *(sheets.Cell(numbers.span(jobs[n]), float(jobs[n].max())) for n in ("seeds", "steps")),
        sheets.Cell(numbers.duration(each), each, unit="s", runs=runs),
        numbers.measured(steps / whole, runs=runs),
        *(numbers.measured(100 * sum(jobs[f"{part}_s"]) / whole, runs=runs) for part in PARTS),
    ]


def footnotes(found: Numbers) -> list[str]:
    """Return the footnotes: what was timed, and on what."""
    machines = sorted(set(found.frame["machine"]))
    lines = [
        "Time a job: the sum of what the shares count; starting up is left out. A job trains its "
        "seeds in one stacked computation. Steps: environment steps of a seed; steps/s: of all "
        "its seeds. Agent: acting and all updates; diffusion: training the generators; sampling: "
        "drawing from them.",
        f"Measured on: {'; '.join(machines)}. Other jobs may have shared the machine.",
    ]
    return [*lines, *found.omissions]
