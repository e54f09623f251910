"""How samples compare with others: resampled by columns, or at equal distance to the data."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from synther.statistics import intervals
from synther.statistics.intervals import Estimate
from synther.statistics.measures import Measured

BINS, LEAST, MOST = 10, 20, 500
"""Of distances to the data: bins, samples that one needs, and samples of one that are looked at."""


def compare(
    measure: str, pairs: Sequence[tuple[Measured, Measured]], reps: int
) -> tuple[Estimate, str]:
    """Return how our samples compare with theirs, and what else there is to say.

    Args:
        measure: marginal, correlation or dynamics.
        pairs: a stratum, what was measured of ours and of theirs.
        reps: bootstrap resamples.
    """
    if measure == "dynamics":
        found, bins = dynamics([(ours[1], theirs[1]) for ours, theirs in pairs], reps)
        if not bins:
            return found, "no distance that both have samples at"
        return found, f"{bins} bin{'' if bins == 1 else 's'} of distance"
    entry, rule = {
        "marginal": ("ks_complement", marginals),
        "correlation": ("correlation_similarity", correlations),
    }[measure]
    scores = [[np.array(record[entry], dtype=float) for record, _ in pair] for pair in pairs]
    return rule([ours - theirs for ours, theirs in scores], reps), ""


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
    values, resampled = [], []
    for matrix in gaps:
        size = len(matrix)
        known = ~np.isnan(matrix) & ~np.eye(size, dtype=bool)
        filled = np.where(known, matrix, 0.0)
        values.append(filled.sum() / known.sum())
        counts = generator.multinomial(size, np.full(size, 1 / size), size=reps).astype(float)
        sums, pairs = (((counts @ each) * counts).sum(axis=1) for each in (filled, known))
        resampled.append(sums / np.where(pairs > 0, pairs, np.nan))
    means = np.mean(resampled, axis=0)
    return intervals.percentiles(float(np.mean(values)), means[~np.isnan(means)])


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
    ours, theirs = zip(*bins, strict=True)
    return intervals.bootstrap(lower, [*ours, *theirs], reps), len(bins)


def matched_bins(ours: pd.DataFrame, theirs: pd.DataFrame) -> list[list[np.ndarray]]:
    """Return squared errors of samples at equal distance to the data: a pair of arrays a bin.

    Bins hold equal numbers of both sides' samples between the distances that both have; those
    with fewer than `LEAST` of a side are left out, and of more than `MOST` an even choice is kept.

    Args:
        ours: rows of `synther fidelity` with `distance` and `mse`; NaN where no outcome is known.
        theirs: likewise.
    """
    sides = [rows.dropna(subset="mse").sort_values("distance") for rows in (ours, theirs)]
    low = np.max([side["distance"].min() for side in sides])
    high = np.min([side["distance"].max() for side in sides])
    if not low < high:  # or NaN, where one has none
        return []
    every = pd.concat(sides)["distance"]
    common = every[every.between(low, high)]
    edges = np.unique(np.quantile(common, np.linspace(0, 1, BINS + 1)))
    cut = [
        np.split(side["mse"].to_numpy(), np.searchsorted(side["distance"], edges))[1:-1]
        for side in sides
    ]
    bins = [[e[:: max(1, -(-len(e) // MOST))] for e in pair] for pair in zip(*cut, strict=True)]
    return [pair for pair in bins if all(len(e) >= LEAST and e.mean() > 0 for e in pair)]
