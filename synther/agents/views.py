"""The networks of a stack one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

Network = list[tuple[Tensor, Tensor]]
"""Each layer's weight (in, out) and bias (1, out), or their gradients."""


class Views:
    """The networks of a stack one by one, and where their gradients are.

    Args:
        layers: weights (S, in, out) and biases (S, 1, out).

    Attributes:
        fresh: networks whose gradients the next pass writes, in place of adding to them.
    """

    def __init__(self, layers: Sequence[tuple[Tensor, Tensor]]) -> None:
        self._parameters = [tensor for layer in layers for tensor in layer]
        self._slices: dict[str, tuple[list[int], list[Network]]] = {}
        self.fresh: set[int] = set()

    def __deepcopy__(self, memo: dict[int, Any]) -> Views:
        parameters = [memo[id(parameter)] for parameter in self._parameters]
        return Views(list(zip(parameters[::2], parameters[1::2], strict=True)))

    def networks(self) -> list[Network]:
        """Return the layers of each network."""
        return self._of("values", self._parameters)

    def gradients(self) -> list[Network]:
        """Return where gradients of `networks()` are summed; made where there are none."""
        gradients = [parameter.grad for parameter in self._parameters]
        for n, parameter in enumerate(self._parameters):
            if gradients[n] is None:
                gradients[n] = parameter.grad = torch.zeros_like(parameter)
        return self._of("gradients", gradients)  # type: ignore[arg-type]

    def forget(self) -> None:
        """Let the next pass through each network overwrite its gradients."""
        self.fresh = set(range(len(self._parameters[0])))

    def settle(self) -> None:
        """Set the gradients of networks to zero that no pass has overwritten."""
        for place in self.fresh:
            for layer in self.gradients()[place]:
                torch._foreach_zero_(layer)
        self.fresh = set()

    def _of(self, kind: str, tensors: Sequence[Tensor]) -> list[Network]:
        places, known = self._slices.get(kind, ([], []))
        # Parameters that move, as into one flat buffer, leave their views behind.
        if (now := [tensor.data_ptr() for tensor in tensors]) == places:
            return known
        parts = [[p.detach() for p in tensor.detach().unbind()] for tensor in tensors]
        layers = [list(zip(*parts[n : n + 2], strict=True)) for n in range(0, len(parts), 2)]
        self._slices[kind] = now, [list(network) for network in zip(*layers, strict=True)]
        return self._slices[kind][1]
