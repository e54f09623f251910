"""How fast this kind of machine works: measured by `synther bench`, or else as config/ states."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synther import config
from synther.errors import SyntherError
from synther.files import files_below
from synther.planning.work import BENCHED_SEEDS, Job, Work

BENCH = Path("results/bench")
"""Where `synther bench` leaves its measurements, a .json each."""
# Work is counted in units; benchmarks say how many of them a second under these keys.
_KEYS = {
    "agent_updates": "agent_seed_updates_per_s",
    "diffusion_fit_rows": "diffusion_fit_rows_per_s",
    "samples": "samples_per_s",
    "env_steps": "env_steps_per_s",
}


@dataclass(frozen=True)
class Rates:
    """Rates of one device, cpu or cuda, at the paper's settings.

    Attributes:
        device: "cpu" or "cuda".
        per_s: key -> units a second, or name -> units a second. Agents are counted in seed updates,
            eight seeds together.
        fixed: unit -> share of its time at the paper's settings that smaller networks don't save.
        startup_s: seconds from a job's start until it works.
        origin: where the rates come from, in words.
        measured: the benchmark file that some of them are from, or None.
        gpu_threads: of a job that trains on a GPU and evaluates on the CPU meanwhile.
    """

    device: str
    per_s: dict[str, Any]
    fixed: dict[str, float]
    startup_s: float
    origin: str
    measured: Path | None = None
    gpu_threads: int = 1

    def seconds(self, work: Work) -> float:
        """Return how long a piece of work takes."""
        rate = self.per_s[_KEYS.get(work.unit, f"{work.unit}_per_s")]
        if isinstance(rate, dict):
            rate = rate.get(work.name, rate["default"])
        if work.unit in ("agent_updates", "head_updates"):  # of a stack; rates count its seeds
            rate /= BENCHED_SEEDS
        fixed = self.fixed.get(work.unit, 0.0)
        return work.amount / rate * (fixed + (1.0 - fixed) * work.size)

    def job_seconds(self, job: Job) -> float:
        """Return how long a job takes, its start included.

        Threads that evaluate beside a GPU are taken to step half as fast each as one alone.
        """
        stepping = 1.0
        if self.threads(job) > job.threads:
            stepping = max(1.0, self.threads(job) / 2)
        return self.startup_s + sum(
            self.seconds(work) / (stepping if work.unit == "env_steps" else 1.0)
            for work in job.work
        )

    def threads(self, job: Job) -> int:
        """Return the threads of a job: more where it evaluates on the CPU beside a GPU."""
        beside = self.device == "cuda" and job.on_device
        if beside and any(work.unit == "env_steps" for work in job.work):
            return max(job.threads, self.gpu_threads)
        return job.threads


def has_gpu() -> bool:
    """Return whether this machine shows a GPU, without asking torch, which takes a second."""
    return any(Path("/dev").glob("nvidia[0-9]*"))


def device_kind(device: str) -> str:
    """Return the kind of a device: of `auto` that of this machine, of `cuda:1` cuda."""
    if device == "auto":
        return "cuda" if has_gpu() else "cpu"
    return device.partition(":")[0]


def read_rates(device: str, folder: str | Path = BENCH) -> Rates:
    """Return the rates of a device: the newest benchmark of its kind, and config/rates.yaml's.

    Args:
        device: cpu, cuda, cuda:N or auto.
        folder: the benchmarks'.

    Raises:
        SyntherError: a benchmark is damaged.
    """
    kind = device_kind(device)
    stated = config.load("rates")
    own = stated["devices"][kind]
    per_s: dict[str, Any] = {**stated["any_device"], **own["rates"]}
    newest = _newest(kind, files_below(folder, "*.json"))
    origin = own["origin"]
    if newest is not None:
        path, measured = newest
        for key, value in measured.items():
            if key in per_s and isinstance(per_s[key], dict) and isinstance(value, dict):
                per_s[key] = per_s[key] | value
            elif key in per_s:
                per_s[key] = value
        origin = f"{path}, and what it lacks: {origin}"
    return Rates(
        device=kind,
        per_s=per_s,
        fixed=own["fixed_share"],
        startup_s=stated["startup_s"],
        origin=origin,
        measured=newest[0] if newest else None,
        gpu_threads=stated["requests"]["gpu_threads"],
    )


def _newest(kind: str, paths: Iterable[Path]) -> tuple[Path, dict[str, Any]] | None:
    """Return the newest benchmark of a kind of device, and its rates."""
    for path in sorted(paths, key=lambda p: (p.stat().st_mtime, p.name), reverse=True):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            rates, device = content["rates"], content["hardware"]["device"]
            if device_kind(str(device)) == kind:
                _check(rates)
                return path, rates
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise SyntherError(
                f"benchmark {path} can't be read ({type(error).__name__}: {error}): measure anew "
                "with `synther bench`, or delete it"
            ) from error
    return None


def _check(rates: dict[str, Any]) -> None:
    for key, value in rates.items():
        for number in value.values() if isinstance(value, dict) else (value,):
            if not (isinstance(number, int | float) and math.isfinite(number) and number > 0):
                raise ValueError(f"{key} is {number}")
