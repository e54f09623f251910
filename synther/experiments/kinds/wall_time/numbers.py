"""The numbers of wall time: the records that runs leave beside their rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from synther.errors import SyntherError
from synther.experiments.kinds.spec import Numbers
from synther.experiments.kinds.wall_time.plan import WallTimeSpec
from synther.jobs.files import read_json

PARTS = ("simulator", "agent", "diffusion", "sampling", "evaluation")
"""As the records' `seconds` have them."""
_AGAIN = "remove it and its .parquet, and run its rule again"


def read(paths: Sequence[str | Path]) -> dict[str, dict[str, Any]]:
    """Return path -> content of the records beside rows, of those that are there.

    Raises:
        SyntherError: a record is damaged.
    """
    records = [Path(path).with_suffix(".json") for path in paths]
    return {str(path): read_json(path, _AGAIN) for path in records if path.is_file()}


def _times(path: str, record: dict[str, Any], preset: str) -> dict[str, Any]:
    """Return a job's times in seconds: `counted` of all parts, those of jobs resumed too, and
    `other_s` outside them (starting, checkpoints, logging); steps are of each of its seeds."""
    try:
        parts = [float(record["seconds"][part]) for part in PARTS]
        hardware = {name: record["hardware"].get(name, "") for name in ("device", "cpu", "gpu")}
        seeds, steps = len(record["seeds"]), int(record["settings"]["steps"])
        wall, counted = float(record["wall_time_s"]), sum(parts)
        found = {
            **{"record": path, "task": record["task"], "agent": record["agent"]},
            **{"seeds": seeds, "steps": steps, "wall_time_s": wall, "counted": counted},
            "steps_per_s": steps * seeds / max(counted, 1e-9),
            "other_s": max(wall - counted, 0.0),
            **{f"{part}_s": seconds for part, seconds in zip(PARTS, parts, strict=True)},
            **hardware,
            "machine": hardware["gpu"] or f"{record['hardware'].get('cpu', '?')}, CPU only",
        }
    except KeyError as error:
        raise SyntherError(f"{path} lacks {error.args[0]}: {_AGAIN}") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise SyntherError(f"{path} is damaged ({error}): {_AGAIN}") from error
    if record.get("preset") != preset:
        raise SyntherError(f"{path} is of preset {record.get('preset')}, not of {preset}")
    return found


def measure(spec: WallTimeSpec, records: dict[str, dict[str, Any]]) -> Numbers:
    """Work out a wall-time table, a row a job; records that aren't there are omissions.

    Args:
        spec: what to show.
        records: as `read` returns them; other tasks and agents than the spec's are left aside.

    Raises:
        SyntherError: a record is damaged or of another preset, or none is there.
    """
    every = [_times(path, record, spec.preset) for path, record in records.items()]
    jobs = [job for job in every if job["task"] in spec.tasks and job["agent"] in spec.agents]
    if not jobs:
        raise SyntherError(
            f"none of the {len(spec.records)} records of {spec.name} is there: run them"
        )
    there = [job["record"] for job in jobs]
    absent = [path for path in spec.records if not any(each.endswith(path) for each in there)]
    return Numbers(spec, pd.DataFrame(jobs), omissions=[f"No record {path}." for path in absent])
