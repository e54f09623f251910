"""Online training as a sheet: a plot, and its numbers as tables."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from synther import sheets
from synther.experiments.kinds.online.numbers import Online, Panel, Point, Summary
from synther.experiments.runs import ONLINE
from synther.sheets import notes, numbers
from synther.sheets.sheet import run_key
from synther.statistics import published
from synther.statistics.intervals import BAND_REPS, Estimate

CSV_COLUMNS = (
    *("experiment", "preset", "budget", "row", "task", "agent", "x", "unit"),
    *("metric", "seeds", "tasks", "value", "std", "low", "high"),
)
METRICS = ("IQM of scores", "mean return")
"""Of several tasks, and of one."""
TOLERANCE = 0.1
"""Part of a published return within which ours agrees with it."""
MOST_MARKED = 11
"""Points on a line up to which each has a mark and its seeds' dots."""


def sheet(found: Online) -> sheets.Sheet:
    """Return the plot, and the returns behind it."""
    return layout(found, plot(found), tidy(found, "steps", "% of steps"))


def layout(found: Online, drawn: sheets.Plot, frame: pd.DataFrame, *more: str) -> sheets.Sheet:
    """Return a sheet of a plot, the tables and notes that go with it, and more notes."""
    tables = [_returns(found), *([_over_tasks(found)] if _all_tasks(found) else [])]
    return sheets.Sheet(
        **found.spec.heading(),
        tables=tuple(tables),
        plots=(drawn,),
        notes=tuple(footnotes(found, *more)),
        tidy=sheets.frame_columns(frame),
    )


def panel_name(found: Online, panel: Panel) -> str:
    """Return what a panel is over: its task, or how many of them."""
    if panel.task is not None:
        return panel.task
    everything = len(found.spec.tasks)
    return f"{panel.tasks}{'' if panel.tasks == everything else f' of {everything}'} tasks (IQM)"


def _all_tasks(found: Online) -> list[Summary]:
    return [summary for summary in found.summaries if summary.task is None]


def _runs(found: Online, summary: Summary) -> list[str]:
    return [run_key(task, ONLINE, summary.agent) for task in summary.tasks]


def _returns(found: Online) -> sheets.Table:
    has_others = any(summary.published for summary in found.summaries)
    columns = [sheets.Column(head, is_name=True) for head in ("Task", "Agent")]
    heads = ("Final return", "Mean return over training", "Seeds")
    columns += map(sheets.Column, heads)
    columns += [sheets.Column("Published, final", is_published=True)] * has_others
    rows = []
    for summary in found.summaries:
        if summary.task is None:
            continue
        runs, other = _runs(found, summary), summary.published
        final = numbers.estimated(summary.final, 1, runs, std=summary.final_std)
        theirs = sheets.Cell()
        if other:
            sides = (summary.final.value, summary.final_std, summary.seeds), _of(other)
            stands = numbers.agreement(*sides, TOLERANCE * abs(other.mean))
            final = dataclasses.replace(final, agreement=stands)
            theirs = numbers.published(other.mean, other.std, other.mark, other.status)
        cells = [numbers.words(summary.task), numbers.words(found.spec.agents[summary.agent])]
        cells += [final, numbers.estimated(summary.mean, 1, runs, std=summary.mean_std)]
        cells.append(numbers.count(summary.seeds))
        rows.append(sheets.Row((*cells, *[theirs] * has_others)))
    return sheets.Table("Returns by task", tuple(columns), tuple(rows), is_drawn=False)


def _of(number: published.PaperNumber) -> tuple[float, float, float]:
    return number.mean, number.std, math.nan if number.seeds is None else number.seeds


def _over_tasks(found: Online) -> sheets.Table:
    agents, everything = found.spec.agents, len(found.spec.tasks)
    columns = [sheets.Column(head, is_name=True) for head in ("Tasks", "Agent")]
    heads = ("Final score", "Mean score over training")
    columns += map(sheets.Column, (*heads, f"P(better than {next(iter(agents.values()))})"))
    rows = []
    for summary in _all_tasks(found):
        runs = _runs(found, summary)
        number = len(summary.tasks)
        which = f"all {number}" if number == everything else f"{number} of {everything}"
        cells = [numbers.words(which), numbers.words(agents[summary.agent])]
        cells += [numbers.estimated(value, 1, runs) for value in (summary.final, summary.mean)]
        rows.append(sheets.Row((*cells, numbers.estimated(summary.improvement, 2, runs))))
    title = "Interquartile means of normalised scores over tasks"
    return sheets.Table(title, tuple(columns), tuple(rows), is_drawn=False)


def plot(found: Online) -> sheets.Plot:
    """Return the lines, a panel a task and one over all."""
    panels = []
    for panel in found.panels:
        end = max(point.x for point in panel.points)
        unit = "environment steps" if panel.task else "% of the environment steps"
        panels.append(dataclasses.replace(axes(found, panel), x=unit, x_limits=(0, 1.04 * end)))
    return drawn(found, panels, found.spec.agents, lambda x: x)


def axes(found: Online, panel: Panel) -> sheets.Panel:
    """Return a panel without its horizontal axis."""
    return sheets.Panel(
        panel.task or "",
        panel_name(found, panel),
        numbers.seeds_text(panel.seeds),
        y="return" if panel.task else "IQM of normalised scores",
    )


def drawn(
    found: Online,
    panels: list[sheets.Panel],
    series: Mapping[str, str],
    place: Callable[[float], float],
) -> sheets.Plot:
    """Return a plot of all lines and levels.

    Args:
        found: the numbers.
        panels: the axes, a panel of the numbers each.
        series: key of a line or level -> label, in the legend's order.
        place: x of a point -> where on the axis it stands.
    """
    rows: list[dict[str, Any]] = []
    few = max(len(line) for panel in found.panels for line in panel.lines.values()) <= MOST_MARKED

    def add(layer: str, panel: Panel, key: str, point: Point, y: float) -> None:
        where = {"layer": layer, "panel": panel.task or "", "series": key, "x": place(point.x)}
        rows.append(where | {"y": y, "low": point.value.low, "high": point.value.high})

    for panel in found.panels:
        for key, line in panel.lines.items():
            for point in line:
                add("line", panel, key, point, point.value.value)
                if point.value.is_bounded:
                    add("band", panel, key, point, point.value.value)
                if few:
                    add("point", panel, key, point, point.value.value)
                if few and panel.task:  # an IQM's seeds are scores on many tasks
                    for seed in point.matrix[:, 0]:
                        add("seed", panel, key, point, float(seed))
        for key, point in panel.levels.items():
            add("level", panel, key, point, point.value.value)
    levels = {key for panel in found.panels for key in panel.levels}
    layers = {row["layer"] for row in rows}
    marks = {"level": "levels", "band": "band", "seed": "dots", "line": "line", "point": "points"}
    return sheets.Plot(
        data=sheets.frame_columns(pd.DataFrame(rows)),
        series=tuple(
            sheets.Series(*entry, is_level=entry[0] in levels) for entry in series.items()
        ),
        panels=tuple(panels),
        layers=tuple(sheets.Layer(*entry) for entry in marks.items() if entry[0] in layers),
        columns=2 if len(panels) == 4 else 3,
        panel_size=(370.0, 150.0) if len(panels) == 1 else (175.0, 128.0),
    )


def footnotes(found: Online, *more: str) -> list[sheets.Note]:
    """Return the footnotes of the page and of the text formats, with what a kind has besides."""
    spec, counts = found.spec, [n for panel in found.panels for n in panel.seeds]
    several = max(counts) > 1
    lines = [
        sheets.Note(
            f"Return of a seed: mean of the {notes.episodes(found.episodes)} of an evaluation with "
            f"the deterministic policy; {numbers.seeds_text(counts)}. Score: normalised, D4RL's on "
            "Gym's tasks and a tenth of the return on the DeepMind Control Suite's."
        )
    ]
    if several:
        over = "Lines: mean over seeds; over tasks, interquartile mean (IQM); bands: "
        band, exact = (
            notes.bootstrap_words(reps, "task")
            for reps in (min(spec.bootstrap_reps, BAND_REPS), spec.bootstrap_reps)
        )
        spread = "± is the sample standard deviation (ddof = 1) over seeds."
        lines += [
            sheets.Note(f"{over}{band}.", "page"),
            sheets.Note(f"In brackets: {exact}.", "text"),
            sheets.Note(spread, "text"),
        ]
    words = "Mean return over training: the area under the curve of evaluations, divided by its "
    lines += [sheets.Note(f"{words}length.", "text"), *map(sheets.Note, more)]
    if min(counts) == 1:
        lines.append(sheets.Note("One seed has no standard deviation and no interval."))
    lines += map(sheets.Note, notes.few_seeds(counts))
    others = [summary.published for summary in found.summaries if summary.published]
    theirs = [f"{line}." for line in published.footnotes(other.status for other in others)]
    theirs += [f"Published: {source}." for source in sorted({o.provenance for o in others})]
    lines += [sheets.Note(line, "text") for line in theirs]
    return [*lines, *map(sheets.Note, [*found.omissions, *spec.notes])]


def tidy(found: Online, unit: str, unit_of_all: str) -> pd.DataFrame:
    """Return everything in a figure, one number a row, for machines; columns `CSV_COLUMNS`.

    `row` is point (of a line), level (of a reference), final, mean (over all evaluations),
    improvement or published. A task's numbers are returns; over tasks (`task` empty) IQMs of
    normalised scores. x is in `unit`, or over tasks in `unit_of_all`.
    """
    spec = found.spec
    records: list[dict[str, Any]] = []

    def record(value: Estimate, row: str, keys: dict[str, Any], std: float = math.nan) -> None:
        records.append({"row": row, "std": std, **vars(value), **keys})

    for panel in found.panels:
        place: dict[str, Any] = {"task": panel.task or "", "tasks": panel.tasks}
        place["metric"] = METRICS[panel.task is not None]
        x_unit = unit if panel.task else unit_of_all
        for agent, line in panel.lines.items():
            for point in line:
                own = {"agent": agent, "x": point.x, "unit": x_unit, "seeds": len(point.matrix)}
                record(point.value, "point", place | own)
        for agent, point in panel.levels.items():
            record(point.value, "level", place | {"agent": agent, "seeds": len(point.matrix)})
    for summary in found.summaries:
        own = {"task": summary.task or "", "tasks": len(summary.tasks), "agent": summary.agent}
        own |= {"metric": METRICS[summary.task is not None], "seeds": summary.seeds}
        record(summary.final, "final", own, summary.final_std)
        record(summary.mean, "mean", own, summary.mean_std)
        if summary.improvement:
            record(summary.improvement, "improvement", own | {"metric": "probability"})
        if other := summary.published:
            theirs = {"metric": f"return ({other.status})", "seeds": other.seeds}
            record(Estimate(other.mean), "published", own | theirs, other.std)
    frame = pd.DataFrame(records).assign(
        experiment=spec.name, preset=spec.preset, budget=spec.budget
    )
    return frame.reindex(columns=list(CSV_COLUMNS)).astype({"seeds": "Int64", "tasks": "Int64"})
