"""Evaluation: all seeds' episodes at once in the batched simulator."""

import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from synther.agents.base import Agent
from synther.envs.vector import Stepped, VectorEnv
from synther.errors import SyntherError
from synther.jobs.threads import mathematics

WORTH_HALVING = 32
"""Episodes whose policy and simulator are worth a thread each: fewer take a step all together. The
number of threads must not decide it, as rows of smaller products are rounded otherwise."""


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


@mathematics()
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
    begun: Callable[[], Stepped] | None = None

    def require_whole(gone: np.ndarray, observations: np.ndarray) -> None:
        diverged = gone | (live & ~np.isfinite(observations).all(axis=1))
        if diverged.any():
            seed = agent.seeds[int(np.flatnonzero(diverged)[0]) // episodes]
            raise SyntherError(
                f"the simulation diverged in evaluation after {agent.updates} updates (seed "
                f"{seed}): lower the learning rate, or leave the seed out"
            )

    def act(part: slice) -> np.ndarray:
        inputs = torch.as_tensor(
            standardiser(observations).reshape(seeds, episodes, -1)[:, part],
            dtype=parameter.dtype,
            device=parameter.device,
        )
        with torch.no_grad():
            chosen: Tensor = agent.act(inputs)
        actions = np.zeros((seeds, episodes, chosen.shape[-1]))
        actions[:, part] = chosen.cpu().numpy()
        flat = actions.reshape(env.num_envs, -1)
        require_finite_actions(flat, agent.updates)
        return flat

    def settle() -> None:
        """Wait for the step that was begun, if one was."""
        nonlocal observations, returns, begun
        if begun is None:
            return
        (observations, rewards, terminated, truncated), begun = begun(), None
        require_whole(live & (env.diverged | ~np.isfinite(rewards)), observations)
        returns += rewards
        live[terminated | truncated] = False

    require_whole(~live, observations)
    half = episodes if env.num_envs < WORTH_HALVING else (episodes + 1) // 2
    places = np.arange(env.num_envs) % episodes
    halves = [(slice(0, half), places < half)]
    if half < episodes:
        halves.append((slice(half, episodes), places >= half))
    # The policy's mathematics is on one thread: while it acts in one half of the episodes, the
    # simulator has the other half to step, in a thread beside where it has several itself.
    beside = getattr(env, "threads", 1) > 1
    with ThreadPoolExecutor(1) as pool:
        while live.any():
            for part, mask in halves:
                active = live & mask
                if active.any():
                    actions = act(part)
                    settle()  # the other half's step
                    step = functools.partial(env.step, actions, active)
                    begun = pool.submit(step).result if beside else step
                    lengths += active
                if len(halves) == 1 or not active.any():
                    settle()
    return Episodes(returns.reshape(seeds, episodes), lengths.reshape(seeds, episodes))
