"""The networks of a stack one by one, and what is kept of passes through them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

MOST = 50
"""Kinds and sizes of passes that are kept."""

Network = list[tuple[Tensor, Tensor]]
"""Each layer's weight (in, out) and bias (1, out), or their gradients."""


class Views:
    """The networks of a stack one by one, and the passes through them that are not in use.

    Args:
        layers: weights (S, in, out) and biases (S, 1, out).

    Attributes:
        sizes: input width, hidden widths, output width.
        fresh: networks whose gradients the next pass writes, in place of adding to them.
    """

    def __init__(self, layers: Sequence[tuple[Tensor, Tensor]]) -> None:
        self._parameters = [tensor for layer in layers for tensor in layer]
        self.sizes = [layers[0][0].shape[1], *(bias.shape[-1] for _, bias in layers)]
        self._slices: dict[str, tuple[list[int], list[Network]]] = {}
        self._spare = threading.local()
        self.fresh: set[int] = set()

    def __deepcopy__(self, memo: dict[int, Any]) -> Views:
        parameters = [memo[id(parameter)] for parameter in self._parameters]
        return Views(list(zip(parameters[::2], parameters[1::2], strict=True)))

    def networks(self) -> list[Network]:
        """Return the layers of each network."""
        found, moved = self._of("values", self._parameters)
        if moved:
            self._spare = threading.local()  # what is there computes with the old ones
        return found

    def gradients(self) -> list[Network]:
        """Return where gradients of `networks()` are summed; made where there are none."""
        gradients = [parameter.grad for parameter in self._parameters]
        for n, parameter in enumerate(self._parameters):
            if gradients[n] is None:
                gradients[n] = parameter.grad = torch.zeros_like(parameter)
        return self._of("gradients", gradients)[0]  # type: ignore[arg-type]

    def forget(self) -> None:
        """Let the next pass through each network overwrite its gradients."""
        self.fresh = set(range(len(self._parameters[0])))

    def settle(self) -> None:
        """Set the gradients of networks to zero that no pass has overwritten."""
        for place in self.fresh:
            for layer in self.gradients()[place]:
                torch._foreach_zero_(layer)
        self.fresh = set()

    def take(self, kind: Callable[..., Any], number: int, share: int, rows: int) -> Taken:
        """Return a pass of a kind, made by `kind(self, number, share, rows)` if none is spare."""
        self.networks()  # they may have moved
        kept: dict[Any, list[Any]] = self._spare.__dict__
        if len(kept) > MOST:  # batches of ever another size
            kept.clear()
        spare = kept.setdefault((kind, number, share, rows), [])
        return Taken(spare, spare.pop() if spare else kind(self, number, share, rows))

    def _of(self, kind: str, tensors: Sequence[Tensor]) -> tuple[list[Network], bool]:
        places, known = self._slices.get(kind, ([], []))
        # Parameters that move, as into one flat buffer, leave their views behind.
        if (now := [tensor.data_ptr() for tensor in tensors]) == places:
            return known, False
        parts = [[p.detach() for p in tensor.detach().unbind()] for tensor in tensors]
        layers = [list(zip(*parts[n : n + 2], strict=True)) for n in range(0, len(parts), 2)]
        self._slices[kind] = now, [list(network) for network in zip(*layers, strict=True)]
        return self._slices[kind][1], True


class Taken:
    """Holds a pass, and lays it back among the spare ones when nobody holds this."""

    def __init__(self, spare: list[Any], held: Any) -> None:
        self._spare, self.held = spare, held

    def __del__(self) -> None:
        self._spare.append(self.held)
