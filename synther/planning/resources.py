"""What rules declare as Snakemake's `resources`: what their jobs ask for, and what they do."""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

from synther import config
from synther.experiments import PAPER_PRESET, Experiments
from synther.planning.rates import COUNTED, Cost, device_kind, read_rates

ASKED = ("mem_mb", "runtime", "gpu")
"""What a scheduler grants."""
TOLD = ("estimate_ms", "output_bytes", *dict.fromkeys(COUNTED.values()))
"""What is there to be added up: no scheduler knows these names, and they limit nothing."""


class RuleResources:
    """The resources of rules, as functions of wildcards and attempt.

    Args:
        presets: every preset's experiments.
        device: where jobs compute: cpu, cuda, cuda:N, or auto, which asks for a GPU: a job that
            gets none computes on the CPU.
    """

    def __init__(self, presets: Mapping[str, Experiments], device: str) -> None:
        self._presets = presets
        self._gpu = device == "auto" or device_kind(device) == "cuda"
        self._rates, self._asked = read_rates(device), read_rates("cuda" if self._gpu else "cpu")
        self._margins: dict[str, Any] = config.load("rates")["requests"]
        self.evaluation_threads = self._rates.evaluation_threads

    def __call__(self, costs: Callable[[Experiments, Any], Cost]) -> dict[str, Any]:
        """Return what a rule declares; what its jobs have nothing of, Snakemake leaves out.

        Args:
            costs: takes a preset's experiments and wildcards as attributes.

        Returns:
            `mem_mb`, `runtime` (minutes) and `gpu`, with margins, and more at every further
            attempt; `estimate_ms`, the time without; `output_bytes`; counts of what is done.
        """

        @functools.cache  # Snakemake asks name by name
        def found(wildcards: tuple[tuple[str, str], ...], attempt: int) -> dict[str, int]:
            return self._evaluate(costs, dict(wildcards), attempt)

        def resource(name: str) -> Callable[[Any, int], int | None]:
            return lambda wildcards, attempt: found(tuple(wildcards.items()), attempt).get(name)

        return {name: resource(name) for name in (*ASKED, *TOLD)}

    def _evaluate(
        self, costs: Callable[[Experiments, Any], Cost], names: dict[str, str], attempt: int
    ) -> dict[str, int]:
        plan = self._presets[names.get("preset", PAPER_PRESET)]
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
