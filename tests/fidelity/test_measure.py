"""All measures together: copies, noise, a Gaussian mixture, and the result's form."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from synther.errors import SyntherError
from synther.fidelity.measure import measure
from synther.statistics.measures import measures
from synther.transitions import Transitions


def mixture(n, seed, apart=6.0):
    """Rows of width 2 * 1 + 1 + 2 around two centres; s' repeats s, and no flag is set."""
    rng = np.random.default_rng(seed)
    side = rng.integers(2, size=n) * apart
    s = (side + rng.normal(size=n))[:, None]
    return Transitions(s, rng.normal(size=(n, 1)), rng.normal(size=n), s, np.zeros(n))


def test_copies_are_recognised_every_one():
    real = mixture(400, 0)
    found = measure(real, real)
    rows = found.rows
    assert (rows["distance"] == 0).all()
    assert (rows["distance"] < rows["data_distance"]).all()  # all memorised
    assert found.record["ks_complement"] == [1.0] * 5
    assert "dynamics" not in found.record
    assert rows["mse"].isna().all()


def test_new_draws_of_the_same_distribution_are_no_copies():
    # A new draw is the nearest of its neighbour's neighbours in about half of the cases
    found = measure(mixture(3000, 1), mixture(2000, 2))
    share = (found.rows["distance"] < found.rows["data_distance"]).mean()
    assert 0.3 < share < 0.6
    assert min(found.record["ks_complement"]) > 0.95
    assert found.record["correlation_similarity"][0][3] == pytest.approx(1.0, abs=1e-6)


def test_a_lost_mode_costs_its_share_of_the_marginal():
    real = mixture(4000, 3, apart=50.0)
    kept = mixture(2000, 4, apart=0.0)
    ks = measure(real, kept).record["ks_complement"]
    assert ks[0] == pytest.approx(0.5, abs=0.03)
    assert ks[1] > 0.95


def test_terminals_are_counted_in_all_rows():
    real, samples = mixture(400, 3), mixture(1000, 4)
    none = measure(real, samples, number=50)
    assert none.record["terminals"] == [0.0, 0.0]
    assert "terminals" not in measures(none.record, none.rows)  # a share of nothing
    real.terminals[:8], samples.terminals[:15] = 1, 1
    found = measure(real, samples, number=50)
    assert found.record["terminals"] == pytest.approx([0.02, 0.015])
    assert measures(found.record, found.rows)["terminals"] == pytest.approx(75.0)


def test_the_draw_is_the_seeds_and_the_result_says_what_was_measured():
    real, samples = mixture(300, 5), mixture(1000, 6)
    one, same, other = (measure(real, samples, number=50, seed=s) for s in (0, 0, 1))
    pd.testing.assert_frame_equal(one.rows, same.rows)
    assert set(one.rows["row"]) != set(other.rows["row"])
    assert (one.record["measured"], one.record["samples"], one.record["real"]) == (50, 1000, 300)


def test_results_are_read_back(tmp_path):
    found = measure(mixture(50, 7), mixture(40, 8))
    found.save(tmp_path / "synther.parquet", {"source": "synther"})
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "synther.parquet"), found.rows)
    text = (tmp_path / "synther.json").read_text()
    assert "NaN" not in text
    record = json.loads(text)
    assert record["source"] == "synther"
    assert record["correlation_similarity"][0][0] is None
    assert record["correlation_similarity"][0][4] is None  # the flag is constant


def test_other_tasks_and_too_few_rows_are_refused():
    real = mixture(10, 0)
    wide = np.zeros((10, 2))
    other = Transitions(wide, real.actions, real.rewards, wide, real.terminals)
    with pytest.raises(SyntherError, match="not of one task"):
        measure(real, other)
    with pytest.raises(SyntherError, match="2 or more"):
        measure(real, real[:1])
