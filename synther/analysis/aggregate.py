"""Aggregates over datasets with bootstrap intervals, by rliable.

Source: Agarwal et al., "Deep Reinforcement Learning at the Edge of the Statistical Precipice",
NeurIPS 2021, arXiv 2108.13264.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from rliable import library, metrics

METRICS = ("iqm", "median", "mean", "optimality_gap")
"""Aggregates of one algorithm: all in score units (0 to 100) but the optimality gap (0 to 1)."""
FULL_SCORE = 100.0
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A point estimate with the bounds of its 95% interval; bounds are NaN for a single seed."""

    value: float
    low: float
    high: float


@contextmanager
def seeded_numpy(seed: int) -> Iterator[None]:
    """Seed numpy's global generator within the block, and put its state back afterwards.

    rliable 1.2.0 takes a `random_state` and ignores it: its bootstrap draws from the global
    generator, so this is the only way to make an interval repeatable.
    """
    state = np.random.get_state()  # noqa: NPY002
    np.random.seed(seed)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002


def _all_metrics(scores: np.ndarray) -> np.ndarray:
    return np.array(
        [
            metrics.aggregate_iqm(scores),
            metrics.aggregate_median(scores),
            metrics.aggregate_mean(scores),
            metrics.aggregate_optimality_gap(scores / FULL_SCORE),
        ]
    )


def probability(better: np.ndarray, baseline: np.ndarray) -> np.ndarray:
    """Return P(better > baseline), ties counted half, averaged over datasets; shape (1,).

    Equal to `rliable.metrics.probability_of_improvement` (Agarwal et al., section 4.3), which
    runs a Mann-Whitney test a dataset and resample and takes a hundred times as long.

    Args:
        better: (seeds, datasets) scores.
        baseline: (seeds, datasets) scores; the number of seeds may differ.
    """
    difference = better[:, None, :] - baseline[None, :, :]
    return np.array([np.mean((difference > 0) + 0.5 * (difference == 0))])


def aggregates(
    scores: Mapping[str, np.ndarray], reps: int, seed: int = 0
) -> dict[str, dict[str, Estimate]]:
    """Return IQM, median, mean and optimality gap of each algorithm, with 95% intervals.

    Intervals are percentiles of a bootstrap stratified by dataset: seeds are resampled within
    each. An algorithm's interval doesn't depend on which others are given.

    Args:
        scores: algorithm -> (seeds, datasets) scores, 0 to 100.
        reps: bootstrap resamples.
        seed: of the resampling.

    Returns:
        algorithm -> metric (of `METRICS`) -> estimate.
    """
    estimates = {}
    for name, matrix in scores.items():
        point = _all_metrics(matrix)
        if len(matrix) > 1:
            with seeded_numpy(seed):
                _, found = library.get_interval_estimates(
                    {name: matrix}, _all_metrics, reps=reps, confidence_interval_size=CONFIDENCE
                )
            low, high = found[name]
        else:
            low = high = np.full(len(METRICS), np.nan)
        estimates[name] = {
            metric: Estimate(float(point[index]), float(low[index]), float(high[index]))
            for index, metric in enumerate(METRICS)
        }
    return estimates


def probability_of_improvement(
    better: np.ndarray, baseline: np.ndarray, reps: int, seed: int = 0
) -> Estimate:
    """Return P(better > baseline) averaged over datasets, with its 95% interval.

    Args:
        better: (seeds, datasets) scores.
        baseline: (seeds, datasets) scores on the same datasets.
        reps: bootstrap resamples, of both sides independently.
        seed: of the resampling.
    """
    point = float(probability(better, baseline)[0])
    if min(len(better), len(baseline)) < 2:
        return Estimate(point, float("nan"), float("nan"))
    with seeded_numpy(seed):
        _, found = library.get_interval_estimates(
            {"pair": [better, baseline]},
            probability,
            reps=reps,
            confidence_interval_size=CONFIDENCE,
        )
    low, high = found["pair"]
    return Estimate(point, float(low[0]), float(high[0]))
