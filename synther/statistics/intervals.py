"""Point estimates with 95% intervals: percentiles of a bootstrap over seeds.

rliable computes what rliable defines (Agarwal et al. 2021, "Deep Reinforcement Learning at the Edge
of the Statistical Precipice", arXiv 2108.13264): aggregates, probability of improvement and
performance profiles. `scipy.stats.bootstrap` computes the rest: means of one dataset, differences,
ratios. Both resample seeds within each dataset, and both sides of a comparison independently.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

CONFIDENCE = 0.95
SEED = 0
"""Of all resampling: the same scores have the same intervals."""
FULL_SCORE = 100.0
BAND_REPS = 2000
"""Most resamples of what is computed hundreds of times or slowly: bands, probabilities."""
IMPROVEMENT = "probability_of_improvement"
AGGREGATES = {
    "iqm": "IQM",
    "median": "Median",
    "mean": "Mean",
    "optimality_gap": "Optimality gap",
}
"""Aggregates of one algorithm -> its name in print: in score units (0 to 100), but for these:"""
FRACTIONS = ("optimality_gap", IMPROVEMENT)
"""From 0 to 1."""


@dataclass(frozen=True)
class Estimate:
    """A point estimate with the bounds of its 95% interval; bounds are NaN for a single seed."""

    value: float
    low: float = float("nan")
    high: float = float("nan")


def percentiles(value: float, resampled: np.ndarray) -> Estimate:
    """Return a value with the percentile interval of its resamples."""
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(resampled, [tail, 100 - tail])
    return Estimate(float(value), float(low), float(high))


Records = list[dict[str, Any]]
"""Rows of a frame to be."""
Statistic = Callable[..., np.ndarray]
"""Takes samples as arrays and `axis`, the axis of their values, which it reduces."""


def bootstrap(
    statistic: Statistic,
    samples: Sequence[np.ndarray],
    reps: int,
    *,
    confidence: float = CONFIDENCE,
) -> Estimate:
    """Return a statistic of samples that are resampled independently, with its interval.

    Args:
        statistic: called with all samples and `axis=-1`, vectorised over the axes before it.
        samples: 1-d arrays of values, of any lengths.
        reps: resamples.
        confidence: of the interval.

    Returns:
        The estimate; its bounds are NaN where a sample has one value alone, or where the statistic
        is undefined (NaN) in a resample.
    """
    from scipy import stats

    samples = [np.asarray(sample, dtype=float) for sample in samples]
    value = float(statistic(*samples, axis=-1))
    if min(len(sample) for sample in samples) < 2:
        return Estimate(value)
    with warnings.catch_warnings():  # of samples whose values are all the same
        warnings.simplefilter("ignore")
        found = stats.bootstrap(
            samples,
            statistic,
            n_resamples=reps,
            batch=1000,
            vectorized=True,
            confidence_level=confidence,
            method="percentile",
            rng=np.random.default_rng(SEED),
        ).confidence_interval
    return Estimate(value, float(found.low), float(found.high))


def iqm(*samples: np.ndarray, axis: int = -1) -> np.ndarray:
    """Return the interquartile mean of all samples together: rliable's, as a `Statistic`."""
    from scipy import stats

    return stats.trim_mean(np.concatenate(samples, axis=axis), proportiontocut=0.25, axis=axis)


def mean(*samples: np.ndarray, axis: int = -1) -> np.ndarray:
    """Return the mean of the samples' means."""
    return np.mean([sample.mean(axis=axis) for sample in samples], axis=0)


def versus(rule: Statistic, combine: Callable[..., np.ndarray] = np.subtract) -> Statistic:
    """Return the statistic of what the first half of the samples is over the second half.

    Args:
        rule: of each half, such as `mean` or `iqm`.
        combine: takes both, the difference by default.
    """

    def statistic(*samples: np.ndarray, axis: int = -1) -> np.ndarray:
        half = len(samples) // 2
        return combine(rule(*samples[:half], axis=axis), rule(*samples[half:], axis=axis))

    return statistic


def relative_change(new: np.ndarray, old: np.ndarray) -> np.ndarray:
    """Return the change from `old` to `new` in percent; NaN where `old` isn't above zero."""
    return 100 * (new / np.where(old > 0, old, np.nan) - 1)


def columns(*matrices: np.ndarray) -> list[np.ndarray]:
    """Return the columns of (seeds, datasets) matrices: a sample a dataset, for `bootstrap`."""
    return [column for matrix in matrices for column in np.asarray(matrix).T]


@contextmanager
def _seeded() -> Iterator[None]:
    """Seed numpy's global generator, which rliable 1.2.0 draws from, and put it back."""
    before = np.random.get_state()  # noqa: NPY002
    np.random.seed(SEED)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(before)  # noqa: NPY002


def _rliable(
    scores: Mapping[str, Any], rule: Callable[..., np.ndarray], reps: int
) -> dict[str, list[Estimate]]:
    """Return rliable's estimates of what `rule` returns of each entry: an array, or a pair."""
    from rliable import library

    found = {}
    for name, entry in scores.items():  # each by itself: its interval depends on no other's
        sides = entry if isinstance(entry, tuple) else (entry,)
        values = np.atleast_1d(rule(*sides))
        bounds = np.full((2, len(values)), np.nan)
        if min(map(len, sides)) > 1:
            with _seeded():
                bounds = library.get_interval_estimates({name: entry}, rule, reps=reps)[1][name]
        found[name] = [Estimate(*map(float, each)) for each in zip(values, *bounds, strict=True)]
    return found


def aggregates(
    scores: Mapping[str, np.ndarray], reps: int, baseline: str = ""
) -> dict[str, dict[str, Estimate]]:
    """Return IQM, median, mean and optimality gap of each algorithm, by rliable.

    Args:
        scores: algorithm -> (seeds, datasets) scores, 0 to 100.
        reps: bootstrap resamples, stratified by dataset.
        baseline: the algorithm over which all others have `IMPROVEMENT` too, if it is there.

    Returns:
        algorithm -> metric (of `AGGREGATES`) -> estimate.
    """
    from rliable import metrics

    def rule(matrix: np.ndarray) -> np.ndarray:
        return np.array(
            [
                metrics.aggregate_iqm(matrix),
                metrics.aggregate_median(matrix),
                metrics.aggregate_mean(matrix),
                metrics.aggregate_optimality_gap(matrix / FULL_SCORE, gamma=1),
            ]
        )

    found = _rliable(scores, rule, reps).items()
    named = {name: dict(zip(AGGREGATES, own, strict=True)) for name, own in found}
    for name in scores if baseline in scores else ():
        if name != baseline:
            pair = scores[name], scores[baseline]
            named[name][IMPROVEMENT] = probability_of_improvement(*pair, reps)
    return named


def iqms(scores: Mapping[str, np.ndarray], reps: int) -> dict[str, list[Estimate]]:
    """Return the IQM over seeds and datasets at each evaluation: rliable's sample efficiency.

    Args:
        scores: algorithm -> (seeds, datasets, evaluations) scores.
        reps: bootstrap resamples, stratified by dataset.
    """

    def rule(cube: np.ndarray) -> np.ndarray:  # all at once, which rliable's own metric can't
        return iqm(cube.reshape(-1, cube.shape[-1]), axis=0)

    return _rliable(scores, rule, reps)


def probability_of_improvement(better: np.ndarray, baseline: np.ndarray, reps: int) -> Estimate:
    """Return P(better > baseline), ties counted half, averaged over datasets, by rliable.

    Args:
        better: (seeds, datasets) scores.
        baseline: (seeds, datasets) scores on the same datasets; the number of seeds may differ.
        reps: bootstrap resamples, of both sides independently; at most `BAND_REPS` are made.
    """
    from rliable import metrics

    rule = metrics.probability_of_improvement
    return _rliable({"pair": (better, baseline)}, rule, min(reps, BAND_REPS))["pair"][0]


def profiles(
    scores: Mapping[str, np.ndarray], thresholds: Sequence[float], reps: int
) -> dict[str, list[Estimate]]:
    """Return performance profiles by rliable: the share of all scores above each threshold.

    Args:
        scores: algorithm -> (seeds, datasets) scores.
        thresholds: scores.
        reps: bootstrap resamples, stratified by dataset.
    """
    from rliable import library

    def rule(matrix: np.ndarray) -> np.ndarray:
        return library.score_distributions(matrix, thresholds)

    return _rliable(scores, rule, reps)


def line(same: Mapping[str, Any], xs: Iterable[float], cube: np.ndarray, reps: int) -> Records:
    """Return a row a point: means over the seeds of one dataset or task, or IQMs over several.

    Args:
        same: what all rows have in common.
        xs: places.
        cube: (seeds, datasets, places) values.
        reps: bootstrap resamples.

    Returns:
        Rows with `x`, `seeds`, `value`, `low`, `high`, and `each` with one dataset's seeds.
    """
    seeds, datasets, count = cube.shape
    if datasets > 1:
        found = iqms({"": cube}, reps)[""]
    else:
        columns = (cube[:, 0, place] for place in range(count))
        found = [bootstrap(mean, [column], reps) for column in columns]
    return [
        {**same, "row": "point", "x": float(x), "seeds": seeds, **vars(value)}
        | {"each": [] if datasets > 1 else cube[:, 0, place].tolist()}
        for place, (x, value) in enumerate(zip(xs, found, strict=True))
    ]


def spread(each: Sequence[float]) -> float:
    """Return the sample standard deviation (ddof = 1) of seeds; NaN of fewer than two."""
    return float(np.std(each, ddof=1)) if len(each) > 1 else float("nan")
