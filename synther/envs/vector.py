"""What every batch of environments is to the training loops, whatever simulates it."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from synther.errors import SyntherError


class Stepped(NamedTuple):
    """What one step of N environments gives."""

    observations: np.ndarray
    """(N, ...), of all of them."""
    rewards: np.ndarray
    """(N,) float64."""
    terminated: np.ndarray
    """(N,) bool: the step led to a terminal state."""
    truncated: np.ndarray
    """(N,) bool: it reached the time limit, and no terminal state."""


class VectorEnv(ABC):
    """`num_envs` independent environments of one task, stepped together.

    An environment whose episode has ended is not reset by itself: it can be stepped on, left out
    (`step(..., active=mask)`) or reset (`reset(seeds, indices=...)`).

    Attributes:
        num_envs: N.
        physics: what simulates, in a word.
        time_limit: steps after which an episode is truncated.
        elapsed: steps (N,) since the episodes began.
        action_dim: width a of an action; every coordinate lies in [-1, 1].
        diverged: booleans (N,): the simulator gave up on the last step. One that raises at once
            instead leaves them False.
    """

    physics: str
    time_limit: int
    action_dim: int
    _observations: np.ndarray
    """The present observations (N, ...), where they are not computed from states."""

    def __init__(self, num_envs: int) -> None:
        if num_envs < 1:
            raise SyntherError(f"num_envs is {num_envs}; it must be at least 1")
        self.num_envs = num_envs
        self.elapsed = np.zeros(num_envs, dtype=np.int64)
        self.diverged = np.zeros(num_envs, dtype=bool)

    def observations(self) -> np.ndarray:
        """Return the present observations (N, ...): float64, or frames in uint8."""
        return self._observations.copy()

    @abstractmethod
    def _begin(self, rows: np.ndarray, seeds: Sequence[int]) -> None:
        """Start new episodes of the environments at rows (n,), a seed each."""

    @abstractmethod
    def _advance(self, rows: Any, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Step the environments at `rows`, one or more; return (n,) rewards and terminated.

        Args:
            rows: a slice of all, or indices (n,).
            actions: (N, a) float64.
        """

    def reset(
        self, seeds: Sequence[int] | np.ndarray | int, indices: np.ndarray | None = None
    ) -> np.ndarray:
        """Start new episodes and return all observations (N, d).

        Args:
            seeds: one an environment that is reset; an environment's start depends on its own
                seed alone. A single integer s stands for s, s + 1, ...
            indices: the environments to reset; all by default.
        """
        rows = np.arange(self.num_envs) if indices is None else np.asarray(indices)
        if isinstance(seeds, (int, np.integer)):
            seeds = range(int(seeds), int(seeds) + len(rows))
        if len(seeds) != len(rows):
            raise SyntherError(f"{len(seeds)} seeds for {len(rows)} environments")
        self._begin(rows, [int(seed) for seed in seeds])
        self.elapsed[rows] = 0
        return self.observations()

    def step(self, actions: np.ndarray, active: np.ndarray | None = None) -> Stepped:
        """Step the environments once.

        Args:
            actions: (N, a), in [-1, 1]; MuJoCo and the packages clip what lies outside.
            active: booleans (N,): which environments to step. The others stay as they are, with
                reward 0 and no end.

        Raises:
            SyntherError: actions have another shape, or the simulator says that it diverged.
        """
        actions = np.asarray(actions, dtype=np.float64)
        if actions.shape != (self.num_envs, self.action_dim):
            raise SyntherError(
                f"actions have shape {actions.shape}, expected {(self.num_envs, self.action_dim)}"
            )
        rows: Any = slice(None) if active is None or active.all() else np.flatnonzero(active)
        rewards = np.zeros(self.num_envs)
        terminated = np.zeros(self.num_envs, dtype=bool)
        truncated = np.zeros(self.num_envs, dtype=bool)
        if len(self.elapsed[rows]):
            rewards[rows], terminated[rows] = self._advance(rows, actions)
            self.elapsed[rows] += 1
            truncated[rows] = (self.elapsed[rows] >= self.time_limit) & ~terminated[rows]
        return Stepped(self.observations(), rewards, terminated, truncated)


class ResumableEnv(VectorEnv):
    """Environments whose observations are vectors, and that go on exactly from a snapshot.

    Attributes:
        observation_dim: width d of an observation.
    """

    observation_dim: int

    @abstractmethod
    def snapshot(self) -> dict[str, np.ndarray]:
        """Return what `restore` needs to go on exactly from here."""

    @abstractmethod
    def restore(self, snapshot: dict[str, np.ndarray]) -> np.ndarray:
        """Go back to a `snapshot`; return observations (N, d)."""
