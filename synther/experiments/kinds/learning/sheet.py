"""Learning curves as a sheet: a plot, and the last score of each line beside the published one."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import pandas as pd

from synther import sheets
from synther.experiments.kinds.learning.numbers import COLUMNS
from synther.experiments.kinds.spec import Numbers
from synther.sheets import notes, numbers
from synther.statistics import published
from synther.statistics.intervals import BAND_REPS

LEVEL = "level "
"""Before a source's slug: the series of its level lines."""


def sheet(found: Numbers) -> sheets.Sheet:
    """Return the plot with its table and notes."""
    return found.sheet(
        COLUMNS,
        ("seeds", "step"),
        tables=[_table(found)],
        plots=[_plot(found)],
        notes=_notes(found),
    )


def _rows(found: Numbers, row: str) -> pd.DataFrame:
    return found.frame[found.frame["row"] == row]


def _plot(found: Numbers) -> sheets.Plot:
    spec, points, levels = found.spec, _rows(found, "point"), _rows(found, "published")
    points, levels = (
        own.assign(panel=own["dataset"] + "|" + own["agent"], x=own["step"], y=own["value"])
        for own in (points, levels)
    )
    shown = set(points["panel"])
    panels = [
        sheets.Panel(
            f"{row.name}|{agent}",
            notes.label(row),
            title,
            x="updates",
            y="normalised score",
            x_limits=(0, 1.02 * points["step"].max()),
        )
        for row, (agent, title) in itertools.product(spec.rows, spec.agents.items())
        if f"{row.name}|{agent}" in shown
    ]
    levels = levels[levels["panel"].isin(shown)]
    return plot(points, levels, spec.sources, "published (last)", panels, len(spec.agents))


def plot(
    lines: pd.DataFrame,
    levels: pd.DataFrame,
    sources: Mapping[str, str],
    level: str,
    panels: Sequence[sheets.Panel],
    columns: int = 3,
) -> sheets.Plot:
    """Return a plot of a line a source with its band, and level lines of the same colour.

    Args:
        lines: a row a point: `panel`, `source`, `x`, `value`, `low`, `high`.
        levels: a row a level line: `panel`, `source`, `y`.
        sources: slug -> label, in the legend's order.
        level: what the legend says behind a level line's source.
        panels: the axes.
        columns: most panels side by side.
    """
    points = lines.assign(series=lines["source"], y=lines["value"])
    flat = levels.assign(series=LEVEL + levels["source"], low=levels["y"], high=levels["y"])
    series = [sheets.Series(source, name) for source, name in sources.items()]
    series += [
        sheets.Series(LEVEL + source, f"{name}, {level}", is_level=True, like=source)
        for source, name in sources.items()
    ]
    drawn = {*points["series"], *flat["series"]}
    return sheets.Plot(
        sheets.lines(points, flat),
        series=tuple(entry for entry in series if entry.key in drawn),
        panels=tuple(panels),
        columns=columns,
    )


def _table(found: Numbers) -> sheets.Table:
    spec, rows = found.spec, []
    ends, others = (
        {(each.dataset, each.source, each.agent): each for each in _rows(found, row).itertuples()}
        for row in ("point", "published")
    )
    for row, agent, source in itertools.product(spec.rows, spec.agents, spec.sources):
        key = row.name, source, agent
        if key not in ends:
            continue
        at, theirs = ends[key], sheets.Cell()
        if other := others.get(key):
            theirs = numbers.published(other.value, other.std, status=other.status)
        shown = numbers.estimated(at, runs=[sheets.run_key(*key)])
        words = (notes.label(row), spec.agents[agent], spec.sources[source])
        rows.append([*words, numbers.count(at.step), shown, numbers.count(at.seeds), theirs])
    heads = ("Updates", "Last score", "Seeds")
    columns = sheets.columns(("Dataset", "Agent", "Data"), heads, ("Published, last",))
    return sheets.table("The last evaluation", columns, rows, is_drawn=False)


def _notes(found: Numbers) -> list[str]:
    spec, counts = found.spec, sorted({int(n) for n in _rows(found, "point")["seeds"]})
    lines = [
        f"Normalised score, mean of the {notes.episodes(found.episodes)} of an evaluation; lines: "
        f"means over {numbers.seeds_text(counts)}.",
        *notes.stand_ins(spec.rows),
    ]
    if max(counts) > 1:
        words = notes.bootstrap_words(min(spec.bootstrap_reps, BAND_REPS))
        lines.append(f"Bands and brackets: {words}.")
    lines += [*notes.few_seeds(counts), notes.SEEDS_ARE_AGENTS]
    others = _rows(found, "published")
    if len(others):
        lines.append("Dotted: the published score of the last evaluation, at its own budget.")
        lines += published.footnotes(others["status"], others["provenance"])
    return lines
