from __future__ import annotations

import numpy as np
import pytest
from rliable import library, metrics
from synther.analysis import aggregate, bootstrap


@pytest.fixture
def matrix() -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 120, size=(8, 5))


def test_statistics_by_hand() -> None:
    high = np.array([[[3.0, 10.0], [5.0, 30.0]]])
    low = np.array([[[1.0, 10.0], [5.0, 12.0], [0.0, 20.0]]])
    assert bootstrap.mean(high) == [12.0]
    assert bootstrap.iqm(high) == [7.5]  # of 3 5 10 30 the middle half
    assert bootstrap.iqm(low) == [7.0]  # of 0 1 5 10 12 20, a quarter of six is cut to one
    assert bootstrap.mean_difference(high, low) == [4.0]
    assert bootstrap.iqm_difference(high, low) == [0.5]
    assert bootstrap.relative_change(high, low) == [50.0]
    # first dataset: 3 > 1, 0 and not 5; 5 > 1, 0 and = 5; second: 10 = 10; 30 above all
    assert bootstrap.probability(high, low) == pytest.approx((4.5 / 6 + 3.5 / 6) / 2)
    assert np.isnan(bootstrap.relative_change(high, -low)).all()


def test_point_estimates_are_rliables(matrix: np.ndarray) -> None:
    other = np.round(matrix[:6] + 3)
    assert bootstrap.iqm(matrix[None])[0] == pytest.approx(metrics.aggregate_iqm(matrix))
    theirs = metrics.probability_of_improvement(np.round(matrix), other)
    ours = bootstrap.probability(np.round(matrix)[None], other[None])[0]
    assert ours == pytest.approx(theirs)


def test_intervals_are_rliables_but_for_the_draw(matrix: np.ndarray) -> None:
    other = np.random.default_rng(1).uniform(20, 130, size=(6, 5))
    state = np.random.get_state()  # noqa: NPY002  rliable draws from the global generator
    np.random.seed(0)  # noqa: NPY002
    metric = {
        "iqm": metrics.aggregate_iqm,
        "median": metrics.aggregate_median,
        "mean": metrics.aggregate_mean,
        "optimality_gap": lambda scores: metrics.aggregate_optimality_gap(scores / 100),
    }
    values, bounds = library.get_interval_estimates(
        {"a": matrix}, lambda s: np.array([m(s) for m in metric.values()]), reps=3000
    )
    pair = {"a,b": [matrix, other]}
    improvement = library.get_interval_estimates(
        pair, lambda a, b: np.array([metrics.probability_of_improvement(a, b)]), reps=500
    )
    np.random.set_state(state)  # noqa: NPY002
    ours = aggregate.aggregates({"a": matrix}, reps=4000)["a"]
    rows = [(ours[name], values["a"][i], bounds["a"][:, i]) for i, name in enumerate(metric)]
    better = aggregate.probability_of_improvement(matrix, other, reps=4000)
    rows.append((better, improvement[0]["a,b"][0], improvement[1]["a,b"][:, 0]))
    for found, value, (low, high) in rows:
        assert found.value == pytest.approx(value)
        assert found.low == pytest.approx(low, abs=0.1 * (high - low))
        assert found.high == pytest.approx(high, abs=0.1 * (high - low))


def test_resamples_of_two_seeds_have_a_known_distribution() -> None:
    # a mean of two draws from {0, 8} is 0, 4 or 8; both ends have a quarter of the probability
    two = np.array([[0.0], [8.0]])
    assert bootstrap.estimate(bootstrap.mean, two, reps=400) == bootstrap.Estimate(4.0, 0.0, 8.0)
    # within datasets: a constant one never lends its scores to the other
    paired = np.array([[0.0, 100.0], [8.0, 100.0]])
    found = bootstrap.estimate(bootstrap.mean, paired, reps=400)
    assert found == bootstrap.Estimate(52.0, 50.0, 54.0)


def test_both_sides_are_resampled_independently(matrix: np.ndarray) -> None:
    found = bootstrap.estimate(bootstrap.mean_difference, matrix, matrix, reps=2000)
    seeds, datasets = matrix.shape
    deviation = np.sqrt(2 * (matrix.var(axis=0) / seeds).sum()) / datasets
    assert found.value == 0.0
    assert found.high - found.low == pytest.approx(2 * 1.96 * deviation, rel=0.08)


def test_it_repeats_and_leaves_numpys_global_generator_alone(matrix: np.ndarray) -> None:
    before = np.random.get_state(legacy=False)  # noqa: NPY002
    first = bootstrap.estimate(bootstrap.iqm, matrix, reps=50, seed=1)
    assert first == bootstrap.estimate(bootstrap.iqm, matrix, reps=50, seed=1)
    assert first != bootstrap.estimate(bootstrap.iqm, matrix, reps=50, seed=2)
    after = np.random.get_state(legacy=False)  # noqa: NPY002
    np.testing.assert_array_equal(before["state"]["key"], after["state"]["key"])
    assert before["state"]["pos"] == after["state"]["pos"]


def test_no_interval_from_one_seed_or_of_what_is_undefined(matrix: np.ndarray) -> None:
    one = bootstrap.estimate(bootstrap.mean_difference, matrix, matrix[:1], reps=50)
    assert np.isnan([one.low, one.high]).all()
    assert not np.isnan(one.value)
    # the mean is above zero, but not that of every resample
    around = np.array([[-5.0], [6.0]])
    change = bootstrap.estimate(bootstrap.relative_change, matrix[:, :1], around, reps=50)
    assert np.isnan([change.low, change.high]).all()
    assert not np.isnan(change.value)


def test_pairs_are_resampled_by_their_columns() -> None:
    """Against a loop over resamples that lists every pair of drawn columns."""
    generator = np.random.default_rng(1)
    matrix = generator.normal(size=(6, 6))
    matrix = matrix + matrix.T
    matrix[0, 3] = matrix[3, 0] = np.nan
    found = bootstrap.of_pairs([matrix, matrix + 1], reps=4000)
    upper = matrix[np.triu_indices(6, k=1)]
    assert found.value == pytest.approx(np.nanmean(upper) + 0.5)
    means = []
    for _ in range(4000):
        sides = []
        for shift in (0, 1):
            drawn = generator.integers(6, size=6)
            values = [
                matrix[i, j] + shift
                for n, i in enumerate(drawn)
                for j in drawn[n + 1 :]
                if i != j and not np.isnan(matrix[i, j])
            ]
            sides += [np.mean(values)] if values else []
        means += [np.mean(sides)] if len(sides) == 2 else []
    expected = np.percentile(means, [2.5, 97.5])
    np.testing.assert_allclose([found.low, found.high], expected, atol=0.1)
    pairs = bootstrap.stratified(
        lambda parts: np.mean([part[0] for part in parts], axis=0),
        [[upper[~np.isnan(upper)]], [upper[~np.isnan(upper)] + 1]],
        reps=4000,
    )
    assert found.high - found.low > 1.2 * (pairs.high - pairs.low)


def test_a_wider_confidence_is_a_wider_interval() -> None:
    scores = np.random.default_rng(0).normal(size=(8, 3))
    narrow = bootstrap.estimate(bootstrap.mean, scores, reps=2000)
    wide = bootstrap.estimate(bootstrap.mean, scores, reps=2000, confidence=0.99)
    assert wide.low < narrow.low < narrow.value == wide.value < narrow.high < wide.high
