"""Types of options, and the groups of options that many verbs have; their comments are the help."""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, dataclass_transform

from tyro.conf import UseAppendAction, arg
from tyro.constructors import PrimitiveConstructorSpec

from synther import config
from synther.config.settings import parse_assignments
from synther.config.specs import task_spec
from synther.errors import SyntherError
from synther.jobs.threads import cores

if TYPE_CHECKING:
    from synther.transitions import Transitions


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(field,))
class Options:
    """Fields that are options of the command line: its subclasses are frozen dataclasses."""

    def __init_subclass__(cls) -> None:
        dataclass(frozen=True, kw_only=True)(cls)


class Verb(Options, ABC):
    """What a command line asks for; a call does it."""

    @abstractmethod
    def __call__(self) -> None: ...


def whole(lowest: int | None = None) -> PrimitiveConstructorSpec[int]:
    """Return how a whole number is read: 100000, 100_000 or 1e5."""

    def read(words: list[str]) -> int:
        (text,) = words
        try:
            value = int(text)
        except ValueError:
            number = float(text) if re.fullmatch(r"[\d.]+[eE]\d+", text) else math.nan
            if not number.is_integer():
                raise ValueError(f"'{text}' is no whole number") from None
            value = int(number)
        if lowest is not None and value < lowest:
            raise ValueError(f"{value} is below {lowest}")
        return value

    return PrimitiveConstructorSpec(
        nargs=1,
        metavar="INT",
        instance_from_str=read,
        is_instance=lambda value: isinstance(value, int),
        str_from_instance=lambda value: [str(value)],
    )


def several(kind: type) -> PrimitiveConstructorSpec[tuple[Any, ...]]:
    """Return how words are read of which there is one at least, where the option is given."""

    def read(words: list[str]) -> tuple[Any, ...]:
        if not words:
            raise ValueError("name one at least")
        return tuple(map(kind, words))

    return PrimitiveConstructorSpec(
        nargs="*",
        metavar=f"{kind.__name__.upper()} ...",
        instance_from_str=read,
        is_instance=lambda value: isinstance(value, tuple),
        str_from_instance=lambda value: list(map(str, value)),
    )


Paths = Annotated[tuple[Path, ...], several(Path)]
Words = Annotated[tuple[str, ...], several(str)]
Number = Annotated[int, whole()]
Seed = Annotated[int, whole(0)]
Count = Annotated[int, whole(1)]


class Threads(Options):
    """Where it runs."""

    threads: Count = field(default_factory=cores)  # of simulator and large products


class Computing(Threads):
    """Where it runs."""

    device: str = "auto"  # cpu, cuda, cuda:1, or auto: a GPU where there is one

    def choose(self, device: str | None = None) -> str:
        """Return what `choose_device` does of --device, or of the one that is named here."""
        from synther.jobs.devices import choose_device

        return choose_device(device or self.device, self.threads)


class Overrides(Options):
    """Settings, over those of config/."""

    # override a setting, as YAML; may be given often
    set: Annotated[UseAppendAction[tuple[str, ...]], arg(metavar="KEY=VALUE")] = ()

    def parsed(self) -> dict[str, Any]:
        """Return what --set says, by key."""
        return parse_assignments(self.set)


class Scaling(Overrides):
    """Settings, over those of config/."""

    preset: str | None = None  # scale settings by config/presets/PRESET.yaml


class Terminals(Options):
    """How files are read."""

    # flags above it are 1, the others 0; without it they must be so already
    threshold_terminals: Annotated[float | None, arg(metavar="NUMBER")] = None


class Rows(Terminals):
    """How files are read."""

    # take an HDF5 file's own, and not the row after, where rows are in no order
    own_next_observations: bool = False


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


def require_suffix(out: Path, *suffixes: str) -> Path:
    """Return `out` if it ends in one of the suffixes; it is an error where it does not."""
    if out.suffix not in suffixes:
        raise SyntherError(f"--out {out} must end in {suffixes[0]}")
    return out
