"""Tables of scores: comparisons, shares of the data, and summaries over datasets."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import chain
from typing import Any

import pandas as pd

from synther.analysis import summary_render
from synther.analysis.notes import STAND_IN
from synther.analysis.text import MISSING
from synther.report.cells import (
    SCORE_TOLERANCE,
    Cell,
    Column,
    Table,
    agreement,
    count,
    is_there,
    mark_of,
    measured,
    published,
    word,
)
from synther.report.provenance import run_key

AGGREGATES = (
    ("iqm", "IQM", 1),
    ("median", "Median", 1),
    ("mean", "Mean", 1),
    ("optimality_gap", "Optimality gap", 2),
    ("probability_of_improvement", "P(better)", 2),
)


def _own(row: pd.Series) -> tuple[float, float, float]:
    return row["mean"], row["std"], row["seeds"]


def _theirs(row: pd.Series) -> tuple[float, float, float]:
    return row["paper_mean"], row["paper_std"], row["paper_seeds"]


def _comparison_cells(
    rows: pd.DataFrame, columns: list[tuple[str, str, bool]], members: list[str]
) -> list[Cell]:
    """Return the cells of a row of a comparison: ours, and the paper's beside."""
    found = {(row["agent"], row["source"]): row for _, row in rows.iterrows()}
    cells = []
    for agent, source, theirs in columns:
        row = found.get((agent, source))
        if row is None:
            cells.append(Cell(MISSING, is_paper=theirs))
        elif theirs:
            mark = mark_of(row["paper_status"])
            cells.append(published(row["paper_mean"], row["paper_std"], mark))
        else:
            stands = agreement(_own(row), _theirs(row), SCORE_TOLERANCE)
            keys = tuple(run_key(name, source, agent) for name in members)
            cells.append(measured(row["mean"], row["std"], keys=keys, agreement=stands))
    return cells


def comparison(frame: pd.DataFrame, spec: Mapping[str, Any]) -> list[Table]:
    """Datasets by agents and sources, the paper's numbers beside; aggregates; larger networks."""
    cells = frame[frame["row"].isin(["cell", "average", "overall"])]
    also = (spec.get("paper") or {}).get("also", {})
    sources = {**spec["sources"], **also}
    known = cells[cells["paper_mean"].notna()]
    pairs = {(row["agent"], row["source"]) for _, row in known.iterrows()}
    columns = []
    for agent in spec["agents"]:
        for source in sources:
            if source not in also:
                columns.append((agent, source, False))
            if (agent, source) in pairs:
                columns.append((agent, source, True))
    heads = [Column("Dataset", is_name=True), Column("Group", is_name=True)]
    for agent, source, theirs in columns:
        text = f"{spec['agents'][agent]}, {sources[source]}"
        origin = "published" if source in also else "paper"
        heads.append(Column(f"{text} ({origin})" if theirs else text, is_paper=theirs))
    table = Table("Normalised scores, mean ± standard deviation over seeds", heads)
    datasets = {g: [row["name"] for row in rows] for g, rows in spec["groups"].items()}
    for (kind, group, dataset), rows in cells.groupby(
        ["row", "group", "dataset"], sort=False, dropna=False
    ):
        group = group if is_there(group) else ""
        members = [dataset] if kind == "cell" else datasets.get(group, [*chain(*datasets.values())])
        own = _comparison_cells(rows, columns, members)
        if kind == "cell":
            name = rows["paper_name"].iloc[0]
            label = dataset if dataset == name else f"{dataset}{STAND_IN}"
            table.rows.append([word(label), word(group), *own])
        else:
            label = f"Average, {group}" if kind == "average" else "Overall average"
            table.footer.append([word(label), word(""), *own])
    found = [table]
    if len(blocks := frame[frame["row"] == "aggregate"]):
        found.append(_aggregates(blocks, spec, datasets))
    if len(changes := frame[frame["row"] == "scaling"]):
        found.append(_scaling(changes, spec, datasets))
    return found


def _aggregates(
    frame: pd.DataFrame, spec: Mapping[str, Any], datasets: Mapping[str, list[str]]
) -> Table:
    names = ("Agent", "Data")
    heads = [Column(head, is_name=True) for head in names]
    heads += [Column("Seeds"), Column("Datasets"), *(Column(head) for _, head, _ in AGGREGATES)]
    table = Table("Aggregates over datasets, with 95% intervals", heads)
    every = [*chain(*datasets.values())]
    for (agent, source), rows in frame.groupby(["agent", "source"], sort=False):
        own = rows.set_index("metric")
        keys = tuple(run_key(name, source, agent) for name in every)
        cells = [word(spec["agents"][agent]), word(spec["sources"][source])]
        cells += [count(rows["seeds"].iloc[0]), count(rows["datasets"].iloc[0])]
        cells += [_metric(own, name, digits, keys) for name, _, digits in AGGREGATES]
        table.rows.append(cells)
    return table


def _metric(own: pd.DataFrame, name: str, digits: int, keys: tuple[str, ...]) -> Cell:
    if name not in own.index:
        return Cell(MISSING)
    row = own.loc[name]
    return measured(row["value"], bounds=(row["low"], row["high"]), digits=digits, keys=keys)


def _scaling(
    frame: pd.DataFrame, spec: Mapping[str, Any], datasets: Mapping[str, list[str]]
) -> Table:
    heads = [Column("Networks", is_name=True), Column("Data", is_name=True)]
    heads += [Column(head) for head in ("Mean from", "Mean to", "Change (%)")]
    table = Table("Larger networks", [*heads, Column("Paper (%)", is_paper=True)])
    every = [*chain(*datasets.values())]
    for _, row in frame.iterrows():
        old, new = ((row["from_agent"], row["from_source"]), (row["agent"], row["source"]))
        keys = tuple(run_key(name, source, agent) for agent, source in (old, new) for name in every)
        labels = dict.fromkeys((spec["sources"][old[1]], spec["sources"][new[1]]))
        table.rows.append(
            [
                word(f"{spec['agents'][old[0]]} → {spec['agents'][new[0]]}"),
                word(" → ".join(labels)),
                measured(row["from_mean"], keys=keys),
                measured(row["mean"], keys=keys),
                measured(row["value"], bounds=(row["low"], row["high"]), keys=keys),
                published(row["paper_mean"], math.nan, mark_of(row["paper_status"])),
            ]
        )
    return table


def curve(frame: pd.DataFrame, spec: Mapping[str, Any]) -> list[Table]:
    """A point a row: an agent on a part of a dataset from a source."""
    heads = [Column(h, is_name=True) for h in ("Dataset", "Agent", "Learned from")]
    column = "percent" if spec["unit"] == "pct" else "transitions"
    heads += [Column("Share (%)" if column == "percent" else "Transitions"), Column("Score")]
    heads.append(Column("Over the same real data"))
    table = Table("Score by how much of the data", [*heads, Column("P(better)"), Column("Seeds")])
    every = [row["name"] for row in spec["panels"]]
    titles = {**spec["reference"], **spec["series"]}
    for _, row in frame.iterrows():
        names = [row["dataset"]] if is_there(row["dataset"]) else every
        keys = tuple(run_key(name, row["source"], row["agent"]) for name in names)
        difference = (row["difference_low"], row["difference_high"])
        chance = (row["probability_low"], row["probability_high"])
        every_row = ("100", 100.0) if column == "percent" else ("all", 1e12)
        kept = (f"{row[column]:,.10g}", float(row[column])) if is_there(row[column]) else every_row
        table.rows.append(
            [
                word(names[0] if len(names) == 1 or is_there(row["dataset"]) else "all (IQM)"),
                word({**titles, **spec["agents"]}[row["agent"]]),
                word(titles[row["series"]] if row["row"] == "point" else "real"),
                Cell(*kept),
                measured(row["value"], row["std"], (row["low"], row["high"]), keys=keys),
                measured(row["difference"], bounds=difference, keys=keys),
                measured(row["probability"], bounds=chance, digits=2, keys=keys),
                count(row["seeds"]),
            ]
        )
    return [table]


def summary(frame: pd.DataFrame, spec: Mapping[str, Any]) -> list[Table]:
    """Aggregates by group and overall; of profiles and curves what their figures show."""
    names = [Column(head, is_name=True) for head in ("Agent", "Datasets", "Data")]
    members = {g: [row["name"] for row in rows] for g, rows in spec["groups"].items()}
    keys_of = ["agent", "group", "source"]
    if spec["layout"] != "aggregates":
        x_head = "Score" if spec["layout"] == "profiles" else "Place in training"
        value = "Share above" if spec["layout"] == "profiles" else "IQM of scores"
        table = Table(value, [*names, Column(x_head), Column("Unit", is_name=True), Column(value)])
        digits = 2 if spec["layout"] == "profiles" else 1
        for _, lines in frame.groupby(keys_of, sort=False):
            places = sorted({0, len(lines) // 4, len(lines) // 2, 3 * len(lines) // 4})
            for _, row in lines.iloc[[*places, len(lines) - 1]].drop_duplicates().iterrows():
                keys = _summary_keys(row, members)
                cell = measured(
                    row["value"], bounds=(row["low"], row["high"]), digits=digits, keys=keys
                )
                lead = _summary_names(row, spec)
                table.rows.append([*lead, measured(row["x"]), word(row["unit"]), cell])
        return [table]
    metrics = list(dict.fromkeys(frame["metric"]))
    heads = {
        **{name: head for name, head, _ in AGGREGATES},
        "iqm_average_of_last": "IQM, average of the last ten",
        "iqm_best_of_last": "IQM, best of the last ten",
    }
    table = Table("Aggregates", [*names, Column("Seeds"), *(Column(heads[m]) for m in metrics)])
    for _, rows in frame.groupby(keys_of, sort=False):
        own, first = rows.set_index("metric"), rows.iloc[0]
        keys = _summary_keys(first, members)
        cells = [_metric(own, name, summary_render.digits(name), keys) for name in metrics]
        table.rows.append([*_summary_names(first, spec), count(first["seeds"]), *cells])
    return [table]


def _summary_names(row: pd.Series, spec: Mapping[str, Any]) -> list[Cell]:
    count = int(row["datasets"])
    group = f"{row['group']} ({count})"
    return [word(spec["agents"][row["agent"]]), word(group), word(spec["sources"][row["source"]])]


def _summary_keys(row: pd.Series, members: Mapping[str, list[str]]) -> tuple[str, ...]:
    names = members.get(row["group"], [*chain(*members.values())])
    return tuple(run_key(name, row["source"], row["agent"]) for name in names)
