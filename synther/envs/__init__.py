"""Batched simulators: `make_env(task, num_envs)` with reset(seeds) and step(actions)."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from synther.config import load
from synther.config.ogbench import PACKAGE
from synther.errors import unknown_name
from synther.jobs import inherited

if TYPE_CHECKING:
    from synther.envs.batch import BatchedEnv
    from synther.envs.vector import ResumableEnv

inherited.fit_renderer()

# Task: its module here and its class (:maze), or the suite's name of it (:steps of it an action).
# MuJoCo is loaded only when one is made.
TASKS: dict[str, tuple[str, str]] = {
    "hopper": ("locomotion", "Hopper"),
    "halfcheetah": ("locomotion", "HalfCheetah"),
    "walker2d": ("locomotion", "Walker2d"),
    "maze2d-umaze": ("maze2d", "Maze2d:umaze"),
    "maze2d-medium": ("maze2d", "Maze2d:medium"),
    "maze2d-large": ("maze2d", "Maze2d:large"),
    "antmaze-umaze": ("antmaze", "AntMaze:umaze"),
    "antmaze-medium-play": ("antmaze", "AntMaze:medium-play"),
    "antmaze-large-play": ("antmaze", "AntMaze:large-play"),
    "dmc-cheetah-run": ("dm_control", "cheetah-run"),
    "dmc-quadruped-walk": ("dm_control", "quadruped-walk"),
    "dmc-reacher-hard": ("dm_control", "reacher-hard"),
    "dmc-reacher-easy": ("dm_control", "reacher-easy"),
    "dmc-walker-walk": ("dm_control", "walker-walk"),
    "dmc-pendulum-swingup": ("dm_control", "pendulum-swingup"),
    # with every action held for two steps, as pixel agents act
    "dmc-walker-walk-repeat2": ("dm_control", "walker-walk:2"),
    "dmc-cheetah-run-repeat2": ("dm_control", "cheetah-run:2"),
}


def task_names() -> list[str]:
    """Return the names that `make_env` knows."""
    return sorted({*TASKS, *_ogbench_tasks()})


def _ogbench_tasks() -> list[str]:
    every = load("datasets")["tasks"]
    return [task for task, spec in every.items() if spec.get("package") == PACKAGE]


def make_env(
    task: str, num_envs: int, physics: str = "d4rl", threads: int | None = None
) -> ResumableEnv:
    """Return `num_envs` environments of a task, stepped together.

    Args:
        task: one of `task_names()`.
        num_envs: how many.
        physics: "d4rl", the exact physics of D4RL's recordings (the -v2 environments), or "stock",
            the installed MuJoCo's own (what Gymnasium's -v4 environments do). The dmc tasks are
            stepped by dm_control and OGBench's by its package, whatever this says.
        threads: the simulator's; all cores of this process by default. The dmc tasks use one.
    """
    if task in _ogbench_tasks():
        from synther.envs.ogbench import OGBench

        return OGBench(task, num_envs, threads)
    if task not in TASKS:
        raise unknown_name("task", task, task_names())
    module, name = TASKS[task]
    if module == "dm_control":
        from synther.envs.dm_control import DMControl

        name, _, repeat = name.partition(":")
        domain, _, rest = name.partition("-")
        return DMControl(domain, rest, num_envs, int(repeat or 1))
    return make_batched_env(task, num_envs, physics, threads)


def make_batched_env(
    task: str, num_envs: int, physics: str = "d4rl", threads: int | None = None
) -> BatchedEnv:
    """Return the same for the tasks of D4RL, whose states are open: positions, velocities, goals.

    Raises:
        SyntherError: there is no such task, or it is not one of D4RL's.
    """
    from synther.envs.batch import BatchedEnv

    known = [name for name, (module, _) in TASKS.items() if module != "dm_control"]
    if task not in known:
        raise unknown_name("task", task, known)
    module, factory = TASKS[task]
    name, *maze = factory.split(":")
    made = getattr(importlib.import_module(f"synther.envs.{module}"), name)(*maze)
    made.time_limit = load("datasets")["tasks"][task]["time_limit"]
    return BatchedEnv(made, num_envs, physics, threads)
