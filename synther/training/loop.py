"""The loop of agents that learn from fixed data: update, log, evaluate, checkpoint."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from synther.checkpoint import Checkpoint
from synther.errors import SyntherError
from synther.progress import Progress
from synther.training.graphed import GraphedUpdates
from synther.training.results import ResultRows
from synther.training.streams import RandomStreams

LOG_EVERY = 500
"""Updates between readings of the losses; each reading waits for the device."""


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

    def train(self, checkpoint: Checkpoint | None = None) -> pd.DataFrame:
        """Train to the last step and return all evaluation rows."""
        settings, agent = self.job.settings, self.agent
        if checkpoint and (saved := checkpoint.load(self.job.device)):
            self.restore(saved)
        title = f"{self.job.agent} on {self.job.dataset} ({self.job.source})"
        with Progress(settings.steps, title, "update", done=agent.updates) as progress:
            while agent.updates < settings.steps:
                self.update(progress)
                if agent.updates % settings.eval_every == 0 or agent.updates == settings.steps:
                    self._evaluate()
                if checkpoint and checkpoint.due():
                    checkpoint.save(self.snapshot())
                progress.advance()
        return self.rows.frame()

    def update(self, progress: Progress) -> None:
        """Learn from one minibatch a seed; show the losses from time to time."""
        agent = self.agent
        if self._learn is None:
            self._learn = GraphedUpdates(agent, self.table.gather)
        info = self._learn(self.streams.next())
        if agent.updates % LOG_EVERY == 0 or agent.updates == self.job.settings.steps:
            progress.show(self._losses(info))

    def _losses(self, info: dict[str, Tensor]) -> dict[str, float]:
        values = {name: value.mean().item() for name, value in info.items()}
        broken = [name for name, value in values.items() if not np.isfinite(value)]
        if broken:
            raise SyntherError(
                f"{', '.join(broken)} of {self.job.agent} became NaN or infinite by update "
                f"{self.agent.updates}: lower its learning rate, or check {self.data}"
            )
        return values

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
