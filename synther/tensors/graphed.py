"""Calls that are one CUDA graph on a GPU, hundreds of small kernels launched as one.

On a CPU they are recorded (`synther.tensors.recorded`).
"""

import gc
import inspect
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from synther.tensors.recorded import Recording

WARM_UP = 3
"""Calls before anything is captured or recorded: optimizers make their state in the first."""

Function = Callable[[Mapping[str, Tensor]], dict[str, Tensor]]


@contextmanager
def collected() -> Iterator[None]:
    """Within the block, nothing is garbage collected.

    A graph that is captured would be lost if the memory of an older one were given back meanwhile.
    """
    gc.collect()
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class GraphedCall:
    """A function of tensors that is one CUDA graph on a GPU, and one list of operations on a CPU.

    It must read nothing but its inputs and tensors that keep their place, and its outputs are
    overwritten by the next call. On a CPU it is called as it is where two recordings differ, as
    those of a function do that counts, draws numbers by itself, or makes its state anew.

    Args:
        function: what is called. Of a bound method the object is not kept alive, which usually
            keeps this: in a circle, both and their memory on the GPU would outlive their use.

    Attributes:
        repeats: on a CPU, whether it is repeated from a recording; None before that is known.
    """

    def __init__(self, function: Function) -> None:
        method = inspect.ismethod(function)
        self._find: Callable[[], Any] = weakref.WeakMethod(function) if method else lambda: function
        self._calls = 0
        self._recording: Recording | None = None
        self._recorded: list[Callable[[], Any]] = []
        self.repeats: bool | None = None
        self._graph: Any = None
        self._side: Any = None
        self._inputs: dict[str, Tensor] = {}
        self._outputs: dict[str, Tensor] = {}

    def __call__(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return what the function returns for `inputs`, whose shapes are always the same."""
        function = self._find()
        first = next(iter(inputs.values()))
        self._calls += 1
        if not first.is_cuda:
            return self._on_cpu(function, inputs)
        with torch.cuda.device(first.device):  # streams and graphs are the current device's
            return self._on_gpu(function, inputs)

    def _on_cpu(self, function: Function, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        if self._calls <= WARM_UP or self.repeats is False:
            return function(inputs)
        self._keep(inputs)
        if self.repeats:
            with torch.no_grad():
                for call in self._recorded:
                    call()
            return self._outputs
        with Recording() as recording:
            outputs = function(self._inputs)
        self._outputs = {name: value.detach() for name, value in outputs.items()}
        if self._recording is not None:
            self.repeats = recording.repeatable and recording == self._recording
        self._recording = recording if self.repeats is None else None
        if self.repeats:
            del outputs  # with its history, nothing of which is then left
            self._recorded = recording.calls()
        return self._outputs

    def _keep(self, inputs: Mapping[str, Tensor]) -> None:
        if not self._inputs:
            self._inputs = {name: value.clone() for name, value in inputs.items()}
            return
        for name, value in inputs.items():
            self._inputs[name].copy_(value)

    def _on_gpu(self, function: Function, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        if self._side is None:
            self._side = torch.cuda.Stream()
        if self._calls <= WARM_UP:
            self._side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self._side):
                outputs = function(inputs)
            torch.cuda.current_stream().wait_stream(self._side)
            return outputs
        self._keep(inputs)
        if self._graph is None:
            self._graph = torch.cuda.CUDAGraph()
            with collected(), torch.cuda.graph(self._graph, stream=self._side):
                self._outputs = function(self._inputs)
        self._graph.replay()
        return self._outputs
