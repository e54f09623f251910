"""What it all cost: wall time by kind of job, from the records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from synther.sheets import Cell, Column, Row, Table
from synther.sheets.numbers import duration, words

STAGES = {
    "offline": "training on fixed data",
    "online": "training in the environment",
    "pixels": "training on pixels",
    "generators": "generators",
    "latents": "latents and their generators",
    "fidelity": "measuring samples",
}


def _machine(record: Mapping[str, Any]) -> str:
    hardware = record.get("hardware", {})
    where = hardware.get("gpu") or f"{hardware.get('cpu', '?')}, {hardware.get('cores', '?')} cores"
    return str(where)


def _job(path: str, record: Mapping[str, Any]) -> tuple[str, str]:
    """Return a job's stage and what it was of: its agent, or the file that it left."""
    parts = path.split("/")
    stage = STAGES.get(parts[2], parts[2]) if len(parts) > 3 else "other"
    name = parts[-1].removesuffix(".json")
    verbs = {"fit": "fitting", "samples": "sampling", "latents": "encoding"}
    what = record.get("agent") or record.get("generator") or record.get("source", "")
    return stage, f"{verbs[name]} {what}".strip() if name in verbs else str(what)


def costs(records: Mapping[str, Mapping[str, Any]]) -> Table:
    """Return the table of wall time: a row a kind of job, its total in the footer.

    Args:
        records: path -> record; those without a wall time are left out.
    """
    jobs: dict[tuple[str, str], list[float]] = defaultdict(list)
    machines: dict[tuple[str, str], set[str]] = defaultdict(set)
    for path, record in records.items():
        if "wall_time_s" in record:
            key = _job(path, record)
            jobs[key].append(float(record["wall_time_s"]))
            machines[key].add(_machine(record))

    def row(stage: str, what: str, times: list[float], where: set[str], is_total: bool) -> Row:
        total, longest = sum(times), max(times)
        count = Cell(str(len(times)), float(len(times)))
        cells = [words(stage), words(what), count, Cell(duration(total), total)]
        cells += [Cell(duration(longest), longest), words("; ".join(sorted(where)))]
        return Row(tuple(cells), is_total=is_total)

    names = {"Stage", "What", "Machine"}
    heads = ("Stage", "What", "Jobs", "Wall time", "Longest job", "Machine")
    rows = [
        row(*key, jobs[key], machines[key], is_total=False)
        for key in sorted(jobs, key=lambda key: -sum(jobs[key]))
    ]
    if jobs:
        every = [time for times in jobs.values() for time in times]
        rows.append(row("all", "", every, set().union(*machines.values()), is_total=True))
    columns = tuple(Column(head, is_name=head in names) for head in heads)
    return Table("Wall time of all jobs behind this page", columns, tuple(rows))
