"""What every batch of environments is to the training loops, whatever simulates it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np

from synther.errors import SyntherError


class VectorEnv(ABC):
    """`num_envs` independent environments of one task, stepped together.

    An environment whose episode has ended is not reset by itself: it can be stepped on, left out
    (`step(..., active=mask)`) or reset (`reset(seeds, indices=...)`).

    Attributes:
        num_envs: N.
        physics: what simulates, in a word.
        time_limit: steps after which an episode is truncated.
        elapsed: steps (N,) since the episodes began.
        observation_dim: width d of an observation.
        action_dim: width a of an action; every coordinate lies in [-1, 1].
        diverged: booleans (N,): the simulator gave up on the last step. One that raises at once
            instead leaves them False.
    """

    num_envs: int
    physics: str
    time_limit: int
    elapsed: np.ndarray
    observation_dim: int
    action_dim: int
    diverged: np.ndarray

    @abstractmethod
    def observations(self) -> np.ndarray:
        """Return the present observations (N, d), float64."""

    @abstractmethod
    def reset(
        self, seeds: Sequence[int] | np.ndarray | int, indices: np.ndarray | None = None
    ) -> np.ndarray:
        """Start new episodes and return all observations (N, d).

        Args:
            seeds: one an environment that is reset; an environment's start depends on its own
                seed alone. A single integer s stands for s, s + 1, ...
            indices: the environments to reset; all by default.
        """

    @abstractmethod
    def step(
        self, actions: np.ndarray, active: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Step the environments once.

        Args:
            actions: (N, a), in [-1, 1].
            active: booleans (N,): which environments to step. The others stay as they are, with
                reward 0 and no end.

        Returns:
            observations (N, d), rewards (N,), terminated (N,), truncated (N,); a row that reaches
            the time limit in a terminal state is terminated, not truncated.
        """

    @abstractmethod
    def snapshot(self) -> dict[str, np.ndarray]:
        """Return what `restore` needs to go on exactly from here."""

    @abstractmethod
    def restore(self, snapshot: dict[str, np.ndarray]) -> np.ndarray:
        """Go back to a `snapshot`; return observations (N, d)."""

    def _rows_and_seeds(
        self, seeds: Sequence[int] | np.ndarray | int, indices: np.ndarray | None
    ) -> list[tuple[int, int]]:
        """Return the (environment, seed) pairs that a `reset` means."""
        rows = np.arange(self.num_envs) if indices is None else np.asarray(indices)
        if isinstance(seeds, (int, np.integer)):
            seeds = np.arange(seeds, seeds + len(rows))
        if len(seeds) != len(rows):
            raise SyntherError(f"{len(seeds)} seeds for {len(rows)} environments")
        return [(int(row), int(seed)) for row, seed in zip(rows, seeds, strict=True)]

    def _checked_actions(self, actions: np.ndarray) -> np.ndarray:
        """Return actions as (N, a) float64, or raise if they have another shape."""
        actions = np.asarray(actions, dtype=np.float64)
        if actions.shape != (self.num_envs, self.action_dim):
            raise SyntherError(
                f"actions have shape {actions.shape}, expected {(self.num_envs, self.action_dim)}"
            )
        return actions
