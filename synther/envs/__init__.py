"""Batched simulators: `make_env(task, num_envs)` with reset(seeds) and step(actions)."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from synther.errors import unknown_name

if TYPE_CHECKING:
    from synther.envs.batch import BatchedEnv

# Task: its module here and its class. MuJoCo is loaded only when one is made.
TASKS: dict[str, tuple[str, str]] = {
    "hopper": ("locomotion", "Hopper"),
    "halfcheetah": ("locomotion", "HalfCheetah"),
    "walker2d": ("locomotion", "Walker2d"),
    "maze2d-umaze": ("maze2d", "UMaze"),
    "maze2d-medium": ("maze2d", "MediumMaze"),
    "maze2d-large": ("maze2d", "LargeMaze"),
    "antmaze-umaze": ("antmaze", "UMaze"),
    "antmaze-medium-play": ("antmaze", "MediumMaze"),
    "antmaze-large-play": ("antmaze", "LargeMaze"),
}


def task_names() -> list[str]:
    """Return the names that `make_env` knows."""
    return sorted(TASKS)


def make_env(
    task: str,
    num_envs: int,
    physics: str = "d4rl",
    threads: int | None = None,
    **options: Any,
) -> BatchedEnv:
    """Return `num_envs` environments of a task, stepped together.

    Args:
        task: one of `task_names()`.
        num_envs: how many.
        physics: "d4rl", the exact physics of D4RL's recordings (the -v2 environments), or "stock",
            the installed MuJoCo's own (what Gymnasium's -v4 environments do).
        threads: MuJoCo's threads; all cores of this process by default.
        options: the task's own, such as `dense=True` for maze2d.
    """
    from synther.envs.batch import BatchedEnv

    if task not in TASKS:
        raise unknown_name("task", task, task_names())
    module, factory = TASKS[task]
    made = getattr(importlib.import_module(f"synther.envs.{module}"), factory)(**options)
    return BatchedEnv(made, num_envs, physics, threads)
