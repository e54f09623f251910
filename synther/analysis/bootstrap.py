"""Percentile bootstrap, stratified by dataset, of any statistic of one or two sets of scores.

The same procedure as rliable's (Agarwal et al. 2021, arXiv 2108.13264, section 3), whose tables
of aggregates `aggregate.py` uses; here all resamples are one array, which makes the many cells of
a curve a hundred times faster, and numpy's global generator is not drawn from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from synther.analysis.aggregate import CONFIDENCE, FULL_SCORE, Estimate

Statistic = Callable[..., np.ndarray]
"""Takes one or more arrays (resamples, seeds, datasets); returns one number a resample."""
BAND_REPS = 2000
"""Most resamples of a band's interval, of which a figure has hundreds."""


def mean(scores: np.ndarray) -> np.ndarray:
    """Return the mean over seeds and datasets; (resamples,)."""
    return scores.mean(axis=(1, 2))


def iqm(scores: np.ndarray) -> np.ndarray:
    """Return the mean of the middle half of all seeds' scores on all datasets; (resamples,)."""
    ordered = np.sort(scores.reshape(len(scores), -1), axis=1)
    cut = ordered.shape[1] // 4
    return ordered[:, cut : ordered.shape[1] - cut].mean(axis=1)


def median(scores: np.ndarray) -> np.ndarray:
    """Return the median over datasets of the mean over seeds; (resamples,)."""
    return np.median(scores.mean(axis=1), axis=1)


def optimality_gap(scores: np.ndarray) -> np.ndarray:
    """Return the mean shortfall from a score of 100, as a fraction; (resamples,)."""
    return 1 - np.minimum(scores / FULL_SCORE, 1).mean(axis=(1, 2))


def share_above(threshold: float) -> Statistic:
    """Return the statistic of the share of all seeds' scores, on all datasets, above a threshold.

    A point of a performance profile (Agarwal et al. 2021, section 4.2: the run-score distribution).
    """
    return lambda scores: (scores > threshold).mean(axis=(1, 2))


def mean_difference(scores: np.ndarray, baseline: np.ndarray) -> np.ndarray:
    """Return how much higher the mean is than the baseline's; (resamples,)."""
    return mean(scores) - mean(baseline)


def iqm_difference(scores: np.ndarray, baseline: np.ndarray) -> np.ndarray:
    """Return how much higher the IQM is than the baseline's; (resamples,)."""
    return iqm(scores) - iqm(baseline)


def relative_change(scores: np.ndarray, baseline: np.ndarray) -> np.ndarray:
    """Return the mean relative to the baseline's, in percent above it; (resamples,).

    NaN where the baseline's mean isn't above zero: a ratio to it would say nothing.
    """
    below = mean(baseline)
    below = np.where(below > 0, below, np.nan)
    return 100 * (mean(scores) / below - 1)


def probability(scores: np.ndarray, baseline: np.ndarray) -> np.ndarray:
    """Return P(score > baseline), ties counted half, averaged over datasets; (resamples,)."""
    wins = np.zeros(len(scores))
    for dataset in range(scores.shape[2]):
        gap = scores[:, :, None, dataset] - baseline[:, None, :, dataset]
        wins += ((gap > 0) + 0.5 * (gap == 0)).mean(axis=(1, 2))
    return wins / scores.shape[2]


def _resample(matrix: np.ndarray, reps: int, generator: np.random.Generator) -> np.ndarray:
    seeds, datasets = matrix.shape
    chosen = generator.integers(seeds, size=(reps, seeds, datasets))
    return matrix[chosen, np.arange(datasets)]


_BLOCK = 1000


def interval(value: float, found: np.ndarray) -> Estimate:
    """Return a value with the 95% percentile interval of its resamples."""
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(found, [tail, 100 - tail])
    return Estimate(value, float(low), float(high))


def stratified(
    combine: Callable[[Sequence[Sequence[np.ndarray]]], np.ndarray],
    strata: Sequence[Sequence[np.ndarray]],
    reps: int,
    seed: int = 0,
) -> Estimate:
    """Return a function of means with its 95% interval; values are resampled within each stratum.

    Unlike `estimate`'s, strata may be of any sizes, and are all of what is compared.

    Args:
        combine: takes, a stratum, the means of its arrays, each (resamples,); returns (resamples,).
        strata: a stratum, one or more arrays of values, resampled independently of one another.
        reps: bootstrap resamples.
        seed: of the resampling.
    """
    point = [[np.array([part.mean()]) for part in parts] for parts in strata]
    generator = np.random.default_rng(seed)

    def resampled(part: np.ndarray) -> np.ndarray:
        blocks = range(0, reps, _BLOCK)  # of resamples, so that memory stays small
        sizes = [(min(_BLOCK, reps - start), len(part)) for start in blocks]
        drawn = [part[generator.integers(len(part), size=size)].mean(axis=1) for size in sizes]
        return np.concatenate(drawn)

    means = [[resampled(part) for part in parts] for parts in strata]
    return interval(float(combine(point)[0]), combine(means))


def estimate(statistic: Statistic, *matrices: np.ndarray, reps: int, seed: int = 0) -> Estimate:
    """Return a statistic with its 95% interval; seeds are resampled within each dataset.

    Args:
        statistic: one of this module's, or another of its form.
        matrices: (seeds, datasets) scores, resampled independently of one another.
        reps: bootstrap resamples.
        seed: of the resampling.

    Returns:
        The estimate; its bounds are NaN with a single seed, or if the statistic is undefined (NaN)
        in any resample.
    """
    value = float(statistic(*(matrix[None] for matrix in matrices))[0])
    if min(len(matrix) for matrix in matrices) < 2:
        return Estimate(value, float("nan"), float("nan"))
    generator = np.random.default_rng(seed)
    return interval(value, statistic(*(_resample(m, reps, generator) for m in matrices)))
