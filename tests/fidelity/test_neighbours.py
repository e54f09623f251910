"""Nearest neighbours against scipy's, block edges, and copies."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from synther.errors import SyntherError
from synther.fidelity import neighbours
from synther.fidelity.neighbours import Scale, nearest


def rows(n, seed, d=6):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, d)) * [1, 20, 3, 0.1, 5, 1] + [0, 100, 0, 0, 0, 0]).astype("f4")


@pytest.mark.parametrize("blocks", [(1024, 8192), (7, 13), (1, 1)])
def test_every_distance_is_the_least(monkeypatch, blocks):
    monkeypatch.setattr(neighbours, "QUERIES", blocks[0])
    monkeypatch.setattr(neighbours, "DATA", blocks[1])
    data, queries = rows(101, 0), rows(23, 1)
    spread = data[:, :-1].astype(np.float64).std(axis=0)
    table = cdist(queries[:, :-1] / spread, data[:, :-1] / spread)  # the flag counts for nothing
    distances, found = nearest(queries, data, Scale(data))
    np.testing.assert_array_equal(found, table.argmin(axis=1))
    np.testing.assert_allclose(distances, table.min(axis=1), rtol=1e-9)
    own = np.arange(101)
    among = cdist(data[:, :-1] / spread, data[:, :-1] / spread)
    np.fill_diagonal(among, np.inf)
    distances, found = nearest(data, data, Scale(data), leave_out=own)
    np.testing.assert_array_equal(found, among.argmin(axis=1))
    np.testing.assert_allclose(distances, among.min(axis=1), rtol=1e-9)


def test_known_distances():
    data = np.array([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0]])  # standard deviations 1, none, and a flag
    distances, found = nearest(np.array([[2.0, 3.0, 9.0], [0.5, 0.0, 0.0]]), data, Scale(data))
    np.testing.assert_allclose(distances, [3.0, 0.5], rtol=1e-12)
    np.testing.assert_array_equal(found, [1, 0])


def test_copies_are_at_no_distance_at_all():
    data = rows(500, 2)
    distances, found = nearest(data, data, Scale(data))
    np.testing.assert_array_equal(distances, 0.0)
    np.testing.assert_array_equal(found, np.arange(500))


def test_memory_is_bounded_by_the_blocks(monkeypatch):
    monkeypatch.setattr(neighbours, "QUERIES", 64)
    monkeypatch.setattr(neighbours, "DATA", 256)
    data, queries = rows(100_000, 3), rows(64, 4)
    scale = Scale(data)
    tracemalloc.start()
    nearest(queries, data, scale)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < data.nbytes / 2


def test_a_single_row_has_no_neighbour():
    one = rows(1, 0)
    with pytest.raises(SyntherError, match="too few"):
        nearest(one, one, Scale(one), leave_out=np.zeros(1, dtype=int))
