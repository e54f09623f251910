"""Timing in pairs, and the matrix products of a computation by themselves."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from synther.tensors.graphed import collected


@dataclass(frozen=True)
class Measurement:
    """A row of the table.

    Attributes:
        section: what it belongs to: agents, diffusion, ...
        name: what was measured.
        unit: of `value` and `limit`.
        value: how fast (or large) it is.
        limit: what it is held against, measured beside it; None where there is nothing.
        against: what that limit is, in words.
        target: the least (or, where `at_most`, the greatest) that the ratio, or, without a limit,
            the value, should be; None where none is set.
        at_most: whether the target is an upper bound.
    """

    section: str
    name: str
    unit: str
    value: float
    limit: float | None = None
    against: str = ""
    target: float | None = None
    at_most: bool = False

    @property
    def ratio(self) -> float | None:
        """How `value` stands to `limit`; over 1 is better than the limit."""
        return None if self.limit is None else self.value / self.limit

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None where none is set."""
        if self.target is None:
            return None
        found = self.value if self.ratio is None else self.ratio
        return found <= self.target if self.at_most else found >= self.target


def synchronise(device: str) -> None:
    """Wait until a GPU has done all that it was told; nothing on a CPU."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


def seconds(
    functions: Sequence[Callable[[], Any]],
    device: str = "cpu",
    least: float = 0.2,
    rounds: int = 5,
    clock: Callable[[], float] = time.perf_counter,
) -> list[float]:
    """Return the seconds that a call of each function takes, all measured alternately.

    Each is warmed up (three calls, fewer where they take longer than `least`), then called for
    `least` seconds in every round, and the fastest round counts: whatever else the machine does can
    only make a round slower, and it meets all functions alike. `clock` is `time.process_time` for
    what one core computes: other processes' turns don't count then.
    """
    calls = []
    for function in functions:
        begun = clock()
        for _ in range(3):
            function()
            if clock() - begun > least:
                break
        synchronise(device)
        started, done = clock(), 0
        while (elapsed := clock() - started) < least / 4:
            function()
            synchronise(device)
            done += 1
        calls.append(max(1, round(least * done / elapsed)) if done else 1)
    best = [float("inf")] * len(functions)
    for _ in range(rounds):
        for place, (function, number) in enumerate(zip(functions, calls, strict=True)):
            started = clock()
            for _ in range(number):
                function()
            synchronise(device)
            best[place] = min(best[place], (clock() - started) / number)
    return best


def _replay(graph: Any, *_kept: list[Any]) -> None:
    """Replay a graph; the tensors that it computes with are kept by being handed in."""
    graph.replay()


class MatrixProducts(TorchDispatchMode):
    """Within the block, notes the operands of every matrix product.

    Attributes:
        operands: the two factors and the result of each product, in their order: random numbers,
            of the shapes and strides, in as many places as the computation uses again and again.
        flops: floating-point operations of them all.
    """

    _PLACES: ClassVar = {"mm": 0, "bmm": 0, "addmm": 1, "baddbmm": 1}

    def __init__(self) -> None:
        super().__init__()
        self.operands: list[tuple[Tensor, Tensor, Tensor]] = []
        self._places: dict[Any, Tensor] = {}
        self.flops = 0

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        place = self._PLACES.get(function.overloadpacket.__name__.rstrip("_"))
        result = function(*args, **(kwargs or {}))
        if place is not None:
            a, b = args[place : place + 2]
            self.operands.append((self._like(a), self._like(b), self._like(result)))
            self.flops += 2 * a.numel() * b.shape[-1]
        return result

    def _like(self, tensor: Tensor) -> Tensor:
        """Return random numbers of a tensor's shape and strides, on which the kernel depends."""
        key = tensor.data_ptr(), tensor.shape, tensor.stride()
        if key not in self._places:
            steps = zip(tensor.shape, tensor.stride(), strict=True)
            extent = 1 + sum((n - 1) * step for n, step in steps)
            flat = torch.randn(extent, device=tensor.device, dtype=tensor.dtype)
            self._places[key] = flat.as_strided(tensor.shape, tensor.stride())
        return self._places[key]

    def replay(self) -> Callable[[], None]:
        """Return a function that computes these products and nothing else.

        On a GPU it is one CUDA graph, in the precision that is set now: launching them one by one
        would be no limit of what is captured.
        """

        def run() -> None:
            with torch.inference_mode():  # some were made in it
                for a, b, result in self.operands:
                    torch.matmul(a, b, out=result)

        if not any(result.is_cuda for *_, result in self.operands):
            return run
        run()
        torch.cuda.synchronize()
        graph: Any = torch.cuda.CUDAGraph()
        with collected(), torch.cuda.graph(graph):
            run()
        return partial(_replay, graph, self.operands)
