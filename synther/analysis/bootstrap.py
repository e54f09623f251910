"""Percentile bootstrap, stratified by dataset, of any statistic of one or two sets of scores.

The same procedure as rliable's (Agarwal et al. 2021, arXiv 2108.13264, section 3), which tests hold
it against; here thousands of resamples are one array, and numpy's global generator, from which
rliable 1.2.0 draws whatever `random_state` it is given, is left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

Statistic = Callable[..., np.ndarray]
"""Takes one or more arrays (resamples, seeds, datasets); returns one number a resample."""
FULL_SCORE = 100.0
CONFIDENCE = 0.95
BAND_REPS = 2000
"""Most resamples of a band's interval, of which a figure has hundreds."""


@dataclass(frozen=True)
class Estimate:
    """A point estimate with the bounds of its 95% interval; bounds are NaN for a single seed."""

    value: float
    low: float
    high: float


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
"""Resamples made at once: few enough for a CPU's cache."""


def _blocks(reps: int) -> list[int]:
    return [min(_BLOCK, reps - start) for start in range(0, reps, _BLOCK)]


def interval(value: float, found: np.ndarray, confidence: float = CONFIDENCE) -> Estimate:
    """Return a value with the percentile interval of its resamples."""
    tail = 50 * (1 - confidence)
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
        sizes = [(block, len(part)) for block in _blocks(reps)]
        drawn = [part[generator.integers(len(part), size=size)].mean(axis=1) for size in sizes]
        return np.concatenate(drawn)

    means = [[resampled(part) for part in parts] for parts in strata]
    return interval(float(combine(point)[0]), combine(means))


def of_pairs(strata: Sequence[np.ndarray], reps: int, seed: int = 0) -> Estimate:
    """Return the mean over strata of the mean over pairs of columns, with its 95% interval.

    Columns are what is resampled, not pairs: those that share a column are no two observations.

    Args:
        strata: a stratum, a symmetric matrix of values (columns, columns); NaN where a pair has
            none. The diagonal counts for nothing.
        reps: bootstrap resamples; those without a single pair, of few columns, are left out.
        seed: of the resampling.
    """
    generator = np.random.default_rng(seed)
    values, found = [], []
    for matrix in strata:
        known = ~np.isnan(matrix)
        np.fill_diagonal(known, val=False)
        filled, columns = np.where(known, matrix, 0.0), len(matrix)
        values.append(filled.sum() / known.sum())
        means = []
        for block in _blocks(reps):
            drawn = generator.integers(columns, size=(block, columns))
            counts = (drawn[:, :, None] == np.arange(columns)).sum(axis=1).astype(float)
            sums = ((counts @ filled) * counts).sum(axis=1)
            pairs = ((counts @ known) * counts).sum(axis=1)
            means.append(sums / np.where(pairs > 0, pairs, np.nan))
        found.append(np.concatenate(means))
    resampled = np.mean(found, axis=0)
    return interval(float(np.mean(values)), resampled[~np.isnan(resampled)])


def estimate(
    statistic: Statistic,
    *matrices: np.ndarray,
    reps: int,
    seed: int = 0,
    confidence: float = CONFIDENCE,
) -> Estimate:
    """Return a statistic with its interval: one of `estimates`."""
    return estimates([statistic], *matrices, reps=reps, seed=seed, confidence=confidence)[0]


def estimates(
    statistics: Sequence[Statistic],
    *matrices: np.ndarray,
    reps: int,
    seed: int = 0,
    confidence: float = CONFIDENCE,
) -> list[Estimate]:
    """Return statistics with their intervals; seeds are resampled within each dataset.

    Args:
        statistics: of this module's, or others of their form; all see the same resamples.
        matrices: (seeds, datasets) scores, resampled independently of one another.
        reps: bootstrap resamples.
        seed: of the resampling.
        confidence: of the intervals.

    Returns:
        An estimate a statistic; its bounds are NaN with a single seed, or if the statistic is
        undefined (NaN) in any resample.
    """
    values = [
        float(statistic(*(matrix[None] for matrix in matrices))[0]) for statistic in statistics
    ]
    if min(len(matrix) for matrix in matrices) < 2:
        return [Estimate(value, float("nan"), float("nan")) for value in values]
    generator = np.random.default_rng(seed)
    found: list[list[np.ndarray]] = [[] for _ in statistics]
    for block in _blocks(reps):
        drawn = [_resample(matrix, block, generator) for matrix in matrices]
        for part, statistic in zip(found, statistics, strict=True):
            part.append(statistic(*drawn))
    return [
        interval(value, np.concatenate(parts), confidence)
        for value, parts in zip(values, found, strict=True)
    ]
