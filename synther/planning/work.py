"""A job of the workflow as what it does, counted, so that rates turn it into time."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

BENCHED_SEEDS = 8
"""Seeds that are trained together where an agent's rate is measured: the paper preset's."""
BENCHED_CALLS = 255
"""Network calls a sample where sampling is measured: 128 steps of Heun's method."""
_LARGE_DATASET = 800_000
_INPUTS = 64
"""What stands for inputs and outputs beside hidden layers: a few dozen on every task."""


@dataclass(frozen=True)
class Work:
    """So many units of one kind.

    Attributes:
        unit: what is done, a key of config/rates.yaml.
        name: the agent's or task's, where rates differ by it.
        amount: units as rates count them.
        size: what one costs of what it costs where the rate was measured.
        count: units as a reader counts them (seed updates where a stack updates once).
    """

    unit: str
    amount: float
    name: str = ""
    size: float = 1.0
    count: float = 0.0


@dataclass(frozen=True)
class Job:
    """One job: where it reads and writes, what it does and needs.

    Attributes:
        rule: its rule in workflow/rules/.
        outputs, needs: files, relative to the repository's root; the first output names the job.
        log: its log.
        threads, memory_mb: what the rule asks for on the first attempt.
        disk_bytes: of all outputs.
        on_device: it computes on `--device`, so that it takes a GPU where there is one.
        work: what it does.
    """

    rule: str
    outputs: tuple[str, ...]
    needs: tuple[str, ...]
    log: str
    threads: int = 1
    memory_mb: int = 2000
    disk_bytes: float = 0.0
    on_device: bool = False
    work: tuple[Work, ...] = field(default=())

    def counted(self, unit: str) -> float:
        """Return how many of a unit the job does, as a reader counts them."""
        return sum(work.count or work.amount for work in self.work if work.unit == unit)


def network_size(settings: Mapping[str, Any]) -> float:
    """Return the multiplications of an agent's update, up to a factor that its class decides.

    Args:
        settings: an agent's: `hidden`, `batch_size`, `num_critics` where it has them.
    """
    hidden = [int(width) for width in settings["hidden"]]
    inner = sum(a * b for a, b in itertools.pairwise(hidden))
    networks = 1 + int(settings.get("num_critics", 2))
    return settings["batch_size"] * networks * (inner + _INPUTS * (hidden[0] + hidden[-1]))


def agent_updates(
    name: str, settings: Mapping[str, Any], reference: Mapping[str, Any], updates: int, seeds: int
) -> Work:
    """Return the updates of a stack of seeds.

    Args:
        name: the agent that has a rate: itself, or the one that it is like.
        settings, reference: the agent's here, and where its rate was measured.
        updates: of the stack.
        seeds: in the stack.
    """
    size = network_size(settings) / network_size(reference) * seeds / BENCHED_SEEDS
    return Work("agent_updates", updates, name, size, count=updates * seeds)


def denoiser_parameters(settings: Mapping[str, Any], columns: int) -> float:
    """Return how many parameters a denoiser has."""
    width, dim_t = settings["width"], settings["dim_t"]
    return settings["depth"] * width**2 + width * (dim_t + columns) + dim_t * (dim_t + columns)


def fit_batch(settings: Mapping[str, Any], transitions: int) -> int:
    """Return a diffusion model's batch: what is set, or what the released code takes."""
    return settings["batch_size"] or (1024 if transitions >= _LARGE_DATASET else 256)


def diffusion_fit(
    settings: Mapping[str, Any],
    reference: Mapping[str, Any],
    columns: int,
    transitions: int,
    fits: float = 1.0,
) -> Work:
    """Return the training of a denoiser (of `fits` of them) on rows of so many columns."""
    size = denoiser_parameters(settings, columns) / denoiser_parameters(reference, columns)
    steps = settings["steps"] * fits
    rows = steps * fit_batch(settings, transitions)
    return Work("diffusion_fit_rows", rows, size=size, count=steps)


def diffusion_samples(
    generator: str,
    settings: Mapping[str, Any],
    reference: Mapping[str, Any],
    columns: int,
    samples: float,
) -> Work:
    """Return the sampling of so many rows."""
    size = denoiser_parameters(settings, columns) / denoiser_parameters(reference, columns)
    # Heun's method calls twice a step; only a diffusion's last step is Euler's. Guidance doubles.
    calls = 2 * settings["sampling_steps"] - (generator != "flow")
    size *= calls / BENCHED_CALLS * (2 if generator == "prioritised" else 1)
    return Work("samples", samples, size=size)
