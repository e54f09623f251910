"""Behaviour policies: a SAC run whose snapshots, from random to good, collect datasets.

D4RL's levels are stages of one SAC run. A snapshot is an `.npz` of the policy's layers (the format
of `synther.datasets.policies`); `returns.json` beside the snapshots gives their mean returns.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from synther import provenance
from synther.agents.base import Batch
from synther.agents.sac import SAC, SACSettings
from synther.envs import make_env
from synther.envs.batch import BatchedEnv
from synther.files import atomic_path, write_json
from synther.progress import Progress
from synther.settings import as_dict
from synther.training.streams import RandomStreams


@dataclass(frozen=True)
class BehaviourSettings:
    """The recipe of one task's behaviour policies."""

    updates: int = 100_000
    """Critic updates in all; the policy is updated as often."""
    env_steps_per_update: int = 4
    """Environments stepped together, once an update."""
    random_steps: int = 5_000
    """Environment steps with uniformly random actions before the first update."""
    snapshots: int = 10
    """Saved policies, evenly spaced over the updates."""
    evaluation_episodes: int = 20
    """Episodes a snapshot, with sampled actions, as datasets are collected."""
    hidden: tuple[int, ...] = (128, 128)
    """Widths of all hidden layers."""
    batch_size: int = 256
    """Transitions an update."""
    learning_rate: float = 1e-3
    """Of actor, critics and temperature."""


class _Replay:
    """All transitions of one run, in one tensor each, in the order they were made."""

    def __init__(self, rows: int, observation_dim: int, action_dim: int) -> None:
        self.observations = torch.zeros(rows, observation_dim)
        self.actions = torch.zeros(rows, action_dim)
        self.rewards = torch.zeros(rows)
        self.next_observations = torch.zeros(rows, observation_dim)
        self.terminals = torch.zeros(rows)
        self.size = 0

    def add(self, *arrays: np.ndarray) -> None:
        n = len(arrays[0])
        span = slice(self.size, self.size + n)
        fields = (
            self.observations,
            self.actions,
            self.rewards,
            self.next_observations,
            self.terminals,
        )
        for field, array in zip(fields, arrays, strict=True):
            field[span] = torch.as_tensor(array, dtype=torch.float32)
        self.size += n

    def batch(self, number: int, generator: torch.Generator) -> Batch:
        rows = torch.randint(self.size, (number,), generator=generator)
        return Batch(
            self.observations[rows][None],
            self.actions[rows][None],
            self.rewards[rows][None],
            self.next_observations[rows][None],
            self.terminals[rows][None],
        )


def policy_arrays(agent: SAC) -> dict[str, np.ndarray]:
    """Return a one-seed SAC policy in D4RL's format: fc0, fc1, last_fc, last_fc_log_std."""
    arrays: dict[str, np.ndarray] = {}
    weights = [w[0].detach().T.cpu().numpy() for w in agent.actor.weights]
    biases = [b[0, 0].detach().cpu().numpy() for b in agent.actor.biases]
    for layer, (weight, bias) in enumerate(zip(weights[:-1], biases[:-1], strict=True)):
        arrays[f"fc{layer}/weight"], arrays[f"fc{layer}/bias"] = weight, bias
    a = agent.action_dim
    arrays["last_fc/weight"], arrays["last_fc/bias"] = weights[-1][:a], biases[-1][:a]
    arrays["last_fc_log_std/weight"] = weights[-1][a:]
    arrays["last_fc_log_std/bias"] = biases[-1][a:]
    arrays = {name: array.astype(np.float16) for name, array in arrays.items()}
    return {
        **arrays,
        "nonlinearity": np.array("relu"),
        "output_distribution": np.array("tanh_gaussian"),
        "algorithm": np.array("SAC"),
        "iteration": np.array(agent.updates),
    }


def _returns(agent: SAC, env: BatchedEnv, seed: int) -> np.ndarray:
    """Return the undiscounted returns of one episode an environment, with sampled actions."""
    generator = torch.Generator().manual_seed(seed)
    observations = env.reset(1_000_000 + seed)
    totals, live = np.zeros(env.num_envs), np.ones(env.num_envs, dtype=bool)
    while live.any():
        noise = torch.randn(1, env.num_envs, env.action_dim, generator=generator)
        with torch.no_grad():
            actions = agent.explore(torch.as_tensor(observations[None]).float(), noise)[0]
        observations, rewards, terminated, truncated = env.step(actions.numpy(), active=live)
        totals += rewards
        live &= ~(terminated | truncated)
    return totals


def train_behaviour(
    task: str, out: Path, settings: BehaviourSettings, seed: int = 0, threads: int = 1
) -> dict[str, Any]:
    """Train SAC on `task` and leave `snapshots` + 1 policies and `returns.json` in `out`.

    Time-outs are not terminals. Returns the content of `returns.json`.
    """
    started = time.monotonic()
    env = make_env(task, settings.env_steps_per_update, threads=threads)
    judge = make_env(task, settings.evaluation_episodes, threads=threads)
    sac = SACSettings(
        batch_size=settings.batch_size,
        hidden=settings.hidden,
        learning_rate=settings.learning_rate,
    )
    agent = SAC(env.observation_dim, env.action_dim, [seed], sac)
    explore = RandomStreams([seed], {"noise": (env.num_envs, env.action_dim)}, purpose=2)
    learn = RandomStreams([seed], agent.noise(), purpose=3)
    sampler = torch.Generator().manual_seed(seed * 1_000_003 + 4)
    uniform = np.random.default_rng(seed)
    warm_up = -(-settings.random_steps // env.num_envs)
    replay = _Replay(
        (warm_up + settings.updates) * env.num_envs, env.observation_dim, env.action_dim
    )
    episodes = env.num_envs
    observations = env.reset(seed * 10_000)
    returns: dict[str, Any] = {}

    def snapshot(index: int) -> float:
        measured = _returns(agent, judge, seed)
        name = f"{task}_{index}"
        with atomic_path(out / f"{name}.npz") as temporary, open(temporary, "wb") as handle:
            np.savez_compressed(handle, **policy_arrays(agent))  # type: ignore[arg-type]
        returns[name] = {
            "return_mean": float(measured.mean()),
            "return_std": float(measured.std(ddof=1)),
            "updates": agent.updates,
            "env_steps": replay.size,
        }
        return float(measured.mean())

    mean_return = snapshot(0)
    interval = max(settings.updates // settings.snapshots, 1)
    with Progress(settings.updates, f"SAC on {task}", "update") as progress:
        for step in range(warm_up + settings.updates):
            if step < warm_up:
                actions = uniform.uniform(-1, 1, (env.num_envs, env.action_dim))
            else:
                with torch.no_grad():
                    inputs = torch.as_tensor(observations[None], dtype=torch.float32)
                    actions = agent.explore(inputs, explore.next()["noise"])[0].numpy()
            following, rewards, terminated, truncated = env.step(actions)
            replay.add(observations, actions, rewards, following, terminated)
            ended = np.flatnonzero(terminated | truncated)
            if len(ended):
                seeds = seed * 10_000 + episodes + np.arange(len(ended))
                episodes += len(ended)
                following = env.reset(seeds, indices=ended)
            observations = following
            if step >= warm_up:
                batch, noise = replay.batch(settings.batch_size, sampler), learn.next()
                agent.update(batch, noise)
                agent.update_policy(batch, noise)
                if agent.updates % interval == 0:
                    mean_return = snapshot(agent.updates // interval)
                progress.advance(1, mean_return=mean_return)
    record = {
        "returns": returns,
        "recipe": as_dict(settings),
        "seed": seed,
        "physics": env.physics,
        "wall_time_s": round(time.monotonic() - started, 1),
        **provenance.describe(),
    }
    write_json(out / "returns.json", record)
    return record
