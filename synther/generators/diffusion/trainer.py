"""Training of the denoiser."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from synther.errors import SyntherError
from synther.generators.diffusion import edm
from synther.generators.diffusion.denoiser import ResidualMLP
from synther.generators.diffusion.ema import EMA
from synther.generators.diffusion.settings import DiffusionSettings
from synther.jobs.checkpoint import Checkpoint
from synther.jobs.progress import Progress
from synther.jobs.threads import mathematics
from synther.tensors.graphed import GraphedCall
from synther.tensors.layers import FlatLayers
from synther.tensors.optimizer import Adam

INITIAL_VALUES, ROW_ORDER, TRAINING_NOISE, SAMPLES, DRAWN_ROWS, LOSS_NOISE = range(6)
"""What random numbers are for: every purpose has a stream of its own."""
LOSS_INTERVAL = 100
"""Steps between readings of the loss, each of which waits for the device."""


def stream(device: torch.device | str, seed: int, *path: int) -> torch.Generator:
    """Return a generator on `device` for (seed, *path); different paths are independent.

    Raises:
        SyntherError: the seed is negative.
    """
    if seed < 0:
        raise SyntherError(f"seed {seed} is negative: choose 0 or more")
    state = np.random.SeedSequence([seed, *path]).generate_state(1, np.uint64)[0]
    return torch.Generator(device).manual_seed(int(state))


@contextmanager
def products_in(precision: str) -> Iterator[None]:
    """Within the block, multiply float32 matrices on a GPU in "float32" or in "tf32"."""
    products, tf32 = torch.backends.cuda.matmul, precision == "tf32"
    flag: tuple[str, bool | str] = ("allow_tf32", tf32)
    try:
        before = products.allow_tf32
    except RuntimeError:  # the program around sets fp32_precision, which forbids the older flag
        flag = ("fp32_precision", "tf32" if tf32 else "ieee")
        before = products.fp32_precision
    setattr(products, *flag)
    try:
        yield
    finally:
        setattr(products, flag[0], before)


class RowOrder:
    """Every row once an epoch, shuffled anew each time, in batches of one size.

    A batch at the end of an epoch is filled up from the next, so that all batches have `batch`
    rows (upstream's last of an epoch is smaller). Which rows step i takes depends on (seed, i)
    alone, so a resumed job needs no record of them.
    """

    def __init__(self, rows: int, batch: int, seed: int, device: torch.device) -> None:
        self._rows, self._batch, self._seed, self._device = rows, batch, seed, device
        self._epoch = -1
        self._order = torch.empty(0, dtype=torch.int64)

    def batch(self, step: int) -> Tensor:
        """Return the row numbers (batch,) of step `step`, counted from 0."""
        position, missing, parts = step * self._batch, self._batch, []
        while missing:
            epoch, offset = divmod(position, self._rows)
            if epoch != self._epoch:
                # On the CPU: the same rows in the same order whatever trains on them
                generator = stream("cpu", self._seed, ROW_ORDER, epoch)
                self._order = torch.randperm(self._rows, generator=generator).to(self._device)
                self._epoch = epoch
            part = self._order[offset : offset + missing]
            parts.append(part)
            position, missing = position + len(part), missing - len(part)
        return torch.cat(parts) if len(parts) > 1 else parts[0]


class Trainer:
    """Fits a `ResidualMLP` to normalised rows: AdamW, a clipped gradient, a half cosine, an EMA.

    Of K models side by side each has random streams of its own, and learns what it would alone.

    Args:
        rows: (N, D) float32 normalised rows, on the device that trains; (K, N, D) of K models.
        settings: hyperparameters, the same for all.
        seed: of the initial values, the order of the rows and the noise; one a model.

    Attributes:
        network: the network in training.
        ema: the moving average of `network.flat`.
        done: steps taken.
    """

    fits: ClassVar[str] = "the diffusion model"

    def __init__(
        self, rows: Tensor, settings: DiffusionSettings, seed: int | Sequence[int]
    ) -> None:
        seeds = [seed] if isinstance(seed, int) else list(seed)
        self._rows, self._settings = rows.reshape(len(seeds), *rows.shape[-2:]), settings
        _, number, dim = self._rows.shape
        device = rows.device
        self.network: Any = self._fresh(dim, seeds).to(device)
        self._batch = settings.batch_size_for(number)
        self._orders = [RowOrder(number, self._batch, s, device) for s in seeds]
        self._noises = [stream(device, s, TRAINING_NOISE) for s in seeds]
        self._firsts = number * torch.arange(len(seeds), device=device)[:, None]
        flat = self.network.flat
        self._rate = torch.full((), settings.learning_rate, device=device)
        self._optimizer = Adam([flat], self._rate, settings.betas)
        self._learn = GraphedCall(self._gradient_step)
        self.ema = EMA(flat, settings)
        self.done = 0
        self._losses: list[Tensor] = []

    def _fresh(self, dim: int, seeds: Sequence[int]) -> FlatLayers:
        """Return networks for rows of width `dim`, each with the weights of its seed."""
        s = self._settings
        draws = [stream("cpu", seed, INITIAL_VALUES) for seed in seeds]
        alone = [ResidualMLP(dim, s, generator=generator) for generator in draws]
        if len(seeds) == 1:
            return alone[0]
        network = ResidualMLP(dim, s, models=len(seeds))
        with torch.no_grad():
            network.flat.copy_(torch.cat([one.flat for one in alone]))
            network.frequencies.copy_(torch.cat([one.frequencies for one in alone]))
        return network

    def learning_rate(self, step: int) -> float:
        """Return the learning rate of step `step`, counted from 0: a half cosine down to 0."""
        s = self._settings
        return s.learning_rate * (1 + math.cos(math.pi * step / s.steps)) / 2

    @staticmethod
    def loss(network: Any, settings: Any, y: Tensor, draws: Tensor) -> Tensor:
        """Return the mean loss (), summed over models.

        Args:
            network: K models.
            settings: theirs.
            y: (K, B, D) clean rows.
            draws: (K, B, D + 1) standard normal; the first decides the noise level.
        """
        s = settings
        sigma = edm.training_sigma(draws[..., 0], s.p_mean, s.p_std)

        def denoise(x: Tensor, sigma: Tensor) -> Tensor:
            return edm.precondition(network, x, sigma, s.sigma_data)

        return (
            edm.denoising_loss(denoise, y, sigma, draws[..., 1:], s.sigma_data).mean(dim=-1).sum()
        )

    def _minibatch(self) -> tuple[Tensor, Tensor]:
        """Return the next step's rows (K, B, D) and draws (K, B, D + 1)."""
        chosen = torch.stack([order.batch(self.done) for order in self._orders]) + self._firsts
        dim = self._rows.shape[-1]
        y = self._rows.view(-1, dim).index_select(0, chosen.view(-1)).view(*chosen.shape, dim)
        shape = (self._batch, dim + 1)
        drawn = [torch.randn(shape, generator=g, device=y.device) for g in self._noises]
        return y, torch.stack(drawn)

    def step(self) -> None:
        """Take one gradient step."""
        rows, draws = self._minibatch()
        self._rate.fill_(self.learning_rate(self.done))
        with products_in(self._settings.precision):
            found = self._learn({"rows": rows, "draws": draws})
        self.ema.update(self.network.flat.detach())
        self._losses.append(found["loss"].clone())
        self.done += 1

    def run(self, title: str = "", checkpoint: Checkpoint | None = None) -> Any:
        """Train to the last step and return the network with the averaged weights, frozen.

        Args:
            title: what the progress is called; none is shown without.
            checkpoint: where the state is saved from time to time. If it holds one, training goes
                on from there. The caller removes it.

        Raises:
            SyntherError: a loss is NaN or infinite.
        """
        if checkpoint is not None and (saved := checkpoint.load(str(self._rows.device))):
            self.restore(saved)
        steps = self._settings.steps
        with (
            Progress(steps, title, done=self.done) as shown,
            checkpoint or nullcontext(),
            mathematics(self.network.operations(self._batch), self._rows.device),
        ):
            while self.done < steps:
                self.step()
                due = checkpoint is not None and checkpoint.due()
                if due or self.done == steps or self.done % LOSS_INTERVAL == 0:
                    # Before a save, so that no NaN is ever saved; a mean over the models
                    loss = self.read_loss() / len(self.network.flat)
                    shown.advance(self.done - shown.done, loss=loss)
                if due and checkpoint is not None:
                    checkpoint.save(self.state())
        network = self.network.requires_grad_(False)
        network.flat.copy_(self.ema.average)
        return network

    def _gradient_step(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        s, flat = self._settings, self.network.flat
        loss = self.loss(self.network, s, inputs["rows"], inputs["draws"])
        (gradient,) = torch.autograd.grad(loss, flat)
        norm = torch.linalg.vector_norm(gradient, dim=1, keepdim=True)
        flat.grad = gradient.mul_((s.gradient_clip / (norm + 1e-6)).clamp(max=1.0))
        if s.weight_decay:  # AdamW's, here because it spares the biases inside the flat tensor
            for weight in self.network.weights():
                weight.mul_(1 - self._rate * s.weight_decay)
        self._optimizer.step()
        self._optimizer.zero_grad()
        return {"loss": loss.detach()}

    def read_loss(self) -> float:
        """Return the mean loss since the last reading, which waits for the device.

        Raises:
            SyntherError: a loss is NaN or infinite; the message names the step.
        """
        if not self._losses:
            return math.nan
        losses = torch.stack(self._losses).cpu()
        self._losses = []
        bad = (~losses.isfinite()).nonzero()
        if len(bad):
            step = self.done - len(losses) + int(bad[0]) + 1
            raise SyntherError(
                f"the loss of {self.fits} is {losses[bad[0]].item()} at step {step:,}: "
                "look for extreme values in the dataset, or lower learning_rate"
            )
        return float(losses.mean())

    def state(self) -> dict[str, Any]:
        """Return all that `restore` needs to go on to the very same result."""
        return {
            "done": self.done,
            "network": dict(self.network.state_dict()),
            "optimizer": self._optimizer.state_dict(),
            "ema": self.ema.state(),
            "noise": [noise.get_state() for noise in self._noises],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""
        self.done = state["done"]
        self.network.load_state_dict(state["network"])
        self._optimizer.load_state_dict(state["optimizer"])
        self.ema.restore(state["ema"])
        for noise, saved in zip(self._noises, state["noise"], strict=True):
            noise.set_state(saved.cpu())
