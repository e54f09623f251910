"""How a loss falls with the size of a model and of its data: a law, and intervals of its exponents.

The form is that of Hoffmann et al. 2022 ("Training Compute-Optimal Large Language Models", arXiv
2203.15556, eq. 2), of a model's parameters N and of the transitions D that it was fitted to:
L(N, D) = E + A / N^alpha + B / D^beta. E is the loss that neither brings down.
"""

import math
from collections.abc import Sequence

import numpy as np

from synther.statistics.intervals import BAND_REPS, CONFIDENCE, SEED, Estimate

COEFFICIENTS = ("E", "A", "alpha", "B", "beta")
"""A and B are what lack of parameters and of transitions cost at the middle of the fits' sizes."""
STEEPEST = 5.0
"""Bound of the exponents, which little data leave open."""


class ScalingLaw:
    """The law through some fits: least squares of relative errors.

    Args:
        parameters: (n,) of each fit.
        transitions: (n,) likewise.
        losses: (n,) likewise.

    Attributes:
        values: (5,) `COEFFICIENTS`.
    """

    def __init__(self, parameters: np.ndarray, transitions: np.ndarray, losses: np.ndarray) -> None:
        sizes = [np.asarray(own, dtype=float) for own in (parameters, transitions)]
        self._middle = [np.exp(np.log(own).mean()) for own in sizes]
        self._sizes, self._losses = sizes, np.asarray(losses, dtype=float)
        low = self._losses.min()
        self.values = self._fit(
            self._losses, np.array([0.5 * low, 0.25 * low, 0.5, 0.25 * low, 0.5])
        )

    def __call__(
        self, parameters: np.ndarray | float, transitions: np.ndarray | float
    ) -> np.ndarray:
        """Return the law's losses at some sizes."""
        return self._law((parameters, transitions), *self.values)

    @staticmethod
    def is_determined(parameters: Sequence[float], transitions: Sequence[float]) -> bool:
        """Return whether fits are enough: more than coefficients, and three sizes of each kind."""
        least = min(len(set(sizes)) for sizes in (parameters, transitions))
        return least >= 3 and len(parameters) > len(COEFFICIENTS)

    def _law(self, sizes: Sequence[np.ndarray | float], *values: float) -> np.ndarray:
        floor, a, alpha, b, beta = values
        n, d = (own / middle for own, middle in zip(sizes, self._middle, strict=True))
        return floor + a * n**-alpha + b * d**-beta

    def _fit(self, losses: np.ndarray, start: np.ndarray) -> np.ndarray:
        from scipy.optimize import curve_fit

        highest = [np.inf, np.inf, STEEPEST, np.inf, STEEPEST]
        inside = np.clip(start, 1e-6, [0.999 * bound for bound in highest])
        known = {"sigma": losses, "bounds": (0, highest), "max_nfev": 10_000, "x_scale": inside}
        return curve_fit(self._law, self._sizes, losses, inside, **known)[0]

    def estimates(self, reps: int) -> dict[str, Estimate]:
        """Return coefficients with the 95% percentile intervals of a bootstrap over residuals.

        Residuals and not fits are drawn, as the sizes were chosen and did not fall by chance (Efron
        and Tibshirani 1993, section 9.4). They are widened by the coefficients that were fitted.

        Args:
            reps: resamples; `BAND_REPS` at most.
        """
        from scipy import stats

        expected = self(*self._sizes)
        count = len(expected)
        residuals = np.log(self._losses / expected)
        residuals *= math.sqrt(count / (count - len(COEFFICIENTS)))

        found = stats.bootstrap(
            (residuals,),
            lambda drawn: self._fit(expected * np.exp(drawn), self.values),
            n_resamples=min(reps, BAND_REPS),
            vectorized=False,
            confidence_level=CONFIDENCE,
            method="percentile",
            rng=np.random.default_rng(SEED),
        ).confidence_interval
        ends = zip(self.values, found.low, found.high, strict=True)
        return {
            name: Estimate(*map(float, own)) for name, own in zip(COEFFICIENTS, ends, strict=True)
        }
