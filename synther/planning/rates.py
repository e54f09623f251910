"""What jobs do, counted, and how fast this kind of machine does it.

Rates are measured by `synther bench`, or else as config/rates.yaml states them.
"""

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synther import config
from synther.errors import SyntherError
from synther.jobs.folders import files_below

BENCH = Path("results/bench")
"""Where `synther bench` leaves its measurements, a .json each."""
BENCHED_SEEDS = 8
"""Seeds that are trained together where an agent's rate is measured: the paper preset's."""


COUNTED = {
    "agent_updates": "updates",
    "head_updates": "updates",
    "samples": "samples",
    "rollout_rows": "samples",
    "env_steps": "environment_steps",
    "diffusion_fit_rows": "diffusion_steps",
    "frames": "frames",
    "encoded_frames": "frames",
}
"""Units of work that a reader counts, and the resource that a rule declares for each."""


@dataclass(frozen=True)
class Work:
    """So many units of one kind."""

    unit: str  # what is done, a key of config/rates.yaml
    amount: float  # units as rates count them
    name: str = ""  # the agent's or task's, where rates differ by it
    size: float = 1.0  # what one costs of what it costs where the rate was measured
    count: float = 0.0  # units as a reader counts them (seed updates where a stack updates once)


@dataclass(frozen=True)
class Cost:
    """What one job does and takes."""

    work: tuple[Work, ...]
    memory_mb: float = 2000  # held at once
    disk_bytes: float = 0.0  # of all outputs
    on_device: bool = False  # it computes on `--device`, and takes a GPU where there is one


@dataclass(frozen=True)
class Rates:
    """Rates of one device at the paper's settings."""

    device: str  # cpu or cuda
    per_s: dict[str, Any]  # UNIT_per_s -> number, or name -> number; agents' eight seeds together
    fixed: dict[str, float]  # unit -> share of its time that smaller networks don't save
    startup_s: float  # from a job's start until it works
    origin: str  # where the rates come from, in words
    evaluation_threads: int = 1  # of a job that trains: agents are evaluated beside a GPU

    def seconds(self, work: Work) -> float:
        """Return how long a piece of work takes."""
        is_stack = work.unit == "agent_updates"
        rate = self.per_s["agent_seed_updates_per_s" if is_stack else f"{work.unit}_per_s"]
        if isinstance(rate, dict):
            rate = rate.get(work.name, rate["default"])
        if is_stack or work.unit == "head_updates":  # of a stack; rates count its seeds
            rate /= BENCHED_SEEDS
        fixed = self.fixed.get(work.unit, 0.0)
        return work.amount / rate * (fixed + (1.0 - fixed) * work.size)

    def job_seconds(self, cost: Cost) -> float:
        """Return how long a job takes, its start included.

        Threads that evaluate beside a GPU are taken to step half as fast each as one alone.
        """
        stepping = max(1.0, self.evaluation_threads / 2) if cost.on_device else 1.0
        return self.startup_s + sum(
            self.seconds(work) / (stepping if work.unit == "env_steps" else 1.0)
            for work in cost.work
        )


def device_kind(device: str) -> str:
    """Return the kind of a device: of `auto` that of this machine, of `cuda:1` cuda."""
    if device == "auto":  # without asking torch, which takes a second
        return "cuda" if any(Path("/dev").glob("nvidia[0-9]*")) else "cpu"
    return device.partition(":")[0]


def read_rates(device: str) -> Rates:
    """Return the rates of a device: the newest benchmark of its kind, and config/rates.yaml's.

    Args:
        device: cpu, cuda, cuda:N or auto.

    Raises:
        SyntherError: a benchmark is damaged.
    """
    kind = device_kind(device)
    stated = config.load("rates")
    own = stated["devices"][kind]
    per_s: dict[str, Any] = {**stated["any_device"], **own["rates"]}
    origin = own["origin"]
    if newest := _newest(kind, files_below(BENCH, "*.json")):
        path, measured = newest
        for key in per_s.keys() & measured.keys():
            both = isinstance(per_s[key], dict) and isinstance(measured[key], dict)
            per_s[key] = per_s[key] | measured[key] if both else measured[key]
        origin = f"{path}, and what it lacks: {origin}"
    threads = stated["requests"]["gpu_threads"] if kind == "cuda" else 1
    return Rates(kind, per_s, own["fixed_share"], stated["startup_s"], origin, threads)


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
