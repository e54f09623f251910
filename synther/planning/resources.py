"""What rules declare as Snakemake's `resources`: what jobs ask for and do, each and together."""

import functools
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from types import SimpleNamespace
from typing import Any

from synther import config
from synther.experiments import PAPER_PRESET, Experiments
from synther.planning.dag import Job
from synther.planning.rates import COUNTED, Cost, device_kind, read_rates

ASKED = ("mem_mb", "runtime", "gpu")
"""What a scheduler grants."""
COUNTS = tuple(dict.fromkeys(COUNTED.values()))
TOLD = ("estimate_ms", "output_bytes", *COUNTS)
"""What is there to be added up: no scheduler knows these names, and they limit nothing."""


class RuleResources:
    """The resources of rules, as functions of wildcards and attempt.

    Args:
        experiments: makes those of a preset.
        device: where jobs compute: cpu, cuda, cuda:N, or auto, which asks for a GPU: a job that
            gets none computes on the CPU.
    """

    def __init__(self, experiments: Callable[[str], Experiments], device: str) -> None:
        self._experiments = experiments
        self._gpu = device == "auto" or device_kind(device) == "cuda"
        self._rates, self._asked = read_rates(device), read_rates("cuda" if self._gpu else "cpu")
        self._margins: dict[str, Any] = config.load("rates")["requests"]
        self.evaluation_threads = self._rates.evaluation_threads

    def __call__(
        self, costs: Callable[[Experiments, Any], Cost], threads: Any = None
    ) -> dict[str, Any]:
        """Return what a rule declares; what its jobs have nothing of, Snakemake leaves out.

        Args:
            costs: takes a preset's experiments and wildcards as attributes.
            threads: of a rule that may have several, asked for as `cpus_per_task` too: Snakemake
                cuts a rule's `threads` to the cores of the login node.

        Returns:
            `mem_mb`, `runtime` (minutes) and `gpu`, with margins, and more at every further
            attempt; `estimate_ms`, the time without; `output_bytes`; counts of what is done.
        """

        @functools.cache  # Snakemake asks name by name
        def found(wildcards: tuple[tuple[str, str], ...], attempt: int) -> dict[str, int]:
            return self._evaluate(costs, dict(wildcards), attempt)

        def resource(name: str) -> Callable[[Any, int], int | None]:
            return lambda wildcards, attempt: found(tuple(wildcards.items()), attempt).get(name)

        cpus = {} if threads is None else {"cpus_per_task": threads}
        return cpus | {name: resource(name) for name in (*ASKED, *TOLD)}

    def _evaluate(
        self, costs: Callable[[Experiments, Any], Cost], names: dict[str, str], attempt: int
    ) -> dict[str, int]:
        plan = self._experiments(names.get("preset", PAPER_PRESET))
        cost, margins = costs(plan, SimpleNamespace(**names)), self._margins
        more = 1 + margins["memory_per_attempt"] * (attempt - 1)
        minutes = math.ceil(margins["time_margin"] * self._asked.job_seconds(cost) / 60)
        found = Counter(
            mem_mb=int((cost.memory_mb + margins["beside_mb"]) * more),
            runtime=max(margins["least_minutes"], minutes) * attempt,
            gpu=int(self._gpu and cost.on_device),
            estimate_ms=round(1000 * self._rates.job_seconds(cost)),
            output_bytes=round(cost.disk_bytes),
        )
        for work in cost.work:
            if name := COUNTED.get(work.unit):
                found[name] += round(work.count or work.amount)
        return {name: number for name, number in found.items() if number}


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
        **{name: sum(each.get(name, 0) for each in asked) for name in COUNTS},
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
