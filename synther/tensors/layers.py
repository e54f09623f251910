"""Linear layers of several networks side by side, all of their parameters in one tensor."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn


class FlatLayers(nn.Module):
    """The linear layers of K networks of one shape, in one tensor (K, P).

    Every layer is a batched matrix product; clipping, AdamW and a moving average are one operation
    each. With K = 1 the batched product is as fast as `torch.nn.Linear`, whose initial values these
    are.

    Args:
        layers: (inputs, outputs) of each.
        models: K.
        generator: a CPU generator that the initial values are drawn from.

    Attributes:
        flat: (K, P) trained parameters.
    """

    def __init__(
        self,
        layers: Iterable[tuple[int, int]],
        models: int = 1,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.layers = list(layers)
        self._sizes = [size for n_in, n_out in self.layers for size in (n_in * n_out, n_out)]
        self.flat = nn.Parameter(torch.empty(models, sum(self._sizes)))
        with torch.no_grad():
            for (n_in, _), values in zip(self.layers, self.affine(), strict=True):
                for value in values:
                    value.uniform_(-1 / math.sqrt(n_in), 1 / math.sqrt(n_in), generator=generator)

    def operations(self, batch: int) -> int:
        """Return the floating-point operations of the largest layer's product, B inputs a model."""
        return 2 * batch * len(self.flat) * max(n_in * n_out for n_in, n_out in self.layers)

    def affine(self) -> list[tuple[Tensor, Tensor]]:
        """Return views of each layer's weight (K, n_in, n_out) and bias (K, 1, n_out)."""
        # One split, because its gradient is one concatenation; slices would each fill a zero (K, P)
        parts = self.flat.split(self._sizes, dim=1)
        return [
            (weight.view(-1, n_in, n_out), bias.view(-1, 1, n_out))
            for (n_in, n_out), weight, bias in zip(
                self.layers, parts[::2], parts[1::2], strict=True
            )
        ]

    def weights(self) -> list[Tensor]:
        """Return views (K, n_in, n_out) of the weights without the biases: what decays."""
        return [weight.detach() for weight, _ in self.affine()]


def linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """x (K, B, n_in), weight (K, n_in, n_out), bias (K, 1, n_out) -> (K, B, n_out)."""
    return torch.baddbmm(bias, x, weight)
