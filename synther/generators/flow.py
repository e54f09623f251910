"""Flow matching with the diffusion model's network: straight paths, few sampling steps.

Sources: Lipman et al. 2023 (arXiv 2210.02747), section 4.1 with sigma_min = 0, and Liu et al. 2022
(rectified flow, arXiv 2209.03003). The SynthER paper has no such variant.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from synther.errors import SyntherError
from synther.generators.diffusion.model import SAMPLER, Diffusion
from synther.generators.diffusion.settings import DiffusionSettings
from synther.generators.diffusion.trainer import Trainer

UNUSED = (*SAMPLER, "sigma_data", "p_mean", "p_std")
"""Settings of noise levels, which a flow has not."""


@dataclass(frozen=True)
class FlowSettings(DiffusionSettings):
    """Those of the diffusion model without its noise levels.

    Attributes:
        sampling_steps: Heun steps N from noise to data; 2 N network calls a row.
    """

    sampling_steps: int = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        for field in dataclasses.fields(DiffusionSettings):
            if field.name in UNUSED and getattr(self, field.name) != field.default:
                raise SyntherError(f"setting '{field.name}' does nothing in a flow: leave it out")


class FlowTrainer(Trainer):
    """Fits the network to velocities."""

    @staticmethod
    def loss(network: Any, settings: Any, y: Tensor, draws: Tensor) -> Tensor:
        """Return E |v(x_t; t) - (y - n)|^2, a mean over entries; t is uniform in [0, 1].

        Args:
            network: v.
            settings: its own.
            y: (1, B, D) clean rows.
            draws: (1, B, D + 1) standard normal: what t is made of, and the noise n.
        """
        t = torch.special.ndtr(draws[..., 0])
        n, s = draws[..., 1:], t[..., None]
        x = (1 - s) * n + s * y
        return (network(x, t) - (y - n)).square().mean()


class Flow(Diffusion):
    """The velocity field of the straight paths x_t = (1 - t) n + t y from noise n to rows y."""

    name = "flow"
    settings_type = FlowSettings
    trainer_type = FlowTrainer
    sampling_settings = frozenset(("sampling_steps", "threshold_terminals"))

    def velocity(self, x: Tensor, t: float) -> Tensor:
        """Return v(x; t) (B, D), the mean of y - n at x (B, D) and time t in [0, 1]."""
        network, _ = self._fitted()
        return network(x[None], torch.full((1, 1), t, device=x.device))[0]

    def denoise(self, x: Tensor, sigma: Tensor) -> Tensor:
        """Refuse: a flow has times in place of noise levels."""
        raise SyntherError("a flow has no denoiser D(x; sigma): it has `velocity`")

    def _draw(self, shape: tuple[int, int], generator: torch.Generator) -> Tensor:
        """Solve dx/dt = v(x; t) from noise at t = 0 to t = 1 by Heun's method in equal steps."""
        x = torch.randn(shape, generator=generator, device=generator.device)
        steps = self.settings.sampling_steps
        for step in range(steps):
            first = self.velocity(x, step / steps)
            second = self.velocity(x + first / steps, (step + 1) / steps)
            x = x + (first + second) / (2 * steps)
        return x
