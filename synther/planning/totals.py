"""What jobs take together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from synther import config
from synther.planning.dag import Job
from synther.planning.rates import COUNTED

_COUNTS = tuple(dict.fromkeys(COUNTED.values()))


def totals(jobs: Iterable[Job], on_gpus: bool) -> dict[str, dict[str, float]]:
    """Return what the jobs of each rule take together, and last, as "all", what all do.

    Returns:
        Rule -> name -> number. `jobs`; as rules declare them, `updates` and `environment_steps` of
        all seeds (episodes are counted in full, and may end sooner), `samples`, `diffusion_steps`
        and `frames`; `cpu_hours`, time times threads; `gpu_hours` of what computes on a GPU;
        `disk_gb` of outputs; `memory_gb` of the largest job by itself.
    """
    rules: dict[str, list[Job]] = {}
    for job in jobs:
        rules.setdefault(job.rule, []).append(job)
    rules["all"] = [job for group in rules.values() for job in group]
    return {rule: _together(group, on_gpus) for rule, group in rules.items()}


def _together(jobs: Sequence[Job], on_gpus: bool) -> dict[str, float]:
    asked = [job.resources for job in jobs]
    beside_mb = config.load("rates")["requests"]["beside_mb"]
    return {
        "jobs": len(jobs),
        **{name: sum(each.get(name, 0) for each in asked) for name in _COUNTS},
        "cpu_hours": sum(job.seconds * job.threads for job in jobs) / 3600,
        "gpu_hours": sum(j.seconds for j in jobs if on_gpus and j.resources.get("gpu")) / 3600,
        "disk_gb": sum(each.get("output_bytes", 0) for each in asked) / 1e9,
        "memory_gb": max([0, *(each.get("mem_mb", 0) - beside_mb for each in asked)]) / 1e3,
    }


def wall_hours(jobs: Sequence[Job], cores: int, gpus: int) -> float:
    """Return the least time that jobs take on so many cores and GPUs.

    It is the largest of three: all threads over the cores, all GPU time over the GPUs, and the
    longest chain of jobs of which each needs the one before.

    Args:
        jobs: those needed first.
    """
    together = _together(jobs, on_gpus=gpus > 0)
    ends: dict[str, float] = {}
    for job in jobs:
        start = max((ends.get(path, 0.0) for path in job.needs), default=0.0)
        ends[job.outputs[0]] = start + job.seconds / 3600
    on_gpus = together["gpu_hours"] / gpus if gpus else 0.0
    return max([together["cpu_hours"] / max(cores, 1), on_gpus, *ends.values()])
