from __future__ import annotations

import itertools

import numpy as np
import pytest
from rliable import metrics

from synther.analysis import aggregate


@pytest.fixture
def matrix() -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 120, size=(8, 5))


def test_point_estimates_against_their_definitions(matrix: np.ndarray) -> None:
    found = aggregate.aggregates({"a": matrix}, reps=50)["a"]
    ordered = np.sort(matrix.ravel())
    assert found["iqm"].value == pytest.approx(ordered[10:-10].mean())
    assert found["mean"].value == pytest.approx(matrix.mean())
    assert found["median"].value == pytest.approx(np.sort(matrix.mean(axis=0))[2])
    shortfall = [max(0.0, 1 - score / 100) for score in matrix.ravel()]
    assert found["optimality_gap"].value == pytest.approx(np.mean(shortfall))
    for estimate in found.values():
        assert estimate.low <= estimate.value <= estimate.high


def test_interval_is_a_percentile_bootstrap_stratified_by_dataset(matrix: np.ndarray) -> None:
    found = aggregate.aggregates({"a": matrix}, reps=2000)["a"]["mean"]
    # of a mean the stratified bootstrap's variance is known: that of each dataset's mean, summed
    seeds, datasets = matrix.shape
    deviation = np.sqrt((matrix.var(axis=0) / seeds).sum()) / datasets
    assert found.high - found.low == pytest.approx(2 * 1.96 * deviation, rel=0.08)


def test_intervals_repeat_with_the_seed_and_dont_depend_on_company(matrix: np.ndarray) -> None:
    alone = aggregate.aggregates({"a": matrix}, reps=60, seed=1)
    company = aggregate.aggregates({"b": matrix + 1, "a": matrix}, reps=60, seed=1)
    other = aggregate.aggregates({"a": matrix}, reps=60, seed=2)
    assert alone["a"] == company["a"]
    assert alone["a"]["iqm"].low != other["a"]["iqm"].low


def test_numpys_global_generator_is_left_alone(matrix: np.ndarray) -> None:
    before = np.random.get_state(legacy=False)  # noqa: NPY002
    aggregate.aggregates({"a": matrix}, reps=20)
    aggregate.probability_of_improvement(matrix, matrix + 1, reps=20)
    after = np.random.get_state(legacy=False)  # noqa: NPY002
    np.testing.assert_array_equal(before["state"]["key"], after["state"]["key"])
    assert before["state"]["pos"] == after["state"]["pos"]


def test_probability_of_improvement_counts_pairs_with_ties_half() -> None:
    better = np.array([[1.0, 5.0], [2.0, 5.0], [3.0, 7.0]])
    baseline = np.array([[2.0, 5.0], [0.0, 9.0]])
    wins = [
        np.mean(
            [(x > y) + (x == y) / 2 for x, y in itertools.product(better[:, k], baseline[:, k])]
        )
        for k in range(2)
    ]
    found = aggregate.probability_of_improvement(better, baseline, reps=100)
    assert found.value == pytest.approx(np.mean(wins))
    assert found.value == pytest.approx(metrics.probability_of_improvement(better, baseline))
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found == aggregate.probability_of_improvement(better, baseline, reps=100)


def test_a_single_seed_has_no_interval() -> None:
    one = np.array([[10.0, 20.0]])
    found = aggregate.aggregates({"a": one}, reps=20)["a"]
    assert found["mean"].value == 15.0
    assert np.isnan([found["iqm"].low, found["iqm"].high]).all()
    improvement = aggregate.probability_of_improvement(one, one - 1, reps=20)
    assert improvement.value == 1.0
    assert np.isnan([improvement.low, improvement.high]).all()
