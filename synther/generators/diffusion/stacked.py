"""K diffusion models side by side, each on its own rows: what online training retrains.

Every product is batched over models, and every model has random streams of its own, so that model k
learns and samples what `Diffusion` would with the same rows and seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext

import torch
from torch import Tensor

from synther.errors import SyntherError
from synther.generators.diffusion import edm
from synther.generators.diffusion.denoiser import ResidualMLP
from synther.generators.diffusion.model import CHUNK, make_sampler, modelled
from synther.generators.diffusion.normaliser import Normaliser
from synther.generators.diffusion.settings import DiffusionSettings
from synther.generators.diffusion.trainer import (
    INITIAL_VALUES,
    SAMPLES,
    TRAINING_NOISE,
    RowOrder,
    Trainer,
    make_network,
    products_in,
    stream,
)
from synther.jobs.checkpoint import Checkpoint
from synther.jobs.threads import mathematics


def _stack(dim: int, settings: DiffusionSettings, seeds: Sequence[int]) -> ResidualMLP:
    """Return K fresh networks in one, each with the weights that its seed gives it alone."""
    alone = [make_network(dim, settings, stream("cpu", s, INITIAL_VALUES)) for s in seeds]
    stacked = make_network(dim, settings, models=len(seeds))
    with torch.no_grad():
        stacked.flat.copy_(torch.cat([network.flat for network in alone]))
        stacked.frequencies.copy_(torch.cat([network.frequencies for network in alone]))
    return stacked


class StackedTrainer(Trainer):
    """`Trainer` of K models.

    Args:
        rows: (K, N, D) normalised rows, on the device that trains.
        settings: hyperparameters, the same for all.
        seeds: one a model.
    """

    def __init__(self, rows: Tensor, settings: DiffusionSettings, seeds: Sequence[int]) -> None:
        models, number, dim = rows.shape
        self._begin(rows, settings, _stack(dim, settings, seeds))
        self._orders = [RowOrder(number, self._batch, seed, rows.device) for seed in seeds]
        self._noises = [stream(rows.device, seed, TRAINING_NOISE) for seed in seeds]
        self._firsts = number * torch.arange(models, device=rows.device)[:, None]

    def _minibatch(self) -> tuple[Tensor, Tensor]:
        """Return the next step's rows (K, B, D) and draws (K, B, D + 1)."""
        chosen = torch.stack([order.batch(self.done) for order in self._orders]) + self._firsts
        dim = self._rows.shape[-1]
        y = self._rows.view(-1, dim).index_select(0, chosen.view(-1)).view(*chosen.shape, dim)
        shape = (self._batch, dim + 1)
        drawn = [torch.randn(shape, generator=g, device=y.device) for g in self._noises]
        return y, torch.stack(drawn)


class StackedDiffusion:
    """K diffusion models over whole transitions, rows packed as `Transitions.packed` has them.

    Args:
        settings: hyperparameters, the same for all models.
        widths: d and a.
    """

    def __init__(self, settings: DiffusionSettings, widths: tuple[int, int]) -> None:
        self.settings, self.widths = settings, widths
        self._network: ResidualMLP | None = None
        self._normaliser: Normaliser | None = None

    def fit(
        self,
        rows: Tensor,
        seeds: Sequence[int],
        checkpoint: Checkpoint | None = None,
        title: str = "",
    ) -> None:
        """Train K models from scratch and keep the moving averages of their weights.

        Args:
            rows: (K, N, 2 d + a + 2) transitions, on the device that trains.
            seeds: one a model, of the weights, the order of the rows and the noise.
            checkpoint: as `Diffusion.fit` takes it.
            title: what the progress is called; none is shown without.

        Raises:
            SyntherError: there are too few rows, or a value or the loss is NaN or infinite.
        """
        s = self.settings
        columns, keep = modelled(s, *self.widths)
        rows = rows[..., :columns]
        each = [Normaliser.fit(part.cpu().numpy(), keep, rows.device) for part in rows]
        self._normaliser = Normaliser(
            torch.stack([n.mean for n in each])[:, None],
            torch.stack([n.std for n in each])[:, None],
        )
        trainer = StackedTrainer(self._normaliser.forward(rows).contiguous(), s, seeds)
        self._network = trainer.run(title, checkpoint)

    @torch.inference_mode()
    def sample(
        self,
        n: int,
        seeds: Sequence[int],
        chunk: int = CHUNK,
        checkpoint: Checkpoint | None = None,
    ) -> Tensor:
        """Return new transitions (K, n, 2 d + a + 2) on the device, rows of `Diffusion`.

        Args:
            n: rows a model.
            seeds: of the noise, one a model.
            chunk: rows a model made at once; another number gives other rows.
            checkpoint: where the rows so far are saved from time to time, and taken up again.

        Raises:
            SyntherError: the models are not fitted, or a generated value is NaN or infinite.
        """
        if self._network is None or self._normaliser is None:
            raise SyntherError("these diffusion models are not fitted: call fit")
        s, network, normaliser = self.settings, self._network, self._normaliser
        sampler = make_sampler(s)

        def denoise(x: Tensor, sigma: Tensor) -> Tensor:
            return edm.precondition(network, x, sigma.expand(len(x), 1), s.sigma_data)

        device, (models, _, dim) = network.flat.device, normaliser.mean.shape
        width = 2 * self.widths[0] + self.widths[1] + 2
        rows = torch.zeros(models, n, width, device=device)
        done = 0
        if checkpoint is not None and (saved := checkpoint.load(str(device))):
            done = int(saved["done"])
            rows[:, :done] = saved["rows"]
        threads = mathematics(network.operations(min(n, chunk)), device)
        with checkpoint or nullcontext(), products_in(s.precision), threads:
            for first in range(done, n, chunk):
                size = min(chunk, n - first)
                sources = [stream(device, seed, SAMPLES, first // chunk) for seed in seeds]
                x = sampler.sample(denoise, (models, size, dim), sources)
                rows[:, first : first + size, :dim] = normaliser.inverse(x)
                if checkpoint is not None and checkpoint.due():
                    done = first + size
                    checkpoint.save({"done": done, "rows": rows[:, :done].clone()})
        if not rows.isfinite().all():
            raise SyntherError(
                "generated transitions are NaN or infinite: lower the diffusion model's "
                "learning_rate, or look for extreme values in the replay buffer"
            )
        if s.model_terminals and s.threshold_terminals is not None:
            rows[..., -1] = (rows[..., -1] > s.threshold_terminals).float()
        return rows
