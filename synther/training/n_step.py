"""Rows of n steps from environments that step together, a row a seed at a time."""

from collections.abc import Mapping
from typing import Any

import numpy as np


class NStepRows:
    """Turns rows of one step into rows of n, as `synther.datasets.subset.n_step` has them.

    A row is given out n - 1 calls after its own step. Of an episode that is cut by its time limit
    the last n - 1 are lost; so that seeds stay in step, the one before is given out in their place.

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
            for age, earlier in enumerate(reversed(begun), 1):
                earlier[reward] += self._discount**age * row[reward]
                earlier[reward + 1 :] = row[reward + 1 :]
            begun.append(row.copy())
            done = len(begun) if row[-1] else max(len(begun) - self._n + 1, 0)
            whole += begun[:done]
            del begun[:done]
            if cut:
                whole += [whole[-1]] * len(begun)
                begun.clear()
        self._calls += 1
        if self._calls < self._n:
            return None
        return np.stack([whole.pop(0) for whole in self._whole])

    def snapshot(self) -> dict[str, Any]:
        """Return what `restore` needs."""
        kept = {"open": self._open, "whole": self._whole}
        plain = {n: [[row.tolist() for row in rows] for rows in of] for n, of in kept.items()}
        return {"calls": self._calls, **plain}

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Go back to a `snapshot`."""
        self._calls = snapshot["calls"]
        self._open, self._whole = (
            [list(map(np.array, rows)) for rows in snapshot[name]] for name in ("open", "whole")
        )
