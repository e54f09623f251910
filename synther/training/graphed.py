"""Calls that are one CUDA graph on a GPU: hundreds of small kernels launched as one."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any

import torch
from torch import Tensor

from synther.agents.base import Agent, Batch

WARM_UP = 3
"""Calls before a CUDA graph is captured: optimizers make their state in the first."""


class GraphedCall:
    """A function of tensors that is one CUDA graph on a GPU, and itself on a CPU.

    It must read nothing but its inputs and tensors that keep their place, and its outputs are
    overwritten by the next call.
    """

    def __init__(self, function: Callable[[Mapping[str, Tensor]], dict[str, Tensor]]) -> None:
        self._function, self._calls = function, 0
        self._graph: Any = None
        self._inputs: dict[str, Tensor] = {}
        self._outputs: dict[str, Tensor] = {}

    def __call__(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return what the function returns for `inputs`, whose shapes are always the same."""
        if not next(iter(inputs.values())).is_cuda:
            return self._function(inputs)
        self._calls += 1
        if self._calls <= WARM_UP:
            side = torch.cuda.Stream()
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                outputs = self._function(inputs)
            torch.cuda.current_stream().wait_stream(side)
            return outputs
        if self._graph is None:
            self._inputs = {name: value.clone() for name, value in inputs.items()}
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph):
                self._outputs = self._function(self._inputs)
        for name, value in inputs.items():
            self._inputs[name].copy_(value)
        self._graph.replay()
        return self._outputs


class GraphedUpdates:
    """An agent's updates from a table: one CUDA graph a phase of the agent on a GPU.

    Args:
        agent: K stacked agents.
        gather: minibatches for indices (K, B).
    """

    def __init__(self, agent: Agent, gather: Callable[[Tensor], Batch]) -> None:
        self._agent, self._gather = agent, gather
        self._calls: dict[Hashable, GraphedCall] = {}

    def __call__(self, draws: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Update once; `draws` are "indices" and the agent's noise. Returns numbers to log."""
        agent = self._agent
        phase, before = agent.phase(), agent.updates
        if phase is None:
            return self._update(draws)
        info = self._calls.setdefault(phase, GraphedCall(self._update))(draws)
        agent.updates = before + 1  # a replayed graph counts nothing
        return info

    def _update(self, draws: Mapping[str, Tensor]) -> dict[str, Tensor]:
        noise = {name: value for name, value in draws.items() if name != "indices"}
        return self._agent.update(self._gather(draws["indices"]), noise)
