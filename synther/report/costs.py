"""What it all cost: wall time by kind of job, from the records."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from synther import sheets
from synther.sheets import Cell, Row, Table, columns
from synther.sheets.printed import count, duration

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
    jobs = pd.DataFrame(
        [
            (*_job(path, record), float(record["wall_time_s"]), _machine(record))
            for path, record in records.items()
            if "wall_time_s" in record
        ],
        columns=["stage", "what", "seconds", "machine"],
    )

    def row(stage: str, what: str, own: pd.DataFrame, is_total: bool = False) -> Row:
        times = [own["seconds"].sum(), own["seconds"].max()]
        cells = [count(len(own)), *(Cell(duration(time), time) for time in times)]
        machines = "; ".join(sorted(set(own["machine"])))
        return sheets.row(stage, what, *cells, machines, is_total=is_total)

    rows = [
        row(stage, what, own) for (stage, what), own in jobs.groupby(["stage", "what"], sort=False)
    ]
    rows.sort(key=lambda row: -(row.cells[3].value or 0.0))
    if len(jobs):
        rows.append(row("all", "", jobs, is_total=True))
    heads = columns(("Stage", "What"), ("Jobs", "Wall time", "Longest job"))
    last = columns(("Machine",), ())
    return Table("Wall time of all jobs behind this page", (*heads, *last), tuple(rows))
