"""`Diffusion`: the generator of SynthER, from transitions to transitions."""

from statistics import NormalDist
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from synther.errors import SyntherError
from synther.generators.diffusion import edm
from synther.generators.diffusion.denoiser import ResidualMLP
from synther.generators.diffusion.settings import DiffusionSettings
from synther.generators.diffusion.trainer import LOSS_NOISE, SAMPLES, Trainer, products_in, stream
from synther.generators.normaliser import Normaliser
from synther.generators.trained import Trained
from synther.jobs.checkpoint import Checkpoint
from synther.jobs.threads import mathematics
from synther.transitions import Transitions

CHUNK = 4096
"""Rows sampled at once: enough to fill a GPU at width 2048, few enough for a CPU's cache."""
LEVELS = 16
"""Noise levels that a loss is measured at."""
SAMPLER = ("sigma_min", "sigma_max", "rho", "s_churn", "s_tmin", "s_tmax", "s_noise")
"""Settings of the sampler, beside its steps."""


def modelled(settings: DiffusionSettings, d: int, a: int) -> tuple[int, list[int]]:
    """Return how many columns of packed rows are modelled, and which are not normalised.

    Terminals are left as they are, or out where they are not modelled.
    """
    terminal = 2 * d + a + 1
    keep = [] if settings.normalise_rewards else [d + a]
    return (terminal + 1, [*keep, terminal]) if settings.model_terminals else (terminal, keep)


class Diffusion(Trained):
    """An elucidated diffusion model over whole transitions (s, a, r, s', terminal).

    Sources: Lu et al. 2023 (SynthER, arXiv 2303.06614) and the authors' code; Karras et al. 2022
    (EDM, arXiv 2206.00364).

    Args:
        settings: hyperparameters; None: the authors' for offline datasets.
        device: where it trains and samples: "cpu", "cuda", "cuda:1", ...

    Raises:
        SyntherError: there is no such device.
    """

    name = "diffusion"
    words = "diffusion model"
    settings_type = DiffusionSettings
    sizes = ("width", "depth", "dim_t")
    trainer_type: ClassVar[type[Trainer]] = Trainer
    extra_inputs: ClassVar[int] = 0
    """Columns behind a row's own that the network is given besides."""
    sampling_settings = frozenset(("sampling_steps", "threshold_terminals", "precision", *SAMPLER))
    chunk = CHUNK
    content = ("format", "description", "flat", "frequencies", "mean", "std")

    def _fit(
        self, transitions: Transitions, seed: int, progress: bool, checkpoint: Checkpoint | None
    ) -> None:
        columns, keep = modelled(self.settings, *self._widths)
        rows = transitions.packed()[:, :columns]
        normaliser = Normaliser.fit(rows, keep, self.device)
        data = normaliser.forward(torch.as_tensor(rows, device=self.device))
        trainer = self.trainer_type(self._inputs(data, transitions, seed), self.settings, seed)
        network = trainer.run(f"fit {self.name}" if progress else "", checkpoint)
        self._learned = network, normaliser

    def _inputs(self, rows: Tensor, transitions: Transitions, seed: int) -> Tensor:
        """Return what the network is trained on: the normalised rows (N, D) as they are."""
        return rows

    def denoise(self, x: Tensor, sigma: Tensor) -> Tensor:
        """Return D(x; sigma), the expected clean rows, in the normalised space.

        Args:
            x: (B, D) noised normalised rows on the model's device; D = 2 d + a + 2, or 1 less
                where terminals are not modelled.
            sigma: (B,) noise levels, or (1,) for one level of all rows.

        Returns:
            (B, D).

        Raises:
            SyntherError: the model is not fitted.
        """
        network, _ = self._fitted()
        return edm.precondition(network, x[None], sigma[None], self.settings.sigma_data)[0]

    @torch.inference_mode()
    def losses(self, transitions: Transitions, seed: int = 0) -> list[float]:
        """Return the training loss of transitions at `LEVELS` noise levels: means over rows.

        The levels are equally likely in training, so that the mean over them is the expected loss.
        Every row meets every level, with noise of the seed's that is the same for every model.
        Losses are in the units of the model's own normalised space, as in training.

        Raises:
            SyntherError: the model is not fitted, or their widths are not the model's.
        """
        network, _ = self._fitted()
        rows = self._inputs(self.normalised(transitions), transitions, seed)
        noise, columns = stream("cpu", seed, LOSS_NOISE), rows.shape[1] + 1
        found = np.zeros(LEVELS)
        with (
            products_in(self.settings.precision),
            mathematics(network.operations(self.chunk), self.device),
        ):
            for y in rows.split(self.chunk):
                for place in range(LEVELS):
                    draws = torch.randn((1, len(y), columns), generator=noise).to(self.device)
                    draws[..., 0] = NormalDist().inv_cdf((place + 0.5) / LEVELS)
                    loss = self.trainer_type.loss(network, self.settings, y[None], draws)
                    found[place] += loss.item() * len(y) / len(rows)
        return found.tolist()

    @torch.inference_mode()
    def _part(self, rows: int, seed: int, index: int) -> Transitions:
        network, normaliser = self._fitted()
        s, generator = self.settings, stream(self.device, seed, SAMPLES, index)
        with products_in(s.precision), mathematics(network.operations(rows), self.device):
            x = self._draw((rows, len(normaliser.mean)), generator)
        packed = normaliser.inverse(x).cpu().numpy()
        if not s.model_terminals:
            packed = np.concatenate([packed, np.zeros((rows, 1), np.float32)], axis=1)
        elif s.threshold_terminals is not None:
            # A NaN must stay one, to be found by the caller
            flag = packed[:, -1]
            packed[:, -1] = np.where(np.isfinite(flag), flag > s.threshold_terminals, flag)
        return Transitions.unpack(packed, *self._widths)

    def normalised(self, transitions: Transitions) -> Tensor:
        """Return transitions as rows (N, D) of the space that the denoiser works in.

        Raises:
            SyntherError: the model is not fitted, or their widths are not the model's.
        """
        _, normaliser = self._fitted()
        widths = (transitions.observation_dim, transitions.action_dim)
        if widths != self._widths:
            raise SyntherError(f"transitions have widths {widths}, the model {self._widths}")
        rows = torch.as_tensor(transitions.packed()[:, : len(normaliser.mean)], device=self.device)
        return normaliser.forward(rows)

    def _draw(self, shape: tuple[int, int], generator: torch.Generator) -> Tensor:
        """Return new normalised rows (B, D)."""
        return edm.sample(self.denoise, shape, generator, self.settings)

    def _columns(self) -> int:
        return modelled(self.settings, *self._widths)[0]

    def _make_network(self) -> ResidualMLP:
        return ResidualMLP(self._columns() + self.extra_inputs, self.settings)
