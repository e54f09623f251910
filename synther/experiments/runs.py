"""Training jobs, and where their rows lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import ClassVar

from synther.config.specs import source_spec

ONLINE = "online"
"""What the rows of agents that learn in their environment have as their source."""


@dataclass(frozen=True)
class Run:
    """One training job: seeds of one agent that learn from one source of one dataset."""

    part: ClassVar[str] = "offline"
    preset: str
    dataset: str
    source: str
    agent: str
    seeds: tuple[int, ...]

    @property
    def cell(self) -> tuple[str, str, str]:
        """What its rows are of: dataset or task, source, agent."""
        return self.dataset, self.source, self.agent

    @property
    def source_title(self) -> str:
        """What was learned from, as tables print it."""
        title: str = source_spec(self.source)["title"]
        return title

    @property
    def result(self) -> str:
        """Path of the run's rows."""
        seeds = f"seeds-{self.seeds[0]}-{self.seeds[-1]}.parquet"
        return "/".join(("results", self.preset, self.part, *self._names, seeds))

    @property
    def record(self) -> str:
        """Path of the run's resolved configuration, versions and times, beside its rows."""
        return str(PurePosixPath(self.result).with_suffix(".json"))

    @property
    def _names(self) -> tuple[str, ...]:
        return self.dataset, self.source, self.agent


@dataclass(frozen=True)
class PixelRun(Run):
    """One training job: seeds of one agent, on a dataset's frames or on synthetic latents."""

    part: ClassVar[str] = "pixels"

    @property
    def body(self) -> str:
        """Path of the weights that a run on frames leaves."""
        return str(PurePosixPath(self.result).with_suffix(".pt"))


@dataclass(frozen=True)
class OnlineRun(Run):
    """One training job: seeds of one agent that learn in one task.

    The task is its dataset, and `ONLINE` its source.
    """

    part: ClassVar[str] = "online"

    @property
    def source_title(self) -> str:
        """What was learned from: the environment."""
        return ONLINE

    @property
    def task(self) -> str:
        """The task that they learn in."""
        return self.dataset

    @property
    def _names(self) -> tuple[str, ...]:
        return self.dataset, self.agent
