"""The numbers of wall time: the records that runs leave beside their rows."""

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
CSV_COLUMNS = (
    *("experiment", "preset", "budget", "task", "agent", "seeds", "steps", "wall_time_s"),
    *("steps_per_s", "other_s", *(f"{part}_s" for part in PARTS), "device", "cpu", "gpu"),
)
_AGAIN = "remove it and its .parquet, and run its rule again"


def read(paths: Sequence[str | Path]) -> dict[str, dict[str, Any]]:
    """Return path -> content of the records beside rows, of those that are there.

    Raises:
        SyntherError: a record is damaged.
    """
    records = [Path(path).with_suffix(".json") for path in paths]
    return {str(path): read_json(path, _AGAIN) for path in records if path.is_file()}


def _job(path: str, record: dict[str, Any], preset: str) -> dict[str, Any]:
    """Return what a record says: times in seconds, and steps of each of the job's seeds."""
    try:
        seconds = {f"{part}_s": float(record["seconds"][part]) for part in PARTS}
        hardware = {name: record["hardware"].get(name, "") for name in ("device", "cpu", "gpu")}
        found = {
            **{"record": path, "task": record["task"], "agent": record["agent"]},
            **{"seeds": len(record["seeds"]), "steps": int(record["settings"]["steps"])},
            "wall_time_s": float(record["wall_time_s"]),
            **seconds,
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

    Returns:
        A row a job: `counted` is the time of all `PARTS`, those of jobs resumed too, and `other_s`
        what is outside them (starting, checkpoints, logging).

    Raises:
        SyntherError: a record is damaged or of another preset, or none is there.
    """
    every = [_job(path, record, spec.preset) for path, record in records.items()]
    jobs = [job for job in every if job["task"] in spec.names and job["agent"] in spec.agents]
    if not jobs:
        raise SyntherError(
            f"none of the {len(spec.records)} records of {spec.name} is there: run them"
        )
    frame = pd.DataFrame(jobs)
    counted = frame[[f"{part}_s" for part in PARTS]].sum(axis=1)
    frame = frame.assign(
        counted=counted,
        steps_per_s=frame["steps"] * frame["seeds"] / counted.clip(lower=1e-9),
        other_s=(frame["wall_time_s"] - counted).clip(lower=0.0),
    )
    absent = [path for path in spec.records if not frame["record"].str.endswith(path).any()]
    return Numbers(spec, frame, CSV_COLUMNS, omissions=[f"No record {path}." for path in absent])
