"""Prioritised generation: a diffusion model told how relevant a transition is to be, and guided.

Source: Wang et al., "Prioritized Generative Replay", arXiv 2410.18082: a conditional diffusion
model over transitions with classifier-free guidance (Ho and Salimans 2022, arXiv 2207.12598),
sampled at the relevance of the best transitions. Online there, offline here; which relevance, how
it is scaled and which of its values are asked for are this project's (docs/deviations.md).
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from synther.config.settings import require
from synther.errors import unknown_name
from synther.generators.diffusion import edm
from synther.generators.diffusion.model import Diffusion
from synther.generators.diffusion.settings import DiffusionSettings
from synther.generators.diffusion.trainer import Trainer
from synther.generators.relevance import KINDS, ranks, relevance
from synther.transitions import Transitions

EXTRA = 2
"""Columns the network is given besides a row: its relevance, and 1 where that is told."""


@dataclass(frozen=True)
class PrioritisedSettings(DiffusionSettings):
    """Those of the diffusion model, and of its condition.

    Attributes:
        relevance: "reward", "return" (of the trajectory) or "td_error".
        untold: share of the training rows that are not told their relevance.
        guidance: w of D(untold) + w (D(told) - D(untold)); 1 follows the condition as it is, more
            exaggerates it, 0 ignores it.
        top: share of the data, the most relevant, whose relevance is asked for in sampling.
    """

    relevance: str = "return"
    untold: float = 0.25
    guidance: float = 1.5
    top: float = 0.25

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.relevance not in KINDS:
            raise unknown_name("kind of relevance", self.relevance, KINDS)
        require(self, "above 0 and at most 1", lambda v: 0 < v <= 1, "untold", "top")


class ConditionalTrainer(Trainer):
    """Fits a denoiser that is told the relevance of most rows, and not of some."""

    @staticmethod
    def loss(network: Any, settings: Any, y: Tensor, draws: Tensor) -> Tensor:
        """Return the mean denoising loss of the rows' own columns.

        Args:
            network: the denoiser's.
            settings: its own.
            y: (1, B, D + 2) clean rows, their relevance, and 1.
            draws: (1, B, D + 3) standard normal: noise level, noise, and whether it is told.
        """
        told = torch.special.ndtr(draws[..., -1:]) >= settings.untold
        conditional = given(network, y[..., -EXTRA:] * told)
        return Trainer.loss(conditional, settings, y[..., :-EXTRA], draws[..., :-EXTRA])


def given(network: edm.Denoiser, condition: Tensor) -> edm.Denoiser:
    """Return the network F of rows alone for a condition (..., B, 2)."""

    def conditional(x: Tensor, c_noise: Tensor) -> Tensor:
        return network(torch.cat((x, condition), dim=-1), c_noise)[..., :-EXTRA]

    return conditional


class Prioritised(Diffusion):
    """A diffusion model of transitions given their relevance, ranked and scaled to [-1, 1]."""

    name = "prioritised"
    settings_type = PrioritisedSettings
    trainer_type = ConditionalTrainer
    extra_inputs = EXTRA
    sampling_settings = Diffusion.sampling_settings | {"guidance", "top"}

    def _inputs(self, rows: Tensor, transitions: Transitions, seed: int) -> Tensor:
        s: Any = self.settings
        scores = 2 * ranks(relevance(transitions, s.relevance, seed)) - 1
        told = torch.as_tensor(scores, device=rows.device)[:, None]
        return torch.cat((rows, told, torch.ones_like(told)), dim=1)

    def guided(self, x: Tensor, sigma: Tensor, wanted: Tensor) -> Tensor:
        """Return the guided D(x; sigma) (B, D) for wanted relevances (B,) in [-1, 1]."""
        network, _ = self._fitted()
        s: Any = self.settings
        told = torch.stack((wanted, torch.ones_like(wanted)), dim=-1)
        # both answers in one batch
        both = torch.cat((told, torch.zeros_like(told)))[None]
        level = torch.cat((sigma.expand(len(x)),) * 2)[None]
        twice = torch.cat((x, x))[None]
        answers = edm.precondition(given(network, both), twice, level, s.sigma_data)[0]
        with_it, without = answers.chunk(2)
        return without + s.guidance * (with_it - without)

    def denoise(self, x: Tensor, sigma: Tensor) -> Tensor:
        """Return D(x; sigma) of the rows of any relevance; see `Diffusion.denoise`."""
        network, _ = self._fitted()
        nothing = torch.zeros(1, len(x), EXTRA, device=x.device)
        level, sigma_data = sigma.expand(1, len(x)), self.settings.sigma_data
        return edm.precondition(given(network, nothing), x[None], level, sigma_data)[0]

    def _draw(self, shape: tuple[int, int], generator: torch.Generator) -> Tensor:
        s: Any = self.settings
        quantile = 1 - s.top * torch.rand(shape[0], generator=generator, device=self.device)
        wanted = 2 * quantile - 1
        return edm.sample(lambda x, sigma: self.guided(x, sigma, wanted), shape, generator, s)
