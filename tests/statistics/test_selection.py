"""The policy that a bandit prefers, on cases that can be enumerated."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from synther.statistics.selection import chosen, expected_scores

BOLD, SAFE = np.array([0.0, 90.0]), np.array([40.0])  # truly 45 and 40


def curve(pools: list[np.ndarray], episodes: int, runs: int = 20_000) -> np.ndarray:
    every = np.broadcast_to(np.arange(len(pools)), (runs, len(pools)))
    return chosen(pools, every, episodes, np.random.default_rng(0)).mean(axis=0)


def test_one_episode_says_nothing_and_two_say_what_can_be_counted() -> None:
    found = curve([BOLD, SAFE], 2)
    assert found[0] == pytest.approx((45 + 40) / 2, abs=0.1)
    # Once each: the bold one is preferred where it had 90.
    assert found[1] == pytest.approx((45 + 40) / 2, abs=0.1)
    worse = curve([np.array([0.0, 0.0, 90.0]), SAFE], 2)  # truly 30
    assert worse[1] == pytest.approx((30 + 2 * 40) / 3, abs=0.2)


def enumerated(pools: list[np.ndarray]) -> float:
    """Every order of the first pulls and every outcome: the third pull goes to the better one."""
    values = []
    for first in itertools.product(*pools):
        better = int(np.argmax(first))
        for third in pools[better]:
            means = list(first)
            means[better] = (first[better] + third) / 2
            values.append((pools[int(np.argmax(means))].mean(), 1 / len(pools[better])))
    scores, weights = np.array(values).T
    return float(np.average(scores, weights=weights))


@pytest.mark.parametrize("rest", [[10.0, 30.0], [0.0, 0.0, 60.0]])
def test_three_episodes_are_the_enumeration_of_all_outcomes(rest: list[float]) -> None:
    pools = [np.array([5.0, 45.0]), np.array(rest)]
    assert curve(pools, 3)[2] == pytest.approx(enumerated(pools), abs=0.3)


def test_many_episodes_find_the_best_of_policies_without_noise() -> None:
    pools = [np.array([float(score)]) for score in (10, 80, 30, 50)]
    found = curve(pools, 5, runs=2000)
    assert found[3:].tolist() == [80.0, 80.0]
    assert found[0] == pytest.approx(np.mean([10, 80, 30, 50]), abs=2)


def test_intervals_hold_what_resampled_seeds_give() -> None:
    pools = [np.array([float(score)]) for score in (10, 20, 60, 70)]
    first, *_, last = expected_scores(pools, ["a", "a", "b", "b"], 4, reps=400)
    assert first.value == pytest.approx(40, abs=1)
    assert last.value == 70.0
    assert (last.low, last.high) == (60.0, 70.0)  # where both draws of b are the worse seed
    alone = expected_scores(pools, ["a", "b", "c", "d"], 2, reps=10)
    assert np.isnan(alone[1].low)
