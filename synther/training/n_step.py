"""Rows of n steps from environments that step together, a row a seed at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch


class NStepRows:
    """Turns rows of one step into rows of n, as `synther.datasets.subset.n_step` has them.

    A row is given out n - 1 calls after its own step. An episode that is cut by its time limit
    leaves fewer than n rows without n steps, which are lost. In their place, so that seeds stay in
    step, the last row before them is given out again.

    Args:
        seeds: K.
        n: steps, up to the time limit.
        discount: gamma.
        widths: d and a.
    """

    def __init__(self, seeds: int, n: int, discount: float, widths: tuple[int, int]) -> None:
        self._n, self._discount, self._reward = n, discount, sum(widths)
        self._calls = 0
        self._open: list[list[np.ndarray]] = [[] for _ in range(seeds)]
        self._whole: list[list[np.ndarray]] = [[] for _ in range(seeds)]

    def add(self, rows: np.ndarray, truncated: np.ndarray) -> np.ndarray | None:
        """Take every seed's step, packed (K, 2 d + a + 2), and whether it was cut there (K,).

        Returns:
            As many rows of n steps; None in the first n - 1 calls.
        """
        reward = self._reward
        for row, cut, begun, whole in zip(rows, truncated, self._open, self._whole, strict=True):
            for age, earlier in zip(range(len(begun), 0, -1), begun, strict=True):
                earlier[reward] += self._discount**age * row[reward]
                earlier[reward + 1 :] = row[reward + 1 :]
            begun.append(row.copy())
            if row[-1]:
                whole += begun
            elif len(begun) == self._n:
                whole.append(begun[0])
                if not cut:
                    del begun[0]
            if row[-1] or cut:
                whole += [whole[-1]] * (0 if row[-1] else len(begun) - 1)
                begun.clear()
        self._calls += 1
        if self._calls < self._n:
            return None
        return np.stack([whole.pop(0) for whole in self._whole])

    def snapshot(self) -> dict[str, Any]:
        """Return what `restore` needs."""
        kept = {"open": self._open, "whole": self._whole}
        tensors = {n: [list(map(torch.as_tensor, r)) for r in each] for n, each in kept.items()}
        return {"calls": self._calls, **tensors}

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Go back to a `snapshot`."""
        self._calls = snapshot["calls"]
        self._open, self._whole = (
            [[row.cpu().numpy().copy() for row in rows] for rows in snapshot[name]]
            for name in ("open", "whole")
        )
