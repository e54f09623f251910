"""Intervals: point estimates by their definitions, and widths that are known in closed form."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
from rliable import library, metrics

from synther.statistics import intervals
from synther.statistics.intervals import Estimate, versus


@pytest.fixture
def matrix() -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 120, size=(8, 5))


def of(rule: Callable[..., np.ndarray], *matrices: np.ndarray) -> float:
    return float(rule(*intervals.columns(*matrices)))


def test_statistics_by_hand() -> None:
    high = np.array([[3.0, 10.0], [5.0, 30.0]])
    low = np.array([[1.0, 10.0], [5.0, 12.0], [0.0, 20.0]])
    assert of(intervals.mean, high) == 12.0
    assert of(intervals.iqm, high) == 7.5  # of 3 5 10 30 the middle half
    assert of(intervals.iqm, low) == 7.0  # of 0 1 5 10 12 20, a quarter of six is cut to one
    assert of(versus(intervals.mean), high, low) == 4.0
    assert of(versus(intervals.iqm), high, low) == 0.5
    change = versus(intervals.mean, intervals.relative_change)
    assert of(change, high, low) == 50.0
    assert math.isnan(of(change, high, -low))  # a ratio to it would say nothing


def test_aggregates_by_their_definitions(matrix: np.ndarray) -> None:
    found = intervals.aggregates({"a": matrix}, reps=50)["a"]
    assert list(found) == list(intervals.AGGREGATES)
    ordered = np.sort(matrix.ravel())
    assert found["iqm"].value == pytest.approx(ordered[10:-10].mean())
    assert found["mean"].value == pytest.approx(matrix.mean())
    assert found["median"].value == pytest.approx(np.sort(matrix.mean(axis=0))[2])
    shortfall = [max(0.0, 1 - score / 100) for score in matrix.ravel()]
    assert found["optimality_gap"].value == pytest.approx(np.mean(shortfall))
    for estimate in found.values():
        assert estimate.low <= estimate.value <= estimate.high


def test_intervals_are_rliables_but_for_the_draw(matrix: np.ndarray) -> None:
    """rliable's own call, as its README has it, with another seed."""
    other = np.random.default_rng(1).uniform(20, 130, size=(6, 5))
    state = np.random.get_state()  # noqa: NPY002  rliable draws from the global generator
    np.random.seed(5)  # noqa: NPY002
    metric = {
        "iqm": metrics.aggregate_iqm,
        "median": metrics.aggregate_median,
        "mean": metrics.aggregate_mean,
        "optimality_gap": lambda scores: metrics.aggregate_optimality_gap(scores / 100),
    }
    values, bounds = library.get_interval_estimates(
        {"a": matrix}, lambda s: np.array([m(s) for m in metric.values()]), reps=2000
    )
    pair = {"a,b": [matrix, other]}
    improvement = library.get_interval_estimates(
        pair, lambda a, b: np.array([metrics.probability_of_improvement(a, b)]), reps=500
    )
    np.random.set_state(state)  # noqa: NPY002
    ours = intervals.aggregates({"a": matrix}, reps=2000)["a"]
    rows = [(ours[name], values["a"][i], bounds["a"][:, i]) for i, name in enumerate(metric)]
    better = intervals.probability_of_improvement(matrix, other, reps=500)
    rows.append((better, improvement[0]["a,b"][0], improvement[1]["a,b"][:, 0]))
    for found, value, (low, high) in rows:
        assert found.value == pytest.approx(value)
        assert found.low == pytest.approx(low, abs=0.1 * (high - low))
        assert found.high == pytest.approx(high, abs=0.1 * (high - low))


@pytest.mark.parametrize("is_rliables", [True, False])
def test_the_width_of_a_means_interval_is_known(matrix: np.ndarray, is_rliables: bool) -> None:
    """The stratified bootstrap's variance is that of each dataset's mean, summed."""
    if is_rliables:
        found = intervals.aggregates({"a": matrix}, reps=2000)["a"]["mean"]
    else:
        found = intervals.bootstrap(intervals.mean, intervals.columns(matrix), reps=2000)
    seeds, datasets = matrix.shape
    deviation = np.sqrt((matrix.var(axis=0) / seeds).sum()) / datasets
    assert found.high - found.low == pytest.approx(2 * 1.96 * deviation, rel=0.08)


def test_both_sides_are_resampled_independently(matrix: np.ndarray) -> None:
    pair = intervals.columns(matrix, matrix)
    found = intervals.bootstrap(versus(intervals.mean), pair, reps=2000)
    seeds, datasets = matrix.shape
    deviation = np.sqrt(2 * (matrix.var(axis=0) / seeds).sum()) / datasets
    assert found.value == 0.0
    assert found.high - found.low == pytest.approx(2 * 1.96 * deviation, rel=0.08)


def test_resamples_of_two_seeds_have_a_known_distribution() -> None:
    # a mean of two draws from {0, 8} is 0, 4 or 8; both ends have a quarter of the probability
    two = np.array([[0.0], [8.0]])
    found = intervals.bootstrap(intervals.mean, intervals.columns(two), reps=400)
    assert found == Estimate(4.0, 0.0, 8.0)
    # within datasets: a constant one never lends its scores to the other
    paired = np.array([[0.0, 100.0], [8.0, 100.0]])
    found = intervals.bootstrap(intervals.mean, intervals.columns(paired), reps=400)
    assert found == Estimate(52.0, 50.0, 54.0)
    assert intervals.aggregates({"a": paired}, reps=400)["a"]["mean"] == found


def test_iqms_over_training_are_those_of_each_evaluation(matrix: np.ndarray) -> None:
    cube = np.stack([matrix, matrix + 10, 2 * matrix], axis=-1)
    found = intervals.iqms({"a": cube, "one": cube[:1]}, reps=1500)
    each = [metrics.aggregate_iqm(cube[..., i]) for i in range(3)]
    assert [e.value for e in found["a"]] == pytest.approx(each)
    alone = intervals.aggregates({"a": matrix}, reps=1500)["a"]["iqm"]
    width = alone.high - alone.low
    first, second, third = found["a"]
    assert first.high - first.low == pytest.approx(width, rel=0.1)
    assert second.low - first.low == pytest.approx(10, abs=0.1 * width)
    assert third.high - third.low == pytest.approx(2 * width, rel=0.1)
    assert [e.value for e in found["one"]] == pytest.approx(
        [metrics.aggregate_iqm(cube[:1, :, i]) for i in range(3)]
    )
    assert all(np.isnan(e.low) for e in found["one"])


def test_profiles_are_shares_above_thresholds() -> None:
    scores = np.array([[0.0, 50.0], [8.0, 100.0]])
    thresholds = [-1.0, 0.0, 49.9, 50.0, 100.0]
    found = intervals.profiles({"a": scores, "one": scores[:1]}, thresholds, reps=400)
    assert [e.value for e in found["a"]] == [1.0, 0.75, 0.5, 0.25, 0.0]  # above, not at
    # of two draws of (50, 100), none, one or both are above 50: a half of these with the other
    assert (found["a"][3].low, found["a"][3].high) == (0.0, 0.5)
    assert (found["a"][0].low, found["a"][0].high) == (1.0, 1.0)
    assert [e.value for e in found["one"]] == [1.0, 0.5, 0.5, 0.0, 0.0]
    assert all(np.isnan(e.low) for e in found["one"])


def test_probability_of_improvement_counts_pairs_with_ties_half() -> None:
    better = np.array([[1.0, 5.0], [2.0, 5.0], [3.0, 7.0]])
    baseline = np.array([[2.0, 5.0], [0.0, 9.0]])
    wins = [
        np.mean(
            [(x > y) + (x == y) / 2 for x, y in itertools.product(better[:, k], baseline[:, k])]
        )
        for k in range(2)
    ]
    found = intervals.probability_of_improvement(better, baseline, reps=100)
    assert found.value == pytest.approx(np.mean(wins))
    assert 0 <= found.low <= found.value <= found.high <= 1


def test_an_interval_depends_on_its_seed_and_on_no_company(
    matrix: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = intervals.columns(matrix)
    made = [intervals.bootstrap(intervals.iqm, columns, 50) for _ in range(2)]
    alone = intervals.aggregates({"a": matrix}, reps=60)
    company = intervals.aggregates({"b": matrix + 1, "a": matrix}, reps=60)
    monkeypatch.setattr(intervals, "SEED", 2)
    other = intervals.aggregates({"a": matrix}, reps=60)
    assert alone["a"] == company["a"]
    assert alone["a"]["iqm"].low != other["a"]["iqm"].low
    assert made[0] == made[1] != intervals.bootstrap(intervals.iqm, columns, 50)


def test_numpys_global_generator_is_left_alone(matrix: np.ndarray) -> None:
    before = np.random.get_state(legacy=False)  # noqa: NPY002
    intervals.aggregates({"a": matrix}, reps=20)
    intervals.iqms({"a": matrix[..., None]}, reps=20)
    intervals.profiles({"a": matrix}, [50.0], reps=20)
    intervals.probability_of_improvement(matrix, matrix + 1, reps=20)
    intervals.bootstrap(intervals.mean, intervals.columns(matrix), reps=20)
    after = np.random.get_state(legacy=False)  # noqa: NPY002
    np.testing.assert_array_equal(before["state"]["key"], after["state"]["key"])
    assert before["state"]["pos"] == after["state"]["pos"]


def test_no_interval_from_one_seed_or_of_what_is_undefined(matrix: np.ndarray) -> None:
    pair = intervals.columns(matrix, matrix[:1])
    one = intervals.bootstrap(versus(intervals.mean), pair, reps=50)
    assert np.isnan(one.low)
    assert not math.isnan(one.value)
    single = np.array([[10.0, 20.0]])
    found = intervals.aggregates({"a": single}, reps=20)["a"]
    assert found["mean"].value == 15.0
    assert np.isnan(found["iqm"].low)
    improvement = intervals.probability_of_improvement(single, single - 1, reps=20)
    assert improvement.value == 1.0
    assert np.isnan(improvement.low)
    # the mean is above zero, but not that of every resample
    around = np.array([[-5.0], [6.0]])
    rule = versus(intervals.mean, intervals.relative_change)
    change = intervals.bootstrap(rule, intervals.columns(matrix[:, :1], around), reps=50)
    assert np.isnan(change.low)
    assert not math.isnan(change.value)


def test_a_wider_confidence_is_a_wider_interval() -> None:
    columns = intervals.columns(np.random.default_rng(0).normal(size=(8, 3)))
    narrow = intervals.bootstrap(intervals.mean, columns, reps=2000)
    wide = intervals.bootstrap(intervals.mean, columns, reps=2000, confidence=0.99)
    assert wide.low < narrow.low < narrow.value == wide.value < narrow.high < wide.high
