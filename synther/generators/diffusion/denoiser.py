"""The network F of the denoiser: a residual MLP over whole transitions."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class ResidualMLP(nn.Module):
    """F(c_in x; c_noise): a residual MLP of ReLU blocks x + Linear(ReLU(x)), without layer norm.

    The noise level enters once: c_noise and its random Fourier features go through a two-layer
    SiLU network of width dim_t, and the result is added to the projected input. Source: the
    authors' public code (SynthER); initial values are those of `torch.nn.Linear`.

    All parameters lie in one tensor, `flat` (K, P), with K models side by side: every layer is a
    batched matrix product, and clipping, AdamW and the moving average are one operation each. With
    K = 1 the batched product is as fast as `torch.nn.Linear`.

    Args:
        dim: width D of a transition.
        width: units of the hidden layers.
        depth: residual blocks.
        dim_t: width of the time embedding.
        fourier_features: random features of c_noise, half sines and half cosines.
        models: K.
        generator: a CPU generator that the initial values are drawn from.

    Attributes:
        flat: (K, P) trained parameters.
        frequencies: (K, fourier_features / 2) fixed frequencies, drawn from N(0, 1).
        num_parameters: P, the trained parameters of one model.
    """

    flat: nn.Parameter
    frequencies: Tensor

    def __init__(
        self,
        dim: int,
        width: int,
        depth: int = 6,
        dim_t: int = 128,
        fourier_features: int = 16,
        models: int = 1,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.layers = [
            (fourier_features + 1, dim_t),
            (dim_t, dim_t),
            (dim, dim_t),
            (dim_t, width),
            *[(width, width)] * depth,
            (width, dim),
        ]
        self._sizes = [size for n_in, n_out in self.layers for size in (n_in * n_out, n_out)]
        flat = torch.empty(models, sum(self._sizes))
        for (n_in, _), weight, bias in self._pairs(flat.split(self._sizes, dim=1)):
            bound = 1 / math.sqrt(n_in)
            for values in (weight, bias):
                values.uniform_(-bound, bound, generator=generator)
        self.flat = nn.Parameter(flat)
        frequencies = torch.randn(models, fourier_features // 2, generator=generator)
        self.register_buffer("frequencies", frequencies)

    def _pairs(self, parts: tuple[Tensor, ...]) -> list[tuple[tuple[int, int], Tensor, Tensor]]:
        return list(zip(self.layers, parts[::2], parts[1::2], strict=True))

    @property
    def num_parameters(self) -> int:
        """P: trained parameters of one model."""
        return sum(self._sizes)

    def operations(self, batch: int) -> int:
        """Return the floating-point operations of the largest layer's product, B inputs a model."""
        return 2 * batch * len(self.flat) * max(n_in * n_out for n_in, n_out in self.layers)

    def weights(self) -> list[Tensor]:
        """Return views (K, n_in * n_out) of the weights without the biases: what decays."""
        return [weight for _, weight, _ in self._pairs(self.flat.detach().split(self._sizes, 1))]

    def forward(self, x: Tensor, c_noise: Tensor) -> Tensor:
        """Return F (K, B, D) for scaled inputs x (K, B, D) and c_noise (K, B), or (K, 1) for all.

        c_noise is ln(sigma) / 4 (EDM, table 1).
        """
        models = len(self.flat)
        # One split, because its gradient is one concatenation; slices would each fill a zero (K, P)
        affine = [
            (weight.view(models, n_in, n_out), bias.view(models, 1, n_out))
            for (n_in, n_out), weight, bias in self._pairs(self.flat.split(self._sizes, dim=1))
        ]
        (time_in, time_out, project, enter), blocks, leave = affine[:4], affine[4:-1], affine[-1]

        c_noise = c_noise[..., None]
        angles = (2 * math.pi) * c_noise * self.frequencies[:, None, :]
        features = torch.cat((c_noise, angles.sin(), angles.cos()), dim=-1)
        time = _linear(nn.functional.silu(_linear(features, *time_in)), *time_out)
        hidden = _linear(_linear(x, *project) + time, *enter)
        for weight, bias in blocks:
            # In place, which neither gradient needs undone: a tenth and more off sampling
            active = hidden.relu()
            hidden = hidden.add_(bias).baddbmm_(active, weight)
        return _linear(hidden.relu(), *leave)


def _linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """x (K, B, n_in), weight (K, n_in, n_out), bias (K, 1, n_out) -> (K, B, n_out)."""
    return torch.baddbmm(bias, x, weight)
