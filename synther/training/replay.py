"""Replay buffers on the device: one tensor of packed transitions, K seeds side by side."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from synther.agents.base import Batch
from synther.errors import SyntherError
from synther.training.n_step import NStepRows


def unpack(rows: Tensor, observation_dim: int, action_dim: int, going_on: float = 1.0) -> Batch:
    """Return rows (K, B, 2 d + a + 2), packed as `Transitions.packed` has them, as a batch.

    Of rows of n steps, `going_on` is gamma^(n - 1), and 1 - terminal becomes that share of itself:
    an agent, which multiplies it by gamma, bootstraps them with gamma^n.
    """
    d, a = observation_dim, action_dim
    terminals = rows[..., 2 * d + a + 1]
    if going_on < 1:
        terminals = 1 - going_on * (1 - terminals)
    return Batch(
        observations=rows[..., :d],
        actions=rows[..., d : d + a],
        rewards=rows[..., d + a],
        next_observations=rows[..., d + a + 1 : 2 * d + a + 1],
        terminals=terminals,
    )


class Replay:
    """The last `capacity` transitions of each of K seeds.

    Args:
        seeds: K.
        capacity: rows a seed.
        observation_dim: d.
        action_dim: a.
        device: where the rows lie and minibatches are gathered.
        dtype: of the rows.
        n_step: what makes rows of n steps of those that are added.

    Attributes:
        added: rows a seed ever added or filled in.
        count: `size` as a float64 tensor () on the device, for what is captured in a CUDA graph.
    """

    def __init__(
        self,
        seeds: int,
        capacity: int,
        observation_dim: int,
        action_dim: int,
        device: str = "cpu",
        dtype: torch.dtype = torch.float32,
        n_step: NStepRows | None = None,
    ) -> None:
        self._n_step = n_step
        self.widths = (observation_dim, action_dim)
        width = 2 * observation_dim + action_dim + 2
        self._rows = torch.zeros(seeds, capacity, width, dtype=dtype, device=device)
        self._firsts = capacity * torch.arange(seeds, device=device)[:, None]
        self.capacity, self.added = capacity, 0
        self.count = torch.zeros((), dtype=torch.float64, device=device)

    @property
    def size(self) -> int:
        """Rows a seed in it, the same for all."""
        return min(self.added, self.capacity)

    def rows(self) -> Tensor:
        """Return all rows (K, size, 2 d + a + 2) in it: a view, oldest first until it is full."""
        return self._rows[:, : self.size]

    def add(
        self,
        observations: np.ndarray,
        actions: np.ndarray,
        rewards: np.ndarray,
        next_observations: np.ndarray,
        terminated: np.ndarray,
        truncated: np.ndarray | None = None,
    ) -> None:
        """Store one transition a seed: (K, d), (K, a), (K,), (K, d), (K,), (K,).

        `terminated` is what the simulator calls so: an episode that is cut by its time limit has
        not terminated but is `truncated`, and its value goes on. Rows of n steps come later.
        """
        packed = np.concatenate(
            [
                observations,
                actions,
                rewards[:, None],
                next_observations,
                terminated[:, None].astype(np.float64),
            ],
            axis=1,
        )
        if self._n_step is not None:
            cut = np.zeros(len(rewards), dtype=bool) if truncated is None else truncated
            if (whole := self._n_step.add(packed, cut)) is None:
                return
            packed = whole
        where = self.added % self.capacity
        self._rows[:, where] = torch.as_tensor(packed).to(self._rows)
        self.added += 1
        self.count.fill_(self.size)

    def fill(self, rows: Tensor) -> None:
        """Put rows (K, n, 2 d + a + 2), n up to the capacity, in place of all that is in it."""
        if rows.shape[1] > self.capacity:
            raise SyntherError(f"{rows.shape[1]} rows do not fit a buffer of {self.capacity}")
        self._rows[:, : rows.shape[1]] = rows
        self.added = rows.shape[1]
        self.count.fill_(self.size)

    def gather(self, places: Tensor) -> Tensor:
        """Return rows (K, B, 2 d + a + 2) at `places` (K, B) in [0, 1): shares of what is in it."""
        chosen = (places * self.count).long() + self._firsts
        width = self._rows.shape[-1]
        found = self._rows.view(-1, width).index_select(0, chosen.view(-1))
        return found.view(*chosen.shape, width)

    def snapshot(self) -> dict[str, Any]:
        """Return what `restore` needs."""
        begun = {"n_step": self._n_step.snapshot()} if self._n_step else {}
        return {"rows": self.rows().clone(), "added": self.added, **begun}

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Go back to a `snapshot`."""
        self.fill(snapshot["rows"].to(self._rows))
        if self._n_step:
            self._n_step.restore(snapshot["n_step"])
        self.added = snapshot["added"]
