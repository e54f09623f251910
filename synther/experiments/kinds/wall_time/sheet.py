"""Wall time as a sheet: a row a task and method, and a row a method over all tasks."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from synther import sheets
from synther.experiments.kinds.wall_time.numbers import PARTS, Times, WallTime
from synther.experiments.runs import ONLINE
from synther.sheets import numbers
from synther.sheets.sheet import run_key

CSV_COLUMNS = (
    *("experiment", "preset", "budget", "task", "agent", "seeds", "steps", "wall_time_s"),
    *("steps_per_s", "other_s", *(f"{part}_s" for part in PARTS), "device", "cpu", "gpu"),
)


def sheet(table: WallTime) -> sheets.Sheet:
    """Return the table."""
    heads = ("Seeds a job", "Steps", "Time a job", "Steps/s")
    columns = [
        *(sheets.Column(head, is_name=True) for head in ("Task", "Method")),
        *map(sheets.Column, heads),
        *(sheets.Column(part, ("Share of the time (%)",)) for part in PARTS),
    ]
    return sheets.Sheet(
        **table.spec.heading(),
        tables=(sheets.Table("", tuple(columns), tuple(_rows(table))),),
        notes=tuple(map(sheets.Note, footnotes(table))),
        tidy=sheets.frame_columns(tidy(table)),
    )


def _rows(table: WallTime) -> list[sheets.Row]:
    spec = table.spec
    places = [(task, [job for job in table.jobs if job.task == task]) for task in spec.tasks]
    if len(spec.tasks) > 1:
        places.append(("all tasks", table.jobs))
    return [
        sheets.Row(tuple(_cells(place, name, own)), is_total=place not in spec.tasks)
        for place, jobs in places
        for agent, name in spec.agents.items()
        if (own := [job for job in jobs if job.agent == agent])
    ]


def _cells(place: str, name: str, jobs: Sequence[Times]) -> list[sheets.Cell]:
    runs = tuple(dict.fromkeys(run_key(job.task, ONLINE, job.agent) for job in jobs))
    counted = sum(job.counted for job in jobs)
    each, steps = counted / len(jobs), sum(job.steps * job.seeds for job in jobs)
    return [
        *map(numbers.words, (place, name)),
        *(_span(counts) for counts in ([j.seeds for j in jobs], [j.steps for j in jobs])),
        sheets.Cell(numbers.duration(each), each, unit="s", runs=runs),
        numbers.measured(steps / max(counted, 1e-9), runs=runs),
        *(
            numbers.measured(
                100 * sum(job.seconds[part] for job in jobs) / max(counted, 1e-9), runs=runs
            )
            for part in PARTS
        ),
    ]


def _span(counts: Sequence[int]) -> sheets.Cell:
    return sheets.Cell(numbers.span(counts), float(max(counts)))


def tidy(table: WallTime) -> pd.DataFrame:
    """Return one row a job; columns `CSV_COLUMNS`, seconds, and steps a second of all seeds."""
    spec = table.spec
    records = [
        {
            **{"experiment": spec.name, "preset": spec.preset, "budget": spec.budget},
            **vars(job),
            "steps_per_s": job.steps * job.seeds / max(job.counted, 1e-9),
            "other_s": job.other_s,
            **{f"{part}_s": seconds for part, seconds in job.seconds.items()},
            **{name: job.hardware.get(name, "") for name in ("device", "cpu", "gpu")},
        }
        for job in table.jobs
    ]
    return pd.DataFrame(records)[list(CSV_COLUMNS)]


def footnotes(table: WallTime) -> list[str]:
    """Return the footnotes: what was timed, and on what."""
    machines = sorted({job.machine for job in table.jobs})
    lines = [
        "Time a job: all that is counted in the shares, without starting up; a job trains its "
        "seeds in one stacked computation. Steps: environment steps of a seed; steps/s: of all "
        "its seeds. Agent: acting and all updates; diffusion: training the generators; sampling: "
        "drawing from them.",
        f"Measured on: {'; '.join(machines)}. Other jobs may have shared the machine.",
    ]
    return [*lines, *table.omissions, *table.spec.notes]
