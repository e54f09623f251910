"""How verbs read files as transitions, whose they must be, and what records say of it."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synther import config
from synther.config.specs import task_spec
from synther.errors import SyntherError
from synther.transitions import Transitions


@dataclass(frozen=True)
class Reading:
    """The keywords of `synther.datasets.d4rl.load_transitions`."""

    task: str | None
    time_limit: int | None
    threshold_terminals: float | None
    own_next_observations: bool

    def read(self, path: str | Path) -> Transitions:
        """Return a file's transitions."""
        from synther.datasets.d4rl import load_transitions

        return load_transitions(path, **vars(self))

    def record(self) -> dict[str, Any]:
        """Return what records say: whose rows, and how they were read if not as a rule."""
        return {
            name: value
            for name, value in vars(self).items()
            if name in ("task", "time_limit") or value not in (None, False)
        }


def told_task(options: argparse.Namespace) -> str | None:
    """Return the task that --task, or --dataset, names.

    Raises:
        SyntherError: one is unknown, or they name different tasks.
    """
    task: str | None = getattr(options, "task", None)
    if dataset := getattr(options, "dataset", None):
        of_dataset = config.spec(dataset, "dataset")["task"]
        if task not in (None, of_dataset):
            raise SyntherError(
                f"--dataset {dataset} is of task '{of_dataset}', --task is {task}: leave one out"
            )
        task = of_dataset
    if task is not None:
        task_spec(task)
    return task


def reading(options: argparse.Namespace, *paths: str | Path) -> Reading:
    """Return how files are read: as options say, else as their task has it.

    Raises:
        SyntherError: a file is of another task than options name, or than another file.
    """
    from synther.datasets.belonging import common_task

    task = common_task(paths, told_task(options))
    limit = options.time_limit
    if limit is None and task is not None:
        limit = task_spec(task)["time_limit"]
    return Reading(task, limit, options.threshold_terminals, options.own_next_observations)
