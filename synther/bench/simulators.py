"""Evaluation against MuJoCo's own rollout without a policy."""

from collections.abc import Iterator
from typing import Any
from unittest import mock

import mujoco
import mujoco.rollout
import numpy as np

from synther.agents.base import Agent
from synther.agents.td3_bc import TD3BC, TD3BCSettings
from synther.bench.measure import Measurement, seconds
from synther.envs import make_batched_env
from synther.envs.batch import BatchedEnv
from synther.jobs.threads import cores
from synther.training.evaluate import Standardiser, evaluate

TASK = "halfcheetah"
"""No episode of it ends before the time limit, so that all comparisons take the same steps."""
SEEDS, EPISODES, STEPS = 8, 10, 200
TARGET = 0.6


def measure(device: str, least: float = 0.5) -> Iterator[Measurement]:
    """Measure environment steps/s of evaluation, with the policy in the loop, on all cores."""
    threads = cores()
    env = make_batched_env(TASK, SEEDS * EPISODES, threads=threads)
    env.time_limit = STEPS
    d, a = env.observation_dim, env.action_dim
    agent = TD3BC(d, a, range(SEEDS), TD3BCSettings(), device=device)
    identity = Standardiser(np.zeros(d), np.ones(d))
    states, controls = episodes(env, agent, identity)
    rollout = mujoco.rollout.Rollout(nthread=threads if threads > 1 else 0)
    data = [mujoco.MjData(env.model) for _ in range(threads)]
    took, limit = seconds(
        [
            lambda: evaluate(agent, env, identity),
            lambda: rollout.rollout(env.model, data, states, controls),
        ],
        device,
        least,
        rounds=3,
    )
    number = SEEDS * EPISODES * STEPS
    name = f"{TASK}, {SEEDS} seeds x {EPISODES} episodes, {threads} threads"
    against = "mujoco.rollout, same actions"
    yield Measurement("evaluation", name, "steps/s", number / took, number / limit, against, TARGET)


def episodes(
    env: BatchedEnv, agent: Agent, standardiser: Standardiser
) -> tuple[np.ndarray, np.ndarray]:
    """Return the starts (N, state) of an evaluation, and its controls (N, substeps, a)."""
    starts: list[np.ndarray] = []
    actions: list[np.ndarray] = []
    step = env.step

    def noting(chosen: np.ndarray, active: np.ndarray | None = None) -> Any:
        if not actions:
            starts.append(env.snapshot()["states"])
        actions.append(chosen)
        return step(chosen, active)

    with mock.patch.object(env, "step", noting):
        evaluate(agent, env, standardiser)
    return starts[0], np.stack(actions, axis=1).repeat(env.task.frame_skip, axis=1)
