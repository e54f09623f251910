"""Aggregates with their intervals, against rliable's own bootstrap."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
from rliable import library, metrics

from synther.analysis import aggregate
from synther.bench.measure import Measurement, rate

REPS = 50_000
SEEDS, DATASETS = 8, 15
TARGET_SECONDS = 10.0
"""For every aggregate of every table, which is about `TABLES` times Table 1's of one agent."""
AGENTS, SOURCES = 3, 2


def measure(device: str, reps: int = REPS, theirs: int = 200) -> Iterator[Measurement]:
    """Measure all aggregates of Table 1: three agents on two sources, one pair of them each.

    rliable's time is that of `theirs` repetitions, to which it is proportional.
    """
    generator = np.random.default_rng(0)
    scores = [
        {f"{s}": generator.normal(60, 20, (SEEDS, DATASETS)) for s in range(SOURCES)}
        for _ in range(AGENTS)
    ]
    started = time.perf_counter()
    for matrices in scores:
        aggregate.aggregates(matrices, reps)
        aggregate.probability_of_improvement(matrices["1"], matrices["0"], reps)
    took = time.perf_counter() - started
    limit = _rliable(scores[0], theirs) * AGENTS * reps / theirs
    name = f"every aggregate of Table 1, {reps:,} repetitions"
    yield rate(
        "aggregates", name, "repetitions/s", reps / took, reps / limit, "rliable's own functions"
    )
    yield Measurement(
        "aggregates", name, took, "s", target=TARGET_SECONDS * reps / REPS, at_most=True
    )


def _rliable(scores: dict[str, np.ndarray], reps: int) -> float:
    started = time.perf_counter()

    def all_metrics(matrix: np.ndarray) -> np.ndarray:
        return np.array(
            [
                metrics.aggregate_iqm(matrix),
                metrics.aggregate_median(matrix),
                metrics.aggregate_mean(matrix),
                metrics.aggregate_optimality_gap(matrix),
            ]
        )

    def improvement(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.array([metrics.probability_of_improvement(a, b)])

    library.get_interval_estimates(scores, all_metrics, reps=reps)
    library.get_interval_estimates({"1,0": [scores["1"], scores["0"]]}, improvement, reps=reps)
    return time.perf_counter() - started
