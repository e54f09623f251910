"""One column at a time and two at a time: marginal and correlation similarity.

Both equal those of the library `sdmetrics` (0.32.0): `KSComplement`, and `CorrelationSimilarity`
with Spearman's coefficient. A test holds them together; scipy alone computes them here.
"""

import numpy as np
from scipy import stats

BINS = 50
TAIL = 0.001
"""Share of the real values beyond each end of a histogram."""


def column_names(observation_dim: int, action_dim: int) -> list[str]:
    """Return names of the columns of `Transitions.packed`: observation_0, ..., terminal."""
    return [
        *(f"observation_{i}" for i in range(observation_dim)),
        *(f"action_{i}" for i in range(action_dim)),
        "reward",
        *(f"next_observation_{i}" for i in range(observation_dim)),
        "terminal",
    ]


def ks_complements(real: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """Return 1 - the two-sample Kolmogorov-Smirnov statistic of each column: (D,), 0 to 1.

    Args:
        real: (N, D).
        samples: (M, D).
    """
    pairs = zip(real.T, samples.T, strict=True)
    return np.array([1.0 - stats.ks_2samp(*pair, method="asymp").statistic for pair in pairs])


def rank_correlations(rows: np.ndarray) -> np.ndarray:
    """Return Spearman's correlation of every two columns of rows (N, D): (D, D).

    NaN where a column is constant.
    """
    ranks = np.stack([stats.rankdata(column) for column in rows.T])
    ranks -= ranks.mean(axis=1, keepdims=True)
    length = np.linalg.norm(ranks, axis=1, keepdims=True)
    unit = np.divide(ranks, length, out=np.full_like(ranks, np.nan), where=length > 0)
    return unit @ unit.T


def correlation_similarities(real: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """Return 1 - |difference of rank correlations| / 2 of every two columns: (D, D), 0 to 1.

    NaN where a column is constant on either side, and on the diagonal.

    Args:
        real: (N, D).
        samples: (M, D).
    """
    similar = 1 - np.abs(rank_correlations(real) - rank_correlations(samples)) / 2
    np.fill_diagonal(similar, np.nan)
    return similar


def histograms(real: np.ndarray, samples: np.ndarray) -> dict[str, list[list[float]]]:
    """Return `BINS` shares of the rows a column, in equal bins over the bulk of the real values.

    Args:
        real: (N, D).
        samples: (M, D).

    Returns:
        "edges", each (BINS + 1), and "real" and "samples", each (BINS) shares of all rows: what
        lies beyond the edges is missing from their sum.
    """
    found: dict[str, list[list[float]]] = {"edges": [], "real": [], "samples": []}
    for one, other in zip(real.T, samples.T, strict=True):
        low, high = np.quantile(one.astype(np.float64), [TAIL, 1 - TAIL])
        if low == high:
            low, high = low - 0.5, high + 0.5
        edges = np.linspace(low, high, BINS + 1)
        found["edges"].append(edges.tolist())
        for name, values in (("real", one), ("samples", other)):
            found[name].append((np.histogram(values, edges)[0] / len(values)).tolist())
    return found
