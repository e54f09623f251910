"""Marginal and correlation similarity: known answers, and sdmetrics'."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from synther.fidelity.marginals import (
    BINS,
    column_names,
    correlation_similarities,
    histograms,
    ks_complements,
    rank_correlations,
)


def tables(seed=0, n=400, m=300):
    """Correlated columns with ties, of different spread on either side."""
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(4, 4))
    real = rng.normal(size=(n, 4)) @ mixing
    other = 1.3 * rng.normal(size=(m, 4)) @ mixing + 0.2
    real[:, 3], other[:, 3] = real[:, 3].round(), other[:, 3].round()
    return real, other


def test_names_are_those_of_packed_transitions():
    assert column_names(2, 1) == [
        *("observation_0", "observation_1", "action_0", "reward"),
        *("next_observation_0", "next_observation_1", "terminal"),
    ]


def test_copies_are_perfect_and_strangers_are_not():
    real, _ = tables()
    np.testing.assert_array_equal(ks_complements(real, real.copy()), 1.0)
    np.testing.assert_array_equal(ks_complements(real, real + 1000.0), 0.0)
    similar = correlation_similarities(real, real.copy())
    np.testing.assert_array_equal(similar[~np.eye(4, dtype=bool)], 1.0)
    assert np.isnan(np.diag(similar)).all()


def test_shifted_gaussians_have_the_known_statistic():
    # sup |Phi(x) - Phi(x - 1)| = 2 Phi(1/2) - 1, at x = 1/2
    places = stats.norm.ppf((np.arange(20_000) + 0.5) / 20_000)[:, None]
    expected = 2 - 2 * stats.norm.cdf(0.5)
    assert ks_complements(places, places + 1.0)[0] == pytest.approx(expected, abs=1e-4)


def test_opposite_orders_are_as_unlike_as_can_be():
    x = np.linspace(0, 1, 50)
    real, samples = np.stack([x, x**3], axis=1), np.stack([x, -(x**3)], axis=1)
    assert rank_correlations(real)[0, 1] == pytest.approx(1.0)
    assert correlation_similarities(real, samples)[0, 1] == pytest.approx(0.0)


def test_a_constant_column_has_a_marginal_but_no_correlation():
    real, _ = tables()
    real[:, 0] = 0.0
    assert ks_complements(real, real)[0] == 1.0
    similar = correlation_similarities(real, real)
    assert np.isnan(similar[0]).all()
    assert similar[1, 2] == 1.0


def test_scipy_agrees():
    real, other = tables()
    statistics = [stats.ks_2samp(a, b).statistic for a, b in zip(real.T, other.T, strict=True)]
    np.testing.assert_allclose(ks_complements(real, other), 1 - np.array(statistics), atol=1e-12)
    found, _ = stats.spearmanr(real)
    np.testing.assert_allclose(rank_correlations(real), found, atol=1e-12)


def test_sdmetrics_agrees():
    pytest.importorskip("sdmetrics")
    from sdmetrics.column_pairs import CorrelationSimilarity
    from sdmetrics.single_column import KSComplement

    real, other = (pd.DataFrame(t, columns=list("abcd")) for t in tables(1))
    ks = [KSComplement.compute(real[c], other[c]) for c in real]
    np.testing.assert_allclose(ks_complements(real.to_numpy(), other.to_numpy()), ks, atol=1e-12)
    similar = correlation_similarities(real.to_numpy(), other.to_numpy())
    pair = ["a", "d"]
    theirs = CorrelationSimilarity.compute(real[pair], other[pair], coefficient="Spearman")
    assert similar[0, 3] == pytest.approx(theirs, abs=1e-12)


def test_histograms_are_shares_of_all_rows():
    x = np.linspace(0.0, 1.0, 1001)[:, None]
    found = histograms(x, x + 10.0)
    assert len(found["edges"][0]) == BINS + 1
    assert sum(found["real"][0]) == pytest.approx(1 - 2 / 1001, abs=1e-3)
    assert sum(found["samples"][0]) == 0.0  # none within the real range
    constant = histograms(np.zeros((5, 1)), np.zeros((7, 1)))
    assert sum(constant["samples"][0]) == 1.0
