"""Training jobs, and where their rows lie."""

from dataclasses import dataclass

ONLINE = "online"
"""What the rows of agents that learn in their environment have as their source."""


@dataclass(frozen=True)
class Run:
    """One training job: seeds of one agent that learn from one source of one dataset.

    Attributes:
        preset: slug.
        dataset: its slug; of agents that learn in their environment, the task's.
        source: its slug, or `ONLINE`.
        agent: its slug.
        seeds: of the stack.
        part: of the workflow: offline, online or pixels.
    """

    preset: str
    dataset: str
    source: str
    agent: str
    seeds: tuple[int, ...]
    part: str = "offline"

    @property
    def cell(self) -> tuple[str, str, str]:
        """What its rows are of: dataset or task, source, agent."""
        return self.dataset, self.source, self.agent

    @property
    def result(self) -> str:
        """Path of the run's rows."""
        return self._file(".parquet")

    @property
    def record(self) -> str:
        """Path of the run's resolved configuration, versions and times, beside its rows."""
        return self._file(".json")

    @property
    def body(self) -> str:
        """Path of the weights that a run on frames leaves."""
        return self._file(".pt")

    def _file(self, suffix: str) -> str:
        names = [name for name in self.cell if name != ONLINE]
        seeds = f"seeds-{self.seeds[0]}-{self.seeds[-1]}{suffix}"
        return "/".join(("results", self.preset, self.part, *names, seeds))
