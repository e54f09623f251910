"""What jobs cost together, and what one asks of a scheduler."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from synther import config
from synther.planning.jobs import Jobs
from synther.planning.rates import Rates, device_kind, read_rates
from synther.planning.work import Job

COUNTED = {
    "agent_updates": "updates",
    "head_updates": "updates",
    "samples": "samples",
    "env_steps": "environment_steps",
    "diffusion_fit_rows": "diffusion_steps",
}
"""Units of work that a plan shows, and what it calls them."""


@dataclass
class Cost:
    """Jobs of one rule, or of all, added up.

    Attributes:
        jobs: how many.
        updates: gradient updates, a seed each.
        samples: synthetic transitions.
        environment_steps: of training, evaluation and collection, a seed each; episodes are
            counted in full, and may end sooner.
        diffusion_steps: optimizer steps of diffusion models.
        cpu_hours: time times threads, of all jobs.
        gpu_hours: time of the jobs that compute on a GPU; 0 without one.
        disk_gb: of what they write.
        memory_gb: of the largest.
    """

    jobs: int = 0
    updates: float = 0.0
    samples: float = 0.0
    environment_steps: float = 0.0
    diffusion_steps: float = 0.0
    cpu_hours: float = 0.0
    gpu_hours: float = 0.0
    disk_gb: float = 0.0
    memory_gb: float = 0.0

    def add(self, job: Job, rates: Rates) -> None:
        """Add a job."""
        hours = rates.job_seconds(job) / 3600
        self.jobs += 1
        for unit, name in COUNTED.items():
            setattr(self, name, getattr(self, name) + job.counted(unit))
        self.cpu_hours += hours * rates.threads(job)
        if job.on_device and rates.device == "cuda":
            self.gpu_hours += hours
        self.disk_gb += job.disk_bytes / 1e9
        self.memory_gb = max(self.memory_gb, job.memory_mb / 1e3)

    def as_dict(self) -> dict[str, float]:
        """Return all numbers, ready for JSON."""
        return asdict(self)


def by_rule(jobs: Iterable[Job], rates: Rates) -> dict[str, Cost]:
    """Return what the jobs of each rule cost."""
    costs: dict[str, Cost] = {}
    for job in jobs:
        costs.setdefault(job.rule, Cost()).add(job, rates)
    return costs


def total(jobs: Iterable[Job], rates: Rates) -> Cost:
    """Return what jobs cost together."""
    cost = Cost()
    for job in jobs:
        cost.add(job, rates)
    return cost


def wall_hours(jobs: Mapping[str, Job], rates: Rates, cores: int, gpus: int) -> float:
    """Return the least time that jobs take on so many cores and GPUs.

    It is the largest of three: all threads over the cores, all GPU time over the GPUs, and the
    longest chain of jobs of which each needs the one before.

    Args:
        jobs: first output -> job, those needed first.
    """
    cost = total(jobs.values(), rates)
    ends: dict[str, float] = {}
    for job in jobs.values():
        start = max((ends.get(path, 0.0) for path in job.needs), default=0.0)
        end = start + rates.job_seconds(job) / 3600
        ends.update(dict.fromkeys(job.outputs, end))
    on_gpus = cost.gpu_hours / gpus if gpus else 0.0
    return max([cost.cpu_hours / max(cores, 1), on_gpus, *ends.values()])


class Requests:
    """What the jobs of a preset ask of a scheduler.

    Args:
        preset: a file of config/presets/.
        device: where jobs compute: cpu, cuda, cuda:N, or auto, which asks for a GPU: a job that
            gets none computes on the CPU.
    """

    def __init__(self, preset: str, device: str) -> None:
        self._jobs = Jobs(preset)
        self._gpu = device == "auto" or device_kind(device) == "cuda"
        self._rates = read_rates("cuda" if self._gpu else "cpu")
        self._evaluates_beside = device_kind(device) == "cuda"
        self._margins: dict[str, Any] = config.load("rates")["requests"]

    def mem_mb(self, rule: str, wildcards: Mapping[str, str], attempt: int) -> int:
        """Return the memory: the estimate, and half as much more at every further attempt."""
        memory = self._jobs.job(rule, wildcards).memory_mb + self._margins["beside_mb"]
        return int(memory * (1 + self._margins["memory_per_attempt"] * (attempt - 1)))

    def runtime(self, rule: str, wildcards: Mapping[str, str], attempt: int) -> int:
        """Return the time limit in minutes: the estimate with a margin, times the attempt."""
        seconds = self._rates.job_seconds(self._jobs.job(rule, wildcards))
        minutes = math.ceil(self._margins["time_margin"] * seconds / 60)
        return max(self._margins["least_minutes"], minutes) * attempt

    def threads(self, rule: str, wildcards: Mapping[str, str], attempt: int) -> int:
        """Return the threads: more where the device is known to be a GPU, which would wait."""
        job = self._jobs.job(rule, wildcards)
        return self._rates.threads(job) if self._evaluates_beside else job.threads

    def gpu(self, rule: str, wildcards: Mapping[str, str], attempt: int) -> int:
        """Return how many GPUs: one for what computes on the device, if that may be a GPU."""
        return int(self._gpu and self._jobs.job(rule, wildcards).on_device)
