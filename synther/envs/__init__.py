"""Batched simulators: `make_env(task, num_envs)` with reset(seeds) and step(actions)."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from synther.config import load
from synther.config.ogbench import PACKAGE
from synther.errors import unknown_name
from synther.jobs import inherited

if TYPE_CHECKING:
    from synther.envs.batch import BatchedEnv
    from synther.envs.vector import ResumableEnv

inherited.fit_renderer()


def simulators() -> dict[str, list[Any]]:
    """Return task -> its module here and what that is given, as config/datasets.yaml has them."""
    every = load("datasets")["tasks"]
    return {task: spec["simulator"] for task, spec in every.items() if "simulator" in spec}


def make_env(
    task: str, num_envs: int, physics: str = "d4rl", threads: int | None = None
) -> ResumableEnv:
    """Return `num_envs` environments of a task, stepped together.

    Args:
        task: one of `simulators()`.
        num_envs: how many.
        physics: "d4rl", the exact physics of D4RL's recordings (the -v2 environments), or "stock",
            the installed MuJoCo's own (what Gymnasium's -v4 environments do). The dmc tasks are
            stepped by dm_control and OGBench's by its package, whatever this says.
        threads: the simulator's; all cores of this process by default. The dmc tasks use one.
    """
    module, *given = simulators().get(task, [""])
    if module == PACKAGE:
        from synther.envs.ogbench import OGBench

        return OGBench(task, num_envs, threads)
    if module == "dm_control":
        from synther.envs.dm_control import DMControl

        domain, name, *repeat = given
        return DMControl(domain, name, num_envs, *repeat)
    if not module:
        raise unknown_name("task", task, simulators())
    return make_batched_env(task, num_envs, physics, threads)


def make_batched_env(
    task: str, num_envs: int, physics: str = "d4rl", threads: int | None = None
) -> BatchedEnv:
    """Return the same for the tasks of D4RL, whose states are open: positions, velocities, goals.

    Raises:
        SyntherError: there is no such task, or it is not one of D4RL's.
    """
    from synther.envs.batch import BatchedEnv

    known = {n: s for n, s in simulators().items() if s[0] not in (PACKAGE, "dm_control")}
    if task not in known:
        raise unknown_name("task", task, known)
    module, name, *maze = known[task]
    made = getattr(importlib.import_module(f"synther.envs.{module}"), name)(*maze)
    made.time_limit = load("datasets")["tasks"][task]["time_limit"]
    return BatchedEnv(made, num_envs, physics, threads)
