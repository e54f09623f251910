"""From the CSV of a table or figure to tables of the page, a function a kind."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from synther.analysis import claims_render, fidelity_render, verdicts
from synther.analysis.text import MISSING, number
from synther.report.cells import (
    FIDELITY_TOLERANCE,
    SCORE_TOLERANCE,
    Cell,
    Column,
    Table,
    agreement,
    is_there,
    mark_of,
    word,
)
from synther.report.online_tables import online, wall_time
from synther.report.provenance import run_key
from synther.report.score_tables import comparison, curve, summary

Maker = Callable[[pd.DataFrame, Mapping[str, Any]], list[Table]]
"""Takes a figure's CSV and its description (`Experiments.table`)."""


def fidelity(frame: pd.DataFrame, spec: Mapping[str, Any]) -> list[Table]:
    """A source on a dataset a row, a measure a column."""
    frame = frame.assign(agent=frame["agent"].fillna(""), factor=frame["factor"].fillna(""))
    measures = list(dict.fromkeys(zip(frame["measure"], frame["agent"], strict=True)))
    known = frame[frame["paper_value"].notna()]
    has_paper = set(zip(known["measure"], known["agent"], strict=True))
    varied = frame["factor"].any()
    heads = [Column("Dataset", is_name=True), Column("Data", is_name=True)]
    heads[1:1] = [Column("Varied", is_name=True)] if varied else []
    for measure, agent in measures:
        text = fidelity_render.HEADS[measure]
        text = f"{spec['agents'][agent]} {text}" if agent else text
        heads.append(Column(text))
        if (measure, agent) in has_paper:
            heads.append(Column(f"{text} (paper)", is_paper=True))
    table = Table("Measures", heads)
    for (dataset, factor, source), rows in frame.groupby(
        ["dataset", "factor", "source"], sort=False
    ):
        cells = [word(dataset), *([word(factor)] if varied else []), word(rows["title"].iloc[0])]
        files = spec["files"].get(dataset, {}).get(source, {})
        for measure, agent in measures:
            row = rows[(rows["measure"] == measure) & (rows["agent"] == agent)].iloc[0]
            cells.append(_fidelity_cell(row, run_key(dataset, source, agent), files))
            if (measure, agent) in has_paper:
                cells.append(_fidelity_published(row))
        table.rows.append(cells)
    return [table]


def _fidelity_published(row: pd.Series) -> Cell:
    if not is_there(row["paper_value"]):
        return Cell(MISSING, is_paper=True)
    spread = f" ± {number(row['paper_std'])}" if is_there(row["paper_std"]) else ""
    text = _value(row["measure"], row["paper_value"]) + spread + mark_of(row["paper_status"])
    return Cell(text, row["paper_value"], is_paper=True)


def _value(measure: str, value: float) -> str:
    return fidelity_render.value_text(measure, value) if is_there(value) else MISSING


_RECORDS = {"fit_s": "fit", "parameters": "fit", "compression": "fit", "sample_s": "sample"}


def _fidelity_cell(row: pd.Series, key: str, files: Mapping[str, str]) -> Cell:
    measure = row["measure"]
    if not is_there(row["value"]):
        return Cell(row["state"] if row["state"] != "missing" else MISSING)
    is_score = measure == "score"
    record = files.get(_RECORDS.get(measure, "fidelity"), "").replace(".parquet", ".json")
    theirs = (row["paper_value"], row["paper_std"], math.nan)
    tolerance = SCORE_TOLERANCE if is_score else FIDELITY_TOLERANCE
    stands = agreement((row["value"], row["std"], row["seeds"]), theirs, tolerance)
    spread = f" ± {number(row['std'])}" if is_there(row["std"]) else ""
    keys = (key,) if is_score else tuple(filter(None, (record,)))
    return Cell(_value(measure, row["value"]) + spread, row["value"], keys, stands)


def claims(frame: pd.DataFrame, spec: Mapping[str, Any]) -> list[Table]:
    """The verdicts, with the runs that each is decided from."""
    heads = [Column("Verdict", is_name=True), Column("Claim", is_name=True)]
    heads += [Column("Effect [95% interval]"), Column("Over", is_name=True)]
    heads += [Column("Rule", is_name=True), Column("Seeds"), Column("Datasets")]
    heads += [
        Column(h, is_name=True) for h in ("Physics", "Falls short in", "Budget", "Known from")
    ]
    table = Table("Verdicts", heads)
    described = {claim["name"]: claim for claim in spec["claims"]}
    for _, row in frame.iterrows():
        claim = described[row["claim"]]
        sides = [claim["of"], *claim["against"]]
        cells = [cell for side in sides for cell in side["cells"] if cell]
        keys = [run_key(c["dataset"], c["source"], c["agent"]) for c in cells if c["results"]]
        keys += [
            path.replace(".parquet", ".json")
            for cell in cells
            for name, path in cell["files"].items()
            if name != "sample"
        ]
        bounds = row["low"], row["high"]
        effect = claims_render.effect_words(row["measure"], row["effect"], *bounds)
        ran = is_there(row["effect"])
        unit = "points" if row["measure"] in ("score", "compression") else "%"
        rule = verdicts.in_words(
            row["rule"], claim["margin"], row["expected"], unit, majority=claim["majority"]
        )
        note = f" ({row['note']})" if is_there(row["note"]) else ""
        shown = Cell(effect + note, row["effect"], tuple(dict.fromkeys(keys)))
        of_seeds = f" of {int(row['protocol_seeds'])}" if is_there(row["protocol_seeds"]) else ""
        table.rows.append(
            [
                word(row["verdict"]),
                word(row["statement"] + mark_of(row["status"])),
                shown if ran else Cell(MISSING),
                word(row["against"]),
                word(rule),
                Cell(f"{int(row['seeds'])}{of_seeds}", float(row["seeds"]))
                if is_there(row["seeds"])
                else Cell("one fit" if ran else MISSING),
                Cell(f"{row['datasets']} of {row['protocol_datasets']}", float(row["datasets"])),
                word(row["physics"]),
                word(row["falls_short"]),
                word(f"{row['of_experiment']}: {row['budget']}"),
                word(row["provenance"]),
            ]
        )
    return [table]


MAKERS: dict[str, Maker] = {
    "comparison": comparison,
    "curve": curve,
    "fidelity": fidelity,
    "online": online,
    "wall_time": wall_time,
    "summary": summary,
    "claims": claims,
}


def make(frame: pd.DataFrame, spec: Mapping[str, Any]) -> list[Table]:
    """Return the tables of a figure's CSV."""
    kind = "wall_time" if spec.get("layout") == "wall_time" else spec["kind"]
    made = MAKERS[kind](frame, spec)
    if not spec["is_evidence"]:  # nothing to agree with: the preset checks the pipeline
        for table in made:
            for row in (*table.rows, *table.footer):
                row[:] = [replace(cell, agreement="") for cell in row]
    return made
