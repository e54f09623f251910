"""Batched simulators: `make_env(task, num_envs)` with reset(seeds) and step(actions)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from synther.errors import unknown_name

if TYPE_CHECKING:
    from synther.envs.batch import BatchedEnv


def task_names() -> list[str]:
    """Return the names that `make_env` knows."""
    from synther.envs import locomotion

    return sorted(locomotion.TASKS)


def make_env(
    task: str, num_envs: int, physics: str = "d4rl", threads: int | None = None
) -> BatchedEnv:
    """Return `num_envs` environments of a task, stepped together.

    Args:
        task: hopper, halfcheetah, walker2d.
        num_envs: how many.
        physics: "d4rl", the exact physics of D4RL's recordings (the -v2 environments), or "stock",
            the installed MuJoCo's own (what Gymnasium's -v4 environments do).
        threads: MuJoCo's threads; all cores of this process by default.
    """
    from synther.envs import locomotion
    from synther.envs.batch import BatchedEnv

    if task not in locomotion.TASKS:
        raise unknown_name("task", task, task_names())
    return BatchedEnv(locomotion.TASKS[task](), num_envs, physics, threads)
