"""The table of wall time by online method: how long, how fast, and where the time went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from synther.analysis.draw import block_width, draw_block
from synther.analysis.online_spec import OnlineSpec
from synther.analysis.page import MARGIN, NOTE, Page, Style, fixed_style, heading, save_figure
from synther.analysis.text import (
    markdown_head,
    markdown_notes,
    markdown_table,
    number,
    tex_foot,
    tex_head,
    tex_tabular,
)
from synther.errors import SyntherError
from synther.files import read_json

PARTS = ("simulator", "agent", "diffusion", "sampling", "evaluation")
"""As the records' `seconds` have them."""
_NEEDED = ("task", "agent", "preset", "seeds", "settings", "seconds", "wall_time_s", "hardware")
CSV_COLUMNS = (
    *("experiment", "preset", "budget", "task", "agent", "seeds", "steps", "wall_time_s"),
    *("steps_per_s", "other_s", *(f"{part}_s" for part in PARTS), "device", "cpu", "gpu"),
)


@dataclass(frozen=True)
class Times:
    """One job's times."""

    task: str
    agent: str
    seeds: int
    steps: int
    wall_time_s: float
    seconds: dict[str, float]
    hardware: dict[str, Any]

    @property
    def counted(self) -> float:
        """Seconds of all parts: those of jobs that were resumed too."""
        return sum(self.seconds.values())

    @property
    def other_s(self) -> float:
        """Seconds outside all parts: starting, checkpoints, logging."""
        return max(self.wall_time_s - self.counted, 0.0)

    @property
    def machine(self) -> str:
        """What it ran on."""
        return str(self.hardware.get("gpu") or f"{self.hardware.get('cpu', '?')}, CPU only")


@dataclass(frozen=True)
class WallTime:
    """The table's rows, a job each, and what is missing in words."""

    spec: OnlineSpec
    jobs: list[Times]
    omissions: list[str]


def _read(path: Path) -> dict[str, Any]:
    record = read_json(path, "remove it and its .parquet, and run its rule again")
    missing = [name for name in _NEEDED if name not in record]
    if missing:
        raise SyntherError(f"{path} lacks {missing[0]}: remove it and its .parquet, and rerun")
    return record


def collect(spec: OnlineSpec) -> WallTime:
    """Read the records of a wall-time table; those that aren't there are omissions.

    Raises:
        SyntherError: a record is damaged or of another preset, or there is none.
    """
    jobs, absent = [], []
    for path in map(Path, spec.records):
        if not path.is_file():
            absent.append(str(path))
            continue
        record = _read(path)
        if record["preset"] != spec.preset:
            raise SyntherError(f"{path} is of preset {record['preset']}, not of {spec.preset}")
        jobs.append(
            Times(
                task=record["task"],
                agent=record["agent"],
                seeds=len(record["seeds"]),
                steps=int(record["settings"]["steps"]),
                wall_time_s=float(record["wall_time_s"]),
                seconds={part: float(record["seconds"][part]) for part in PARTS},
                hardware=dict(record["hardware"]),
            )
        )
    if not jobs:
        raise SyntherError(f"none of the {len(absent)} records of {spec.name} is there: run them")
    return WallTime(spec, jobs, [f"No record {path}." for path in absent])


def duration(seconds: float) -> str:
    """Return seconds as text: `5.2 h`, `7.1 min` or `42 s`."""
    if seconds >= 3600:
        return f"{number(seconds / 3600)} h"
    return f"{number(seconds / 60)} min" if seconds >= 60 else f"{number(seconds, 0)} s"


def tidy(table: WallTime) -> pd.DataFrame:
    """Return one row a job; columns `CSV_COLUMNS`, seconds, and steps a second of all seeds."""
    records = [
        {
            "task": job.task,
            "agent": job.agent,
            "seeds": job.seeds,
            "steps": job.steps,
            "wall_time_s": job.wall_time_s,
            "steps_per_s": job.steps * job.seeds / max(job.counted, 1e-9),
            "other_s": job.other_s,
            **{f"{part}_s": seconds for part, seconds in job.seconds.items()},
            **{name: job.hardware.get(name, "") for name in ("device", "cpu", "gpu")},
        }
        for job in table.jobs
    ]
    spec = table.spec
    frame = pd.DataFrame(records).assign(
        experiment=spec.name, preset=spec.preset, budget=spec.budget
    )
    return frame.reindex(columns=list(CSV_COLUMNS))


def rows(table: WallTime) -> list[list[str]]:
    """Return the table as text: a head, a row a task and agent, a row an agent overall."""
    spec = table.spec
    heads = ("simulator", "agent", "diffusion", "sampling", "evaluation")
    found = [["Task", "Method", "Seeds a job", "Time a job", "Steps/s", *(f"{h} %" for h in heads)]]

    def row(task: str, agent: str, jobs: Sequence[Times]) -> list[str]:
        counted = sum(job.counted for job in jobs)
        steps = sum(job.steps * job.seeds for job in jobs)
        seeds = sorted({job.seeds for job in jobs})
        listed = f"{seeds[0]}" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
        shares = [
            number(100 * sum(job.seconds[part] for job in jobs) / max(counted, 1e-9))
            for part in PARTS
        ]
        time = duration(float(np.mean([job.counted for job in jobs])))
        return [task, spec.agents[agent], listed, time, number(steps / max(counted, 1e-9)), *shares]

    for task in spec.tasks:
        for agent in spec.agents:
            if jobs := [job for job in table.jobs if (job.task, job.agent) == (task, agent)]:
                found.append(row(task, agent, jobs))
    for agent in spec.agents if len(spec.tasks) > 1 else []:
        if jobs := [job for job in table.jobs if job.agent == agent]:
            found.append(row("all tasks", agent, jobs))
    return found


def footnotes(table: WallTime) -> list[str]:
    """Return the footnotes: what was timed, and on what."""
    machines = sorted({job.machine for job in table.jobs})
    lines = [
        "Time a job: all that is counted below, without starting up; a job trains its seeds in one "
        "stacked computation. Steps/s: environment steps of all its seeds. Agent: acting and all "
        "updates; diffusion: training the generators; sampling: drawing from them.",
        f"Measured on: {'; '.join(machines)}. Other jobs may have shared the machine.",
    ]
    return [*lines, *table.omissions, *table.spec.notes]


def markdown(table: WallTime) -> str:
    """Return the table in GitHub's Markdown."""
    lines = [*markdown_head(table.spec), "", *markdown_table(rows(table), 2)]
    return "\n".join([*lines, "", *markdown_notes(footnotes(table))]) + "\n"


def latex(table: WallTime) -> str:
    """Return the table as a LaTeX `table` that needs the package booktabs."""
    found = rows(table)
    shown = [found[0]]
    for position, row in enumerate(found[1:]):  # a name once, where it begins
        shown.append(["", *row[1:]] if position and row[0] == found[position][0] else row)
    lines = [*tex_head(table.spec), *tex_tabular(shown, 2)]
    return "\n".join([*lines, *tex_foot(footnotes(table))]) + "\n"


def draw(table: WallTime) -> Figure:
    """Return the table as a figure sized to its content."""
    found = rows(table)
    page = Page(max(1.2 * block_width(found), 420.0) + 2 * MARGIN)
    heading(page, table.spec)
    page.y += 7
    draw_block(page, "", found)
    page.y += 8
    for note in footnotes(table):
        page.paragraph(note, Style(NOTE))
    return page.figure()


def save(table: WallTime, *paths: Path) -> list[Path]:
    """Draw the table and write it to every path, .pdf or .png; return the paths."""
    with fixed_style():
        figure = draw(table)
        return [save_figure(figure, path) for path in paths]
