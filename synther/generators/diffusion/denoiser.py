"""The network F of the denoiser: a residual MLP over whole transitions."""

import math

import torch
from torch import Tensor, nn

from synther.generators.diffusion.settings import DiffusionSettings
from synther.tensors.layers import FlatLayers, linear


class ResidualMLP(FlatLayers):
    """F(c_in x; c_noise): a residual MLP of ReLU blocks x + Linear(ReLU(x)), without layer norm.

    The noise level enters once: c_noise and its random Fourier features go through a two-layer
    SiLU network of width dim_t, and the result is added to the projected input. Source: the
    authors' public code (SynthER).

    Args:
        dim: width D of a transition.
        settings: its width, depth, dim_t and fourier_features.
        models: K.
        generator: a CPU generator that the initial values are drawn from.

    Attributes:
        frequencies: (K, fourier_features / 2) fixed frequencies, drawn from N(0, 1).
    """

    frequencies: Tensor

    def __init__(
        self,
        dim: int,
        settings: DiffusionSettings,
        models: int = 1,
        generator: torch.Generator | None = None,
    ) -> None:
        width, dim_t, features = settings.width, settings.dim_t, settings.fourier_features
        layers = [
            (features + 1, dim_t),
            (dim_t, dim_t),
            (dim, dim_t),
            (dim_t, width),
            *[(width, width)] * settings.depth,
            (width, dim),
        ]
        super().__init__(layers, models, generator)
        frequencies = torch.empty(models, features // 2)
        if not frequencies.is_meta:  # where torch would import its compiler, 2 s, to draw nothing
            frequencies.normal_(generator=generator)
        self.register_buffer("frequencies", frequencies)

    def forward(self, x: Tensor, c_noise: Tensor) -> Tensor:
        """Return F (K, B, D) for scaled inputs x (K, B, D) and c_noise (K, B), or (K, 1) for all.

        c_noise is ln(sigma) / 4 (EDM, table 1).
        """
        affine = self.affine()
        (time_in, time_out, project, enter), blocks, leave = affine[:4], affine[4:-1], affine[-1]

        c_noise = c_noise[..., None]
        angles = (2 * math.pi) * c_noise * self.frequencies[:, None, :]
        features = torch.cat((c_noise, angles.sin(), angles.cos()), dim=-1)
        time = linear(nn.functional.silu(linear(features, *time_in)), *time_out)
        hidden = linear(linear(x, *project) + time, *enter)
        for weight, bias in blocks:
            # In place, which neither gradient needs undone: a tenth and more off sampling
            active = hidden.relu()
            hidden = hidden.add_(bias).baddbmm_(active, weight)
        return linear(hidden.relu(), *leave)
