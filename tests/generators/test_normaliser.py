import numpy as np
import pytest
import torch

from synther.errors import SyntherError
from synther.generators.normaliser import EPSILON, Normaliser


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    scale, shift = np.array([1.0, 100.0, 0.01, 1.0]), np.array([0.0, -50.0, 3.0, 0.0])
    return (rng.normal(size=(1000, 4)) * scale + shift).astype(np.float32)


def test_columns_get_mean_0_and_std_1(rows):
    x = Normaliser.fit(rows).forward(torch.as_tensor(rows))
    assert x.mean(dim=0).abs().max() < 1e-4
    assert (x.std(dim=0) - 1).abs().max() < 2e-3  # EPSILON is a thousandth of the third spread


def test_measures_the_sample_deviation_plus_epsilon(rows):
    n = Normaliser.fit(rows)
    np.testing.assert_allclose(n.std, rows.astype(np.float64).std(0, ddof=1) + EPSILON, rtol=1e-6)
    np.testing.assert_allclose(n.mean, rows.mean(0, dtype=np.float64), rtol=1e-6)


def test_inverse_inverts(rows):
    n, x = Normaliser.fit(rows, keep=[3]), torch.as_tensor(rows)
    torch.testing.assert_close(n.inverse(n.forward(x)), x, rtol=1e-5, atol=1e-5)


def test_kept_columns_stay_as_they_are(rows):
    x = Normaliser.fit(rows, keep=[1, 3]).forward(torch.as_tensor(rows)).numpy()
    np.testing.assert_array_equal(x[:, [1, 3]], rows[:, [1, 3]])


@pytest.mark.parametrize("constant", [0.0, 0.1, -12345.678])
def test_a_constant_column_becomes_zero_and_comes_back(constant):
    rows = np.full((777, 2), constant, dtype=np.float32)
    n = Normaliser.fit(rows)
    x = n.forward(torch.as_tensor(rows))
    assert torch.equal(x, torch.zeros(777, 2))
    np.testing.assert_array_equal(n.inverse(x), rows)


def test_needs_two_finite_rows():
    with pytest.raises(SyntherError, match="too few"):
        Normaliser.fit(np.zeros((1, 3), dtype=np.float32))
    rows = np.zeros((5, 3), dtype=np.float32)
    rows[2, 1] = np.nan
    with pytest.raises(SyntherError, match="NaN"):
        Normaliser.fit(rows)
