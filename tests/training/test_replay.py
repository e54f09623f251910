"""The device replay: what goes in comes out, seed by seed."""

import numpy as np
import pytest
import torch

from synther.errors import SyntherError
from synther.training.replay import Replay, unpack

K, D, A = 3, 2, 1


def row(t):
    k = np.arange(K)[:, None]
    s = 100.0 * k + t + np.array([0.0, 0.5])
    return s, 0.1 * k + np.zeros((K, A)), np.full(K, t), s + 1, np.arange(K) == t % K


def filled(capacity, steps):
    replay = Replay(K, capacity, D, A, dtype=torch.float64)
    for t in range(steps):
        replay.add(*row(t))
    return replay


def test_rows_stay_in_order_and_with_their_seed():
    replay = filled(10, 6)
    assert (replay.size, replay.added, float(replay.count)) == (6, 6, 6.0)
    batch = unpack(replay.rows(), D, A)
    for t in range(6):
        fields = (x[:, t].numpy() for x in batch)
        for found, expected in zip(fields, row(t), strict=True):
            np.testing.assert_array_equal(found, expected)


def test_a_full_buffer_forgets_the_oldest():
    replay = filled(4, 6)
    assert (replay.size, replay.added) == (4, 6)
    assert sorted(unpack(replay.rows(), D, A).rewards[0].tolist()) == [2, 3, 4, 5]


def test_places_reach_every_row_of_what_is_in_it_and_nothing_else():
    replay = filled(10, 4)
    places = torch.tensor([0.0, 0.2499, 0.25, 0.5, 0.75, 1 - 2**-53], dtype=torch.float64)
    batch = unpack(replay.gather(places.expand(K, -1)), D, A)
    assert batch.rewards.tolist() == [[0, 0, 1, 2, 3, 3]] * K
    assert (batch.observations[:, 0, 0] == torch.tensor([0.0, 100.0, 200.0])).all()


def test_filling_replaces_everything_at_once():
    replay = filled(6, 5)
    rows = torch.rand(K, 3, 2 * D + A + 2, dtype=torch.float64)
    replay.fill(rows)
    assert replay.size == 3
    assert torch.equal(replay.rows(), rows)
    with pytest.raises(SyntherError, match="7 rows do not fit a buffer of 6"):
        replay.fill(torch.zeros(K, 7, 2 * D + A + 2))


def test_restored(tmp_path):
    one, other = filled(4, 6), Replay(K, 4, D, A, dtype=torch.float64)
    other.restore(one.snapshot())
    for replay in (one, other):
        replay.add(*row(6))
    assert torch.equal(one.rows(), other.rows())
    assert other.added == 7
