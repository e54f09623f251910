"""Evaluation: all seeds' episodes at once in the batched simulator."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from synther.agents.base import Agent
from synther.envs.vector import VectorEnv
from synther.errors import SyntherError


@dataclass(frozen=True)
class Standardiser:
    """What maps an environment's observations to an agent's: (s - mean) / std, (d,) each."""

    mean: np.ndarray
    std: np.ndarray

    def __call__(self, observations: np.ndarray) -> np.ndarray:
        """Return standardised observations (..., d)."""
        return (observations - self.mean) / self.std


@dataclass(frozen=True)
class Episodes:
    """What evaluation measures: undiscounted returns and lengths, (K, episodes) each."""

    returns: np.ndarray
    lengths: np.ndarray


def episode_seeds(seed: int, episodes: int) -> np.ndarray:
    """Return the reset seeds (episodes,) of a training seed: the same at every evaluation."""
    return np.random.SeedSequence([seed, 7]).generate_state(episodes, np.uint64)


def require_finite_actions(actions: np.ndarray, updates: int) -> None:
    """Refuse actions that no simulator can take and some take for 0.

    Raises:
        SyntherError: one is NaN or infinite.
    """
    if not np.isfinite(actions).all():
        raise SyntherError(
            f"an action is NaN or infinite after {updates} updates: lower the agent's learning "
            "rate, or check the data that it learned from"
        )


@contextmanager
def one_thread() -> Iterator[None]:
    """Within the block, do torch's mathematics on one thread.

    A policy's products for a few episodes are too small to share, and threads that wait for the
    next ones keep the simulator's from their cores: evaluation on two cores takes twice as long.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@one_thread()
def evaluate(agent: Agent, env: VectorEnv, standardiser: Standardiser) -> Episodes:
    """Run `env.num_envs` / K episodes of each of the agent's K seeds to their end.

    Args:
        agent: acts without exploration.
        env: environments of seed k are rows k E ... (k + 1) E - 1.
        standardiser: applied to observations before the agent sees them.

    Raises:
        SyntherError: the simulation diverged, or an action is NaN or infinite.
    """
    seeds = len(agent.seeds)
    episodes = env.num_envs // seeds
    observations = env.reset(np.concatenate([episode_seeds(s, episodes) for s in agent.seeds]))
    parameter = next(agent.parameters())
    returns, lengths = np.zeros(env.num_envs), np.zeros(env.num_envs, dtype=np.int64)
    live = np.ones(env.num_envs, dtype=bool)

    def require_whole(gone: np.ndarray, observations: np.ndarray) -> None:
        diverged = gone | (live & ~np.isfinite(observations).all(axis=1))
        if diverged.any():
            seed = agent.seeds[int(np.flatnonzero(diverged)[0]) // episodes]
            raise SyntherError(
                f"the simulation diverged in evaluation after {agent.updates} updates (seed "
                f"{seed}): lower the learning rate, or leave the seed out"
            )

    require_whole(~live, observations)
    while live.any():
        inputs = torch.as_tensor(
            standardiser(observations).reshape(seeds, episodes, -1),
            dtype=parameter.dtype,
            device=parameter.device,
        )
        with torch.no_grad():
            actions: Tensor = agent.act(inputs)
        flat = actions.reshape(env.num_envs, -1).cpu().numpy().astype(np.float64)
        require_finite_actions(flat, agent.updates)
        observations, rewards, terminated, truncated = env.step(flat, active=live)
        require_whole(live & (env.diverged | ~np.isfinite(rewards)), observations)
        returns += rewards
        lengths += live
        live &= ~(terminated | truncated)
    return Episodes(returns.reshape(seeds, episodes), lengths.reshape(seeds, episodes))
