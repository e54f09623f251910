"""How samples compare with others: resampled by columns, or at equal distance to the data."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from synther.statistics import intervals
from synther.statistics.intervals import Estimate

BINS, LEAST, MOST = 10, 20, 500
"""Of distances to the data: bins, samples that one needs, and samples of one that are looked at."""
BLOCK = 1000
"""Resamples made at once."""


def marginals(gaps: Sequence[np.ndarray], reps: int) -> Estimate:
    """Return the mean over strata of the mean over columns, resampling these.

    Args:
        gaps: a stratum, how much higher the score of each column is; NaN where it has none.
        reps: bootstrap resamples.
    """
    return intervals.bootstrap(intervals.mean, [gap[~np.isnan(gap)] for gap in gaps], reps)


def correlations(gaps: Sequence[np.ndarray], reps: int) -> Estimate:
    """Return the mean over strata of the mean over pairs of columns, resampling columns.

    Columns are what is resampled, not pairs: those that share a column are no two observations.

    Args:
        gaps: a stratum, a symmetric matrix of values (columns, columns); NaN where a pair has
            none. The diagonal counts for nothing.
        reps: bootstrap resamples; those without a single pair, of few columns, are left out.
    """
    generator = np.random.default_rng(0)
    values, found = [], []
    for matrix in gaps:
        known = ~np.isnan(matrix)
        np.fill_diagonal(known, val=False)
        filled = np.where(known, matrix, 0.0)
        values.append(filled.sum() / known.sum())
        means = []
        for counts in _counts(len(matrix), reps, generator):
            sums = ((counts @ filled) * counts).sum(axis=1)
            pairs = ((counts @ known) * counts).sum(axis=1)
            means.append(sums / np.where(pairs > 0, pairs, np.nan))
        found.append(np.concatenate(means))
    resampled = np.mean(found, axis=0)
    return intervals.percentiles(float(np.mean(values)), resampled[~np.isnan(resampled)])


def _counts(columns: int, reps: int, generator: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield how often each column is in a resample of as many, (resamples, columns)."""
    even = np.full(columns, 1 / columns)
    for start in range(0, reps, BLOCK):
        yield generator.multinomial(columns, even, size=min(BLOCK, reps - start)).astype(float)


def dynamics(pairs: Sequence[tuple[pd.DataFrame, pd.DataFrame]], reps: int) -> tuple[Estimate, int]:
    """Return how many times lower our mean squared error is at equal distance to the data.

    Args:
        pairs: a stratum, rows of `synther fidelity` of ours and of theirs.
        reps: bootstrap resamples of the samples in each bin of distance.

    Returns:
        The geometric mean of the ratios of all bins, and how many bins there are: NaN without any.
    """
    bins = [one for ours, theirs in pairs for one in matched_bins(ours, theirs)]
    if not bins:
        return Estimate(math.nan), 0

    def log_mean(*samples: np.ndarray, axis: int) -> np.ndarray:
        return np.mean([np.log(sample.mean(axis=axis)) for sample in samples], axis=0)

    lower = intervals.versus(log_mean, lambda ours, theirs: np.exp(theirs - ours))
    samples = [*(ours for ours, _ in bins), *(theirs for _, theirs in bins)]
    return intervals.bootstrap(lower, samples, reps), len(bins)


def matched_bins(ours: pd.DataFrame, theirs: pd.DataFrame) -> list[list[np.ndarray]]:
    """Return squared errors of samples at equal distance to the data: a pair of arrays a bin.

    Bins hold equal numbers of both sides' samples between the distances that both have; those
    with fewer than `LEAST` of a side are left out, and of more than `MOST` an even choice is kept.

    Args:
        ours: rows of `synther fidelity` with `distance` and `mse`; NaN where no outcome is known.
        theirs: likewise.
    """
    sides = [rows[rows["mse"].notna()].sort_values("distance") for rows in (ours, theirs)]
    distances = [side["distance"].to_numpy() for side in sides]
    if not all(map(len, distances)):
        return []
    low, high = max(d[0] for d in distances), min(d[-1] for d in distances)
    common = np.concatenate([d[(d >= low) & (d <= high)] for d in distances])
    if low >= high or not len(common):
        return []
    edges = np.unique(np.quantile(common, np.linspace(0, 1, BINS + 1)))
    bins = []
    for start, end in pairwise(edges):
        parts = []
        for side, distance in zip(sides, distances, strict=True):
            errors = side["mse"].to_numpy()[(distance >= start) & (distance < end)]
            parts.append(errors[:: max(1, -(-len(errors) // MOST))])
        if all(len(part) >= LEAST and part.mean() > 0 for part in parts):
            bins.append(parts)
    return bins
