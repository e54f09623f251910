"""Calls that are one CUDA graph on a GPU: hundreds of small kernels launched as one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

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
