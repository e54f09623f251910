"""Learning curves as a sheet: a plot, and the last score of each line beside the published one."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import pandas as pd

from synther import sheets
from synther.experiments.kinds.learning.numbers import Curves
from synther.sheets import notes, numbers
from synther.statistics import published, scores
from synther.statistics.intervals import BAND_REPS, Estimate

LEVEL = "level "
"""Before a source's slug: the series of its level lines."""


def sheet(found: Curves) -> sheets.Sheet:
    """Return the plot with its table and notes."""
    return sheets.Sheet(
        **found.spec.heading(),
        tables=(_table(found),),
        plots=(_plot(found),),
        notes=tuple(_notes(found)),
        tidy=sheets.frame_columns(_tidy(found)),
    )


def _tidy(found: Curves) -> pd.DataFrame:
    """Return every point, and published scores as rows without a step."""
    records = found.lines.assign(row="point").to_dict("records")
    for key, number in found.levels.items():
        place = dict(zip(scores.RUN, key, strict=True))
        own = {"value": number.mean, "std": number.std, "seeds": number.seeds}
        records.append(place | own | {"row": "published", "status": number.status})
    columns = ["row", *scores.RUN, "step", "seeds", "value", "std", "low", "high", "status"]
    return found.spec.tidy(records, columns, ("seeds", "step"))


def _panel(dataset: str, agent: str) -> str:
    return f"{dataset}|{agent}"


def _plot(found: Curves) -> sheets.Plot:
    spec, lines = found.spec, found.lines
    places = lines["dataset"] + "|" + lines["agent"]
    shown = set(places)
    levels = [
        {"panel": _panel(dataset, agent), "source": source, "y": number.mean}
        for (dataset, source, agent), number in found.levels.items()
        if _panel(dataset, agent) in shown
    ]
    panels = [
        sheets.Panel(
            _panel(row.name, agent),
            notes.label(row),
            title,
            x="updates",
            y="normalised score",
            x_limits=(0, 1.02 * lines["step"].max()),
        )
        for row, (agent, title) in itertools.product(spec.rows, spec.agents.items())
        if _panel(row.name, agent) in shown
    ]
    return plot(
        lines.assign(panel=places, x=lines["step"]),
        pd.DataFrame(levels, columns=["panel", "source", "y"]),
        spec.sources,
        "published (last)",
        panels,
        columns=len(spec.agents),
    )


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
    drawn = sheets.layered(
        ("level", "levels", flat),
        ("band", "band", points[points["low"].notna()]),
        ("line", "line", points),
    )
    series = [sheets.Series(source, name) for source, name in sources.items()]
    series += [
        sheets.Series(LEVEL + source, f"{name}, {level}", is_level=True, like=source)
        for source, name in sources.items()
    ]
    shown = {*points["series"], *flat["series"]}
    return sheets.Plot(
        **drawn,
        series=tuple(entry for entry in series if entry.key in shown),
        panels=tuple(panels),
        columns=columns,
    )


def _table(found: Curves) -> sheets.Table:
    spec, last = found.spec, found.lines.groupby(scores.RUN).last()
    heads = ("Updates", "Last score", "Seeds")
    columns = sheets.columns(("Dataset", "Agent", "Data"), heads, ("Published, last",))
    rows = []
    for row, agent, source in itertools.product(spec.rows, spec.agents, spec.sources):
        key = row.name, source, agent
        if key not in last.index:
            continue
        at, other = last.loc[key], found.levels.get(key)
        theirs = sheets.Cell()
        if other:
            theirs = numbers.measured(other.mean, other.std, mark=other.mark, status=other.status)
        score = Estimate(at["value"], at["low"], at["high"])
        cells = [numbers.words(notes.label(row)), numbers.words(spec.agents[agent])]
        cells += [numbers.words(spec.sources[source]), numbers.count(at["step"])]
        cells.append(numbers.estimated(score, runs=[sheets.run_key(*key)]))
        rows.append(sheets.Row((*cells, numbers.count(at["seeds"]), theirs)))
    return sheets.Table("The last evaluation", columns, tuple(rows), is_drawn=False)


def _notes(found: Curves) -> list[sheets.Note]:
    spec, counts = found.spec, sorted(found.lines["seeds"].unique())
    lines = [
        f"Normalised score, mean of the {notes.episodes(found.episodes)} of an evaluation; lines: "
        f"means over {numbers.seeds_text(counts)}.",
        *notes.stand_ins(spec.rows),
    ]
    if max(counts) > 1:
        words = notes.bootstrap_words(min(spec.bootstrap_reps, BAND_REPS))
        lines.append(f"Bands and brackets: {words}.")
    lines += [*notes.few_seeds(counts), notes.SEEDS_ARE_AGENTS]
    if found.levels:
        lines.append("Dotted: the published score of the last evaluation, at its own budget.")
        others = found.levels.values()
        lines += [f"{line}." for line in published.footnotes(other.status for other in others)]
        lines += [f"Published: {source}." for source in sorted({o.provenance for o in others})]
    return [sheets.Note(line) for line in lines]
