"""The numbers of wall time: the records that runs leave beside their rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synther.errors import SyntherError
from synther.experiments.kinds.wall_time.plan import WallTimeSpec
from synther.jobs.files import read_json

PARTS = ("simulator", "agent", "diffusion", "sampling", "evaluation")
"""As the records' `seconds` have them."""
_AGAIN = "remove it and its .parquet, and run its rule again"


@dataclass(frozen=True)
class Times:
    """One job's times.

    Attributes:
        record: path of its record.
        task: that its agent learned in.
        agent: slug.
        seeds: how many it trained.
        steps: environment steps of each.
        wall_time_s: seconds from its start to its end.
        seconds: part (of `PARTS`) -> seconds.
        hardware: device, cpu and gpu.
    """

    record: str
    task: str
    agent: str
    seeds: int
    steps: int
    wall_time_s: float
    seconds: dict[str, float]
    hardware: dict[str, Any]

    @property
    def counted(self) -> float:
        """Seconds of all parts: those of jobs that were resumed too."""
        return sum(self.seconds.values())

    @property
    def other_s(self) -> float:
        """Seconds outside all parts: starting, checkpoints, logging."""
        return max(self.wall_time_s - self.counted, 0.0)

    @property
    def machine(self) -> str:
        """What it ran on."""
        return str(self.hardware.get("gpu") or f"{self.hardware.get('cpu', '?')}, CPU only")


@dataclass(frozen=True)
class WallTime:
    """The times of all jobs, and what is missing in words."""

    spec: WallTimeSpec
    jobs: list[Times]
    omissions: list[str]


def read(paths: Sequence[str | Path]) -> dict[str, dict[str, Any]]:
    """Return path -> content of the records beside rows, of those that are there.

    Raises:
        SyntherError: a record is damaged.
    """
    records = [Path(path).with_suffix(".json") for path in paths]
    return {str(path): read_json(path, _AGAIN) for path in records if path.is_file()}


def _times(path: str, record: dict[str, Any], preset: str) -> Times:
    try:
        found = Times(
            record=path,
            task=record["task"],
            agent=record["agent"],
            seeds=len(record["seeds"]),
            steps=int(record["settings"]["steps"]),
            wall_time_s=float(record["wall_time_s"]),
            seconds={part: float(record["seconds"][part]) for part in PARTS},
            hardware=dict(record["hardware"]),
        )
    except KeyError as error:
        raise SyntherError(f"{path} lacks {error.args[0]}: {_AGAIN}") from error
    except (TypeError, ValueError) as error:
        raise SyntherError(f"{path} is damaged ({error}): {_AGAIN}") from error
    if record.get("preset") != preset:
        raise SyntherError(f"{path} is of preset {record.get('preset')}, not of {preset}")
    return found


def measure(spec: WallTimeSpec, records: dict[str, dict[str, Any]]) -> WallTime:
    """Work out a wall-time table; records that aren't there are omissions.

    Args:
        spec: what to show.
        records: as `read` returns them; other tasks and agents than the spec's are left aside.

    Raises:
        SyntherError: a record is damaged or of another preset, or none is there.
    """
    every = [_times(path, record, spec.preset) for path, record in records.items()]
    jobs = [job for job in every if job.task in spec.tasks and job.agent in spec.agents]
    if not jobs:
        raise SyntherError(
            f"none of the {len(spec.records)} records of {spec.name} is there: run them"
        )
    absent = [path for path in spec.records if not any(job.record.endswith(path) for job in jobs)]
    return WallTime(spec, jobs, [f"No record {path}." for path in absent])
