"""How verbs read files as transitions, whose they must be, and what records say of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import arg

from synther import config
from synther.cli.options import Count
from synther.config.specs import task_spec
from synther.errors import SyntherError

if TYPE_CHECKING:
    from synther.transitions import Transitions


@dataclass(frozen=True, kw_only=True)
class Terminals:
    """How files are read."""

    # flags above it are 1, the others 0; without it they must be so already
    threshold_terminals: Annotated[float | None, arg(metavar="NUMBER")] = None


@dataclass(frozen=True, kw_only=True)
class Rows(Terminals):
    """How files are read."""

    # take an HDF5 file's own, and not the row after, where rows are in no order
    own_next_observations: bool = False


@dataclass(frozen=True, kw_only=True)
class Reading(Rows):
    """How files are read: the keywords of `synther.datasets.d4rl.load_transitions`."""

    task: str | None = None  # whose rows these must be; what dataset or files say by default

    # steps after which episodes are cut, for HDF5 without timeouts; the task's by default
    time_limit: Count | None = None

    def of(self, *paths: Path, dataset: str | None = None) -> Reading:
        """Return how files are read: as options say, else as their task has it.

        Raises:
            SyntherError: a file is of another task than options name, or than another file.
        """
        from synther.datasets.belonging import common_task

        task = common_task(paths, told_task(self.task, dataset))
        limit = self.time_limit
        if limit is None and task is not None:
            limit = task_spec(task)["time_limit"]
        return replace(self, task=task, time_limit=limit)

    def read(self, path: Path) -> Transitions:
        """Return a file's transitions."""
        from synther.datasets.d4rl import load_transitions

        return load_transitions(path, **vars(self))

    def record(self) -> dict[str, Any]:
        """Return what records say: whose rows, and how they were read if not as a rule."""
        unusual = {name: value for name, value in vars(self).items() if value not in (None, False)}
        return {"task": self.task, "time_limit": self.time_limit, **unusual}


def told_task(task: str | None, dataset: str | None) -> str | None:
    """Return the task that --task, or --dataset, names.

    Raises:
        SyntherError: one is unknown, or they name different tasks.
    """
    if dataset:
        of_dataset: str = config.spec(dataset, "dataset")["task"]
        if task not in (None, of_dataset):
            raise SyntherError(
                f"--dataset {dataset} is of task '{of_dataset}', --task is {task}: leave one out"
            )
        task = of_dataset
    if task is not None:
        task_spec(task)
    return task


def require_task(task: str | None, dataset: str | None) -> str:
    """Return what `told_task` does; it is an error where neither is given."""
    if (told := told_task(task, dataset)) is None:
        raise SyntherError("give --task, or --dataset, whose task it then is")
    return told
