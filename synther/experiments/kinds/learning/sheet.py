"""Learning curves as a sheet: a plot, and the last score of each line beside the published one."""

from __future__ import annotations

import itertools

import pandas as pd

from synther import sheets
from synther.experiments.kinds.learning.numbers import Curves
from synther.sheets import notes, numbers
from synther.statistics import published, scores
from synther.statistics.intervals import BAND_REPS, Estimate

LEVEL = "published "
"""Before a source's slug: the series of its published scores."""


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
    levels = pd.DataFrame(
        [
            {**dict(zip(scores.RUN, key, strict=True)), "value": number.mean, "std": number.std}
            | {"seeds": number.seeds, "status": number.status}
            for key, number in found.levels.items()
        ]
    )
    frame = pd.concat([found.lines.assign(row="point"), levels.assign(row="published")])
    columns = ["row", *scores.RUN, "step", "seeds", "value", "std", "low", "high", "status"]
    types = {"seeds": "Int64", "step": "Int64"}
    return frame.reindex(columns=columns).astype(types).reset_index(drop=True)


def _panel(dataset: str, agent: str) -> str:
    return f"{dataset}|{agent}"


def _plot(found: Curves) -> sheets.Plot:
    spec, lines = found.spec, found.lines
    places = lines["dataset"] + "|" + lines["agent"]
    drawn = lines.assign(panel=places, series=lines["source"], x=lines["step"], y=lines["value"])
    shown = set(places)
    levels = pd.DataFrame(
        [
            {"panel": _panel(dataset, agent), "series": LEVEL + source, "y": number.mean}
            | {"low": number.mean, "high": number.mean}
            for (dataset, source, agent), number in found.levels.items()
            if _panel(dataset, agent) in shown
        ]
    )
    layers = {"band": drawn[drawn["low"].notna()], "line": drawn, "level": levels}
    names = ["layer", "panel", "series", "x", "y", "low", "high"]
    data = pd.concat([frame.assign(layer=name) for name, frame in layers.items()])
    series = [sheets.Series(source, name) for source, name in spec.sources.items()]
    for source in dict.fromkeys(key[1] for key in found.levels):
        label = f"{spec.sources[source]}, published (last)"
        series.append(sheets.Series(LEVEL + source, label, is_level=True, like=source))
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
    marks = {"level": "levels", "band": "band", "line": "line"}
    return sheets.Plot(
        data=sheets.frame_columns(data.reindex(columns=names)),
        series=tuple(s for s in series if s.key in set(data["series"])),
        panels=tuple(panels),
        layers=tuple(sheets.Layer(name, mark) for name, mark in marks.items() if len(layers[name])),
        columns=len(spec.agents),
    )


def _table(found: Curves) -> sheets.Table:
    spec, last = found.spec, found.lines.groupby(scores.RUN).last()
    names = [sheets.Column(head, is_name=True) for head in ("Dataset", "Agent", "Data")]
    columns = (*names, *map(sheets.Column, ("Updates", "Last score", "Seeds")))
    rows = []
    for row, agent, source in itertools.product(spec.rows, spec.agents, spec.sources):
        key = row.name, source, agent
        if key not in last.index:
            continue
        at, other = last.loc[key], found.levels.get(key)
        theirs = sheets.Cell()
        if other:
            theirs = numbers.published(other.mean, other.std, other.mark, other.status)
        score = Estimate(at["value"], at["low"], at["high"])
        cells = [numbers.words(notes.label(row)), numbers.words(spec.agents[agent])]
        cells += [numbers.words(spec.sources[source]), numbers.count(at["step"])]
        cells.append(numbers.estimated(score, runs=[sheets.run_key(*key)]))
        rows.append(sheets.Row((*cells, numbers.count(at["seeds"]), theirs)))
    columns = (*columns, sheets.Column("Published, last", is_published=True))
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
    return [sheets.Note(line) for line in [*lines, *spec.notes]]
