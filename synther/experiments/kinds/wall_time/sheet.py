"""Wall time as a sheet: a row a task and method, and a row a method over all tasks."""

import itertools
from typing import Any

import pandas as pd

from synther import sheets
from synther.experiments.kinds.spec import Numbers
from synther.experiments.kinds.wall_time.numbers import PARTS
from synther.experiments.runs import ONLINE
from synther.sheets import printed


def tables(found: Numbers) -> list[sheets.Table]:
    """Return the table."""
    spec, jobs, rows = found.spec, found.frame, []
    totals = ["all tasks"] * (len(spec.names) > 1)
    for place, agent in itertools.product([*spec.names, *totals], spec.agents):
        own = jobs[(jobs["agent"] == agent) & (jobs["task"].eq(place) | (place in totals))]
        if len(own):
            words = place, spec.agents[agent]
            rows.append(sheets.row(*words, *_cells(own), is_total=place in totals))
    columns = sheets.columns(("Task", "Method"), ("Seeds a job", "Steps", "Time a job", "Steps/s"))
    shares = (sheets.Column(part, ("Share of the time (%)",)) for part in PARTS)
    return [sheets.table("", (*columns, *shares), rows)]


def _cells(jobs: pd.DataFrame) -> list[sheets.Cell]:
    names = dict.fromkeys(zip(jobs["task"], jobs["agent"], strict=True))
    runs = tuple(sheets.run_key(task, ONLINE, agent) for task, agent in names)
    counted = sum(jobs["counted"])
    each, steps = counted / len(jobs), (jobs["steps"] * jobs["seeds"]).sum()
    whole = max(counted, 1e-9)
    return [
        *(sheets.Cell(printed.span(jobs[n]), float(jobs[n].max())) for n in ("seeds", "steps")),
        sheets.Cell(printed.duration(each), each, unit="s", runs=runs),
        printed.measured(steps / whole, runs=runs),
        *(printed.measured(100 * sum(jobs[f"{part}_s"]) / whole, runs=runs) for part in PARTS),
    ]


def footnotes(found: Numbers) -> dict[str, Any]:
    """Return what footnotes.j2 says."""
    return {"machines": sorted(set(found.frame["machine"]))}
