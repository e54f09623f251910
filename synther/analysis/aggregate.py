"""Aggregates over datasets with bootstrap intervals, as rliable defines them.

Source: Agarwal et al., "Deep Reinforcement Learning at the Edge of the Statistical Precipice",
NeurIPS 2021, arXiv 2108.13264. rliable's own bootstrap runs one resample after another, and its
probability of improvement a Mann-Whitney test a dataset and resample: minutes for a table at 50,000
repetitions, which `bootstrap.py` takes seconds for.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from synther.analysis import bootstrap
from synther.analysis.bootstrap import Estimate

METRICS = {
    "iqm": bootstrap.iqm,
    "median": bootstrap.median,
    "mean": bootstrap.mean,
    "optimality_gap": bootstrap.optimality_gap,
}
"""Aggregates of one algorithm: all in score units (0 to 100) but the optimality gap (0 to 1)."""


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
    rules = list(METRICS.values())
    return {
        name: dict(
            zip(METRICS, bootstrap.estimates(rules, matrix, reps=reps, seed=seed), strict=True)
        )
        for name, matrix in scores.items()
    }


def probability_of_improvement(
    better: np.ndarray, baseline: np.ndarray, reps: int, seed: int = 0
) -> Estimate:
    """Return P(better > baseline) averaged over datasets, with its 95% interval.

    Args:
        better: (seeds, datasets) scores.
        baseline: (seeds, datasets) scores on the same datasets; the number of seeds may differ.
        reps: bootstrap resamples, of both sides independently.
        seed: of the resampling.
    """
    return bootstrap.estimate(bootstrap.probability, better, baseline, reps=reps, seed=seed)
