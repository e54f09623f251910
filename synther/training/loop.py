"""The loop of agents that learn from fixed data: update, log, evaluate, checkpoint."""

import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from synther.errors import SyntherError
from synther.jobs.checkpoint import Checkpoint
from synther.jobs.progress import Progress
from synther.jobs.threads import largest_product, mathematics
from synther.training.results import ResultRows
from synther.training.streams import RandomStreams
from synther.training.updates import GraphedUpdates

LOG_EVERY = 500
"""Updates, or online steps, between readings of the losses; each waits for the device."""


def refuse_broken(names: Iterable[str], agent: str, when: str, advice: str = "") -> None:
    """Raise a `SyntherError` if something of an agent became NaN or infinite: its names."""
    if broken := ", ".join(names):
        raise SyntherError(
            f"{broken} of {agent} became NaN or infinite by {when}: lower its learning rate{advice}"
        )


def mean_losses(
    info: Mapping[str, Tensor], agent: str, updates: int, data: Path | str
) -> dict[str, float]:
    """Return the means of an update's numbers (K, ...), for the log; waits for the device.

    Raises:
        SyntherError: one is NaN or infinite; it names `agent`, `updates` and `data`.
    """
    values = {name: value.mean().item() for name, value in info.items()}
    broken = [name for name, value in values.items() if not np.isfinite(value)]
    refuse_broken(broken, agent, f"update {updates}", f", or check {data}")
    return values


class UpdateLoop(ABC):
    """K agents on fixed data. Subclasses set the attributes and evaluate.

    Attributes:
        job: what is trained: `agent`, `dataset`, `source`, `device` and `settings` of it are used.
        data: what to name where losses break.
        agent: the stacked agents.
        table: what they learn from; `gather` gives minibatches for indices (K, B).
        streams: their indices and noise.
        rows: what evaluations measured so far.
    """

    job: Any
    data: Path
    agent: Any
    table: Any
    streams: RandomStreams
    rows: ResultRows
    _learn: GraphedUpdates | None = None

    @abstractmethod
    def _evaluate(self) -> None:
        """Add an evaluation of the agents to the rows."""

    def _settle(self) -> None:  # noqa: B027
        """Wait until the rows hold every evaluation; nothing where none runs beside training."""

    def train(self, checkpoint: Checkpoint | None = None) -> ResultRows:
        """Train to the last step and return all evaluation rows."""
        settings, agent = self.job.settings, self.agent
        if checkpoint and (saved := checkpoint.load(self.job.device)):
            self.restore(saved)
        title = f"{self.job.agent} on {self.job.dataset} ({self.job.source})"
        with (
            Progress(settings.steps, title, "update", done=agent.updates) as progress,
            checkpoint or nullcontext(),
            mathematics(largest_product(agent, settings.batch_size), self.job.device),
        ):
            while agent.updates < settings.steps:
                self.update(progress)
                if agent.updates % settings.eval_every == 0 or agent.updates == settings.steps:
                    self._evaluate()
                if checkpoint and checkpoint.due():
                    self._settle()
                    self._require_finite_weights()
                    checkpoint.save(self.snapshot())
                progress.advance()
        self._settle()
        return self.rows

    def update(self, progress: Progress) -> None:
        """Learn from one minibatch a seed; show the losses from time to time."""
        agent = self.agent
        if self._learn is None:
            self._learn = GraphedUpdates(agent, self.table)
        info = self._learn(self.streams.next())
        if agent.updates % LOG_EVERY == 0 or agent.updates == self.job.settings.steps:
            progress.show(mean_losses(info, self.job.agent, agent.updates, self.data))

    def _require_finite_weights(self) -> None:
        """Refuse to save agents that no further update can mend."""
        broken = (n for n, value in self.agent.named_parameters() if not value.isfinite().all())
        when = f"update {self.agent.updates}"
        refuse_broken(itertools.islice(broken, 1), self.job.agent, when, f", or check {self.data}")

    def snapshot(self) -> dict[str, Any]:
        """Return all that `restore` needs to go on to the very same rows."""
        return {
            "agent": self.agent.snapshot(),
            "streams": self.streams.snapshot(),
            "rows": self.rows.snapshot(),
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """Go back to a `snapshot`."""
        self.agent.restore(saved["agent"])
        self.streams.restore(saved["streams"])
        self.rows.restore(saved["rows"])
