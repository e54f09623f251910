"""Updates from a table: one CUDA graph, or one recording, a phase of the agent."""

from collections.abc import Collection, Hashable, Mapping
from typing import Any

from torch import Tensor

from synther.agents.base import Agent
from synther.tensors.graphed import GraphedCall
from synther.training.streams import CHUNK, RandomStreams


def learning_streams(agent: Any, table: Any, device: str, chunk: int = CHUNK) -> RandomStreams:
    """Return the draws of an agent's updates from a table: indices, noise, and uniform numbers."""
    uniforms = {**getattr(table, "uniforms", dict)(), **getattr(agent, "uniforms", dict)()}
    return RandomStreams(
        agent.seeds,
        agent.noise(),
        indices=(len(table), agent.settings.batch_size),
        device=device,
        dtype=next(agent.parameters()).dtype,
        uniforms=uniforms,
        chunk=chunk,
    )


class GraphedUpdates:
    """An agent's updates from a table: one `GraphedCall` a phase of the agent.

    Args:
        agent: K stacked agents.
        table: its `gather` gives minibatches for indices (K, B), and for the draws of the names in
            its `uniforms`, if it has any.
    """

    def __init__(self, agent: Agent, table: Any) -> None:
        self._agent, self._gather = agent, table.gather
        self._uniforms: Collection[str] = getattr(table, "uniforms", dict)()
        self.calls: dict[Hashable, GraphedCall] = {}

    def __call__(self, draws: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Update once; `draws` are "indices" and the agent's noise. Returns numbers to log."""
        agent = self._agent
        phase, before = agent.phase(), agent.updates
        if phase is None:
            return self._update(draws)
        if phase not in self.calls:
            self.calls[phase] = GraphedCall(self._update)
        info = self.calls[phase](draws)
        agent.updates = before + 1  # what is replayed counts nothing
        return info

    def _update(self, draws: Mapping[str, Tensor]) -> dict[str, Tensor]:
        uniforms = {name: draws[name] for name in self._uniforms}
        others = {"indices", *self._uniforms}
        noise = {name: value for name, value in draws.items() if name not in others}
        return self._agent.update(self._gather(draws["indices"], **uniforms), noise)
