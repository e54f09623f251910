"""Reduced datasets and mixtures."""

from __future__ import annotations

import numpy as np
import pytest

from synther.datasets.subset import left_out, mix, subset, trajectory_ids
from synther.errors import SyntherError
from synther.transitions import Transitions


def numbered(lengths: list[int], ends: list[bool], first: float = 0.0) -> Transitions:
    """Trajectories whose observations count upwards; `ends` says which end in a terminal."""
    observations, following, terminals = [], [], []
    value = first
    for length, terminal in zip(lengths, ends, strict=True):
        for step in range(length):
            observations.append(value)
            following.append(value + 1)
            terminals.append(float(terminal and step == length - 1))
            value += 1
        value += 100
    o, n = np.array(observations)[:, None], np.array(following)[:, None]
    return Transitions(o, o, o[:, 0], n, np.array(terminals))


def test_trajectories_end_at_terminals_and_jumps() -> None:
    data = numbered([3, 2, 4], [True, False, False])
    assert trajectory_ids(data).tolist() == [0, 0, 0, 1, 1, 2, 2, 2, 2]
    seamless = Transitions(
        *(np.zeros((4, 1)) for _ in range(2)), np.zeros(4), np.zeros((4, 1)), np.array([0, 1, 0, 0])
    )
    assert trajectory_ids(seamless).tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("choose", ["transitions", "trajectories"])
def test_share_is_exact_ordered_and_nested(choose: str) -> None:
    data = numbered([7, 13, 5, 25], [True, False, True, False])
    small, large = (subset(data, percent, choose, seed=3) for percent in (10, 40))
    assert (len(small), len(large)) == (5, 20)
    assert (np.diff(large.observations[:, 0]) > 0).all()
    assert set(small.rewards) < set(large.rewards)
    again = subset(data, 40, choose, seed=3)
    assert np.array_equal(again.observations, large.observations)
    assert not np.array_equal(subset(data, 40, choose, seed=4).observations, large.observations)


def test_trajectories_stay_whole_but_for_the_last() -> None:
    data = numbered([10] * 10, [False] * 10)
    kept = subset(data, 25, "trajectories", seed=0)
    lengths = np.bincount(trajectory_ids(kept))
    assert sorted(lengths.tolist()) == [5, 10, 10]


def test_transitions_are_drawn_evenly() -> None:
    data = numbered([1000], [False])
    counts = np.zeros(1000)
    for seed in range(200):
        counts[subset(data, 10, seed=seed).rewards.astype(int)] += 1
    assert counts.sum() == 200 * 100
    assert abs(counts.reshape(10, 100).sum(axis=1) - 2000).max() < 4 * np.sqrt(2000)


@pytest.mark.parametrize("choose", ["transitions", "trajectories"])
def test_a_number_of_rows_may_be_asked_for(choose: str) -> None:
    data = numbered([50, 30, 20], [False, True, False])
    few, more = (subset(data, choose=choose, seed=3, rows=rows) for rows in (7, 30))
    assert (len(few), len(more)) == (7, 30)
    assert set(few.rewards) < set(more.rewards)
    share = subset(data, 30, choose, seed=3)
    np.testing.assert_array_equal(more.rewards, share.rewards)
    for rows, words in ((101, "101 of 100 transitions can't be drawn"), (1, "two rows or more")):
        with pytest.raises(SyntherError, match=words):
            subset(data, rows=rows)


@pytest.mark.parametrize(
    ("percent", "choose"), [(0, "transitions"), (101, "transitions"), (1, "transitions"), (50, "x")]
)
def test_bad_shares_are_refused(percent: float, choose: str) -> None:
    with pytest.raises(SyntherError):
        subset(numbered([20], [False]), percent, choose)


def test_mixture_has_the_share_and_repeats_real_rows_evenly() -> None:
    real, synthetic = numbered([10], [False]), numbered([40], [False], first=1000.0)
    mixed = mix(real, synthetic, real_share=0.5, seed=1)
    from_real = mixed.rewards < 1000
    assert len(mixed) == 40
    assert from_real.sum() == 20
    _, counts = np.unique(mixed.rewards[from_real], return_counts=True)
    assert counts.tolist() == [2] * 10
    assert len(np.unique(mixed.rewards[~from_real])) == 20
    assert not (np.diff(from_real.astype(int)) == 0).all()


def test_mixture_refuses_other_widths_and_shares() -> None:
    real = numbered([10], [False])
    wide = Transitions(
        np.zeros((5, 2)), np.zeros((5, 1)), np.zeros(5), np.zeros((5, 2)), np.zeros(5)
    )
    with pytest.raises(SyntherError, match="widths"):
        mix(real, wide, 0.5)
    with pytest.raises(SyntherError, match="real_share"):
        mix(real, real, 1.0)


def test_what_is_left_out_is_the_same_of_small_and_large_parts() -> None:
    whole = numbered([60], [False])
    kept = [subset(whole, percent=percent, seed=3) for percent in (5, 50)]
    small, large = (left_out(whole, part, 20, seed=3).packed() for part in kept)
    np.testing.assert_array_equal(small, large)
    for part, rows in zip(kept, (small, large), strict=True):
        assert not {row.tobytes() for row in part.packed()} & {row.tobytes() for row in rows}
    every = left_out(whole, kept[1], 1000, seed=4)
    assert len(every) == len(whole) - len(kept[1])
    # a row that is kept is held out nowhere, however often it is there
    twice = Transitions.concatenate([whole, whole])
    assert len(left_out(twice, kept[1], 1000)) == 2 * len(every)
    with pytest.raises(SyntherError, match="none of the 60 transitions is held out"):
        left_out(whole, whole, 5)
