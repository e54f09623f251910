"""Standardisation of transitions, column by column."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from synther.errors import SyntherError

EPSILON = 1e-5
"""Added to every standard deviation (the authors' code), so that a constant column is harmless."""


class Normaliser:
    """Maps rows to mean 0 and standard deviation 1 a column, and back.

    Attributes:
        mean: (D,) float32; 0 in a column that is left as it is.
        std: (D,) float32, the sample standard deviation plus `EPSILON`; 1 in such a column.
    """

    def __init__(self, mean: Tensor, std: Tensor) -> None:
        self.mean, self.std = mean, std

    @classmethod
    def fit(
        cls, rows: np.ndarray, keep: Sequence[int] = (), device: torch.device | str = "cpu"
    ) -> Normaliser:
        """Measure the columns of `rows` (N, D); those in `keep` stay as they are.

        Raises:
            SyntherError: there are fewer than two rows, or a column's spread is not finite.
        """
        if len(rows) < 2:
            raise SyntherError(
                f"{len(rows)} transitions are too few to fit a generator: give at least 2"
            )
        # In double precision, so that the mean of a constant column is that constant exactly; and
        # a column at a time, because a double copy of the whole would triple the memory.
        mean = np.array([column.mean(dtype=np.float64) for column in rows.T])
        std = np.array([column.astype(np.float64).std(ddof=1) for column in rows.T]) + EPSILON
        if not (np.isfinite(mean).all() and np.isfinite(std).all()):
            raise SyntherError("the transitions hold NaN or infinite values: drop these rows")
        mean[list(keep)], std[list(keep)] = 0.0, 1.0
        return cls(*(torch.as_tensor(v, dtype=torch.float32, device=device) for v in (mean, std)))

    def forward(self, x: Tensor) -> Tensor:
        """Return normalised rows for rows x (..., D) in the dataset's units."""
        return (x - self.mean) / self.std

    def inverse(self, x: Tensor) -> Tensor:
        """Return rows in the dataset's units for normalised rows x (..., D)."""
        return x * self.std + self.mean
