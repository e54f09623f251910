"""Tables of agents that learn in their environment: returns, and where the time went."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from synther.analysis.text import MISSING
from synther.analysis.wall_time import PARTS, duration
from synther.report.cells import (
    RELATIVE_TOLERANCE,
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


def online(frame: pd.DataFrame, spec: Mapping[str, Any]) -> list[Table]:
    """Returns at the end and over training, an agent on a task a row."""
    heads = [Column("Task", is_name=True), Column("Agent", is_name=True)]
    heads += [Column("Final return"), Column("Mean return over training"), Column("Seeds")]
    returns = Table("Returns by task", [*heads, Column("Published, final", is_paper=True)])
    names = [Column("Tasks", is_name=True), Column("Agent", is_name=True)]
    names += [Column("Final score (IQM)"), Column("Mean score (IQM)"), Column("P(better)")]
    over = Table("Over all tasks", names)
    chosen = frame[frame["row"].isin(["final", "mean", "improvement", "published"])]
    for (task, agent), rows in chosen.groupby(["task", "agent"], sort=False, dropna=False):
        own = {row["row"]: row for _, row in rows.iterrows()}
        several = not is_there(task)
        tasks = spec["tasks"] if several else [task]
        keys = tuple(run_key(name, "online", agent) for name in tasks)
        values = {kind: (row["value"], row["std"], row["seeds"]) for kind, row in own.items()}
        other = own.get("published")
        stands = ""
        if other is not None:
            tolerance = RELATIVE_TOLERANCE * abs(other["value"])
            stands = agreement(values["final"], values["published"], tolerance)
        stands = (
            agreement(values["final"], values["published"], tolerance) if other is not None else ""
        )
        numbers = [
            measured(
                own[kind]["value"],
                own[kind]["std"],
                (own[kind]["low"], own[kind]["high"]),
                keys=keys,
                agreement=stands if kind == "final" else "",
            )
            for kind in ("final", "mean")
        ]
        label = spec["agents"][agent]
        if several:
            better = own.get("improvement")
            chance = Cell(MISSING)
            if better is not None:
                bounds = (better["low"], better["high"])
                chance = measured(better["value"], bounds=bounds, digits=2, keys=keys)
            over.rows.append([word(f"all {len(tasks)}"), word(label), *numbers, chance])
            continue
        status = other["metric"].partition("(")[2].rstrip(")") if other is not None else ""
        theirs = Cell(MISSING, is_paper=True)
        if other is not None:
            theirs = published(other["value"], other["std"], mark_of(status))
        seeds = count(own["final"]["seeds"])
        returns.rows.append([word(task), word(label), *numbers, seeds, theirs])
    return [table for table in (returns, over) if table.rows]


def wall_time(frame: pd.DataFrame, spec: Mapping[str, Any]) -> list[Table]:
    """A job a row: how long it took, and where the time went."""
    heads = [Column("Task", is_name=True), Column("Method", is_name=True)]
    heads += [Column(head) for head in ("Seeds a job", "Steps", "Time a job", "Steps/s")]
    table = Table("Jobs", [*heads, *(Column(f"{part} (%)") for part in PARTS)])
    for _, row in frame.iterrows():
        counted = sum(row[f"{part}_s"] for part in PARTS)
        key = (run_key(row["task"], "online", row["agent"]),)
        shares = [100 * row[f"{part}_s"] / max(counted, 1e-9) for part in PARTS]
        table.rows.append(
            [
                word(row["task"]),
                word(spec["agents"][row["agent"]]),
                count(row["seeds"]),
                Cell(f"{row['steps']:,}", float(row["steps"]), key),
                Cell(duration(counted), float(counted), key),
                measured(row["steps_per_s"], keys=key),
                *(measured(share, keys=key) for share in shares),
            ]
        )
    return [table]
