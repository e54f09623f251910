"""Training jobs, and where their rows lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import ClassVar


def _rows(preset: str, *names: str, seeds: tuple[int, ...]) -> str:
    return "/".join(("results", preset, *names, f"seeds-{seeds[0]}-{seeds[-1]}.parquet"))


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
    def result(self) -> str:
        """Path of the run's rows; its resolved configuration stands beside it as `.json`."""
        names = self.part, self.dataset, self.source, self.agent
        return _rows(self.preset, *names, seeds=self.seeds)


@dataclass(frozen=True)
class PixelRun(Run):
    """One training job: seeds of one agent, on a dataset's frames or on synthetic latents."""

    part: ClassVar[str] = "pixels"

    @property
    def body(self) -> str:
        """Path of the weights that a run on frames leaves."""
        return str(PurePosixPath(self.result).with_suffix(".pt"))


@dataclass(frozen=True)
class OnlineRun:
    """One training job: seeds of one agent that learn in one task."""

    preset: str
    task: str
    agent: str
    seeds: tuple[int, ...]

    @property
    def result(self) -> str:
        """Path of the run's rows."""
        return _rows(self.preset, "online", self.task, self.agent, seeds=self.seeds)

    @property
    def record(self) -> str:
        """Path of the run's settings, versions and times."""
        return str(PurePosixPath(self.result).with_suffix(".json"))
