"""Online training as a sheet: a plot, and its numbers as tables."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pandas as pd

from synther import sheets
from synther.experiments.kinds.online.numbers import CSV_COLUMNS
from synther.experiments.kinds.spec import Numbers
from synther.experiments.runs import ONLINE
from synther.sheets import notes, numbers
from synther.sheets.sheet import run_key
from synther.statistics import published
from synther.statistics.intervals import BAND_REPS

TOLERANCE = 0.1
"""Part of a published return within which ours agrees with it."""
MOST_MARKED = 11
"""Points on a line up to which each has a mark and its seeds' dots."""


def sheet(found: Numbers) -> sheets.Sheet:
    """Return the plot, and the returns behind it."""

    def axis(own: pd.DataFrame) -> dict[str, Any]:
        unit = "environment steps" if own["task"].iloc[0] else "% of the environment steps"
        return {"x": unit, "x_limits": (0, 1.04 * own["x"].max())}

    return layout(found, drawn(found, found.spec.agents, axis))


def layout(found: Numbers, plot: sheets.Plot, *more: str) -> sheets.Sheet:
    """Return a sheet of a plot, the tables and notes that go with it, and more notes."""
    return found.sheet(
        CSV_COLUMNS,
        ("seeds", "tasks"),
        tables=[_returns(found), _over_tasks(found)],
        plots=[plot],
        notes=footnotes(found, *more),
    )


def _summaries(found: Numbers, is_all: bool) -> Iterator[tuple[dict[str, Any], list[str]]]:
    """Yield row -> number of each agent on each task, or on all, and the runs behind it."""
    frame = found.frame[found.frame["names"].notna() & ((found.frame["task"] == "") == is_all)]
    for (_, agent), own in frame.groupby(["task", "agent"], sort=False):
        runs = [run_key(task, ONLINE, agent) for task in own["names"].iloc[0]]
        yield {each.row: each for each in own.itertuples()}, runs


def _returns(found: Numbers) -> sheets.Table:
    has_others, rows = "published" in set(found.frame["row"]), []
    for own, runs in _summaries(found, is_all=False):
        final, mean, other = own["final"], own["mean"], own.get("published")
        shown = numbers.estimated(final, 1, runs, std=final.std)
        theirs = sheets.Cell()
        if other:
            ours, known = ((each.value, each.std, each.seeds) for each in (final, other))
            stands = numbers.agreement(ours, known, TOLERANCE * abs(other.value))
            shown = dataclasses.replace(shown, agreement=stands)
            theirs = numbers.published(other.value, other.std, status=other.status)
        over = numbers.estimated(mean, 1, runs, std=mean.std)
        cells = [final.task, found.spec.agents[final.agent], shown, over]
        rows.append([*cells, numbers.count(final.seeds), *[theirs] * has_others])
    heads = ("Final return", "Mean return over training", "Seeds")
    columns = sheets.columns(("Task", "Agent"), heads, ["Published, final"] * has_others)
    return sheets.table("Returns by task", columns, rows, is_drawn=False)


def _over_tasks(found: Numbers) -> sheets.Table:
    agents, whole, rows = found.spec.agents, len(found.spec.tasks), []
    for own, runs in _summaries(found, is_all=True):
        final = own["final"]
        which = f"all {whole}" if final.tasks == whole else f"{final.tasks} of {whole}"
        cells = [numbers.estimated(own[name], 1, runs) for name in ("final", "mean")]
        better = numbers.estimated(own.get("improvement"), 2, runs)
        rows.append([which, agents[final.agent], *cells, better])
    first = next(iter(agents.values()))
    heads = ("Final score", "Mean score over training", f"P(better than {first})")
    columns = sheets.columns(("Tasks", "Agent"), heads)
    title = "Interquartile means of normalised scores over tasks"
    return sheets.table(title, columns, rows, is_drawn=False)


def _lines(found: Numbers) -> pd.DataFrame:
    return found.frame[found.frame["row"].isin(["point", "level"])]


def drawn(
    found: Numbers,
    series: Mapping[str, str],
    axis: Callable[[pd.DataFrame], dict[str, Any]],
    place: Callable[[float], float] = float,
) -> sheets.Plot:
    """Return a plot of all lines and levels, a panel a task and one over all.

    Args:
        found: the numbers.
        series: key of a line or level -> label, in the legend's order.
        axis: a panel's rows -> its horizontal axis, as fields of a `Panel`.
        place: x of a point -> where on the axis it stands.
    """
    frame, whole = _lines(found), len(found.spec.tasks)
    drawn = frame.assign(
        panel=frame["task"], series=frame["agent"], x=frame["x"].map(place), y=frame["value"]
    )
    points, levels = drawn[drawn["row"] == "point"], drawn[drawn["row"] == "level"]
    few = points.groupby(["panel", "series"]).size().max() <= MOST_MARKED
    seeds = points.assign(y=points["each"])[: len(points) * few].explode("y")
    seeds = seeds.dropna(subset="y")  # an IQM's are scores on many tasks
    panels = []
    for task, own in frame.groupby("task", sort=False):
        count = own["tasks"].iloc[0]
        over = f"{count}{'' if count == whole else f' of {whole}'} tasks (IQM)"
        seeds_of = numbers.seeds_text(own["seeds"])
        y = "return" if task else "IQM of normalised scores"
        panels.append(sheets.Panel(task, task or over, seeds_of, y=y, **axis(own)))
    return sheets.Plot(
        sheets.lines(points, levels, seeds, marked=few),
        series=tuple(
            sheets.Series(*entry, is_level=entry[0] in set(levels["series"]))
            for entry in series.items()
        ),
        panels=tuple(panels),
        columns=2 if len(panels) == 4 else 3,
        panel_size=(370.0, 150.0) if len(panels) == 1 else (175.0, 128.0),
    )


def footnotes(found: Numbers, *more: str) -> list[sheets.Note | str]:
    """Return the footnotes of the page and of the text formats, with what a kind has besides."""
    spec, counts = found.spec, _lines(found)["seeds"].tolist()
    lines: list[sheets.Note | str] = [
        f"Return of a seed: mean of the {notes.episodes(found.episodes)} of an evaluation with "
        f"the deterministic policy; {numbers.seeds_text(counts)}. Score: normalised, D4RL's on "
        "Gym's tasks and a tenth of the return on the DeepMind Control Suite's."
    ]
    if max(counts) > 1:
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
    lines += [sheets.Note(f"{words}length.", "text"), *more, *notes.one_or_few(counts)]
    others = found.frame[found.frame["row"] == "published"]
    theirs = published.footnotes(others["status"], others["provenance"])
    return [*lines, *(sheets.Note(line, "text") for line in theirs), *found.omissions]
