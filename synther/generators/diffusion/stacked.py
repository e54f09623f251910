"""K diffusion models side by side, each on its own rows: what online training retrains.

Every product is batched over models, and every model has random streams of its own, so that model k
learns and samples what `Diffusion` would with the same rows and seed.
"""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext

import torch
from torch import Tensor

from synther.errors import SyntherError
from synther.generators.diffusion import edm
from synther.generators.diffusion.denoiser import ResidualMLP
from synther.generators.diffusion.model import CHUNK, modelled
from synther.generators.diffusion.settings import DiffusionSettings
from synther.generators.diffusion.trainer import SAMPLES, Trainer, products_in, stream
from synther.generators.normaliser import Normaliser
from synther.jobs.checkpoint import Checkpoint
from synther.jobs.threads import mathematics


class StackedDiffusion:
    """K diffusion models over whole transitions, rows packed as `Transitions.packed` has them.

    Args:
        settings: hyperparameters, the same for all models.
        widths: d and a.
    """

    def __init__(self, settings: DiffusionSettings, widths: tuple[int, int]) -> None:
        self.settings, self.widths = settings, widths
        self._learned: tuple[ResidualMLP, Normaliser] | None = None

    def fit(
        self,
        rows: Tensor,
        seeds: Sequence[int],
        checkpoint: Checkpoint | None = None,
        title: str = "",
        weights: Mapping[str, Tensor] | None = None,
    ) -> None:
        """Train K models as `Diffusion.fit` trains one, a seed each.

        Args:
            rows: (K, N, 2 d + a + 2) transitions, on the device that trains.
            seeds: one a model.
            checkpoint: as there.
            title: what the progress is called; none is shown without.
            weights: of other such models, to begin with in place of fresh ones. Rows are
                standardised anew all the same, and the learning rate begins at its height.
        """
        s = self.settings
        columns, keep = modelled(s, *self.widths)
        rows = rows[..., :columns]
        each = [Normaliser.fit(part.cpu().numpy(), keep, rows.device) for part in rows]
        normaliser = Normaliser(
            torch.stack([n.mean for n in each])[:, None],
            torch.stack([n.std for n in each])[:, None],
        )
        trainer = Trainer(normaliser.forward(rows).contiguous(), s, seeds)
        if weights:
            trainer.network.load_state_dict(weights)
            trainer.ema.average.copy_(weights["flat"])
        self._learned = trainer.run(title, checkpoint), normaliser

    def weights(self) -> dict[str, Tensor]:
        """Return what `fit` can begin with; nothing of models that are not fitted."""
        return dict(self._learned[0].state_dict()) if self._learned else {}

    @torch.inference_mode()
    def sample(
        self,
        n: int,
        seeds: Sequence[int],
        chunk: int = CHUNK,
        checkpoint: Checkpoint | None = None,
    ) -> Tensor:
        """Return new transitions (K, n, 2 d + a + 2) on the device, as `Diffusion.sample_chunks`.

        Args:
            n: rows a model.
            seeds: one a model.
            chunk: rows a model made at once.
            checkpoint: where the rows so far are saved from time to time, and taken up again.
        """
        if self._learned is None:
            raise SyntherError("these diffusion models are not fitted: call fit")
        s, (network, normaliser) = self.settings, self._learned

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
                x = edm.sample(denoise, (models, size, dim), sources, s)
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
