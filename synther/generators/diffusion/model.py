"""`Diffusion`: the generator of SynthER, from transitions to transitions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from synther.config.settings import as_dict, resolve
from synther.errors import SyntherError
from synther.generators.diffusion import edm
from synther.generators.diffusion.denoiser import ResidualMLP
from synther.generators.diffusion.normaliser import Normaliser
from synther.generators.diffusion.settings import DiffusionSettings
from synther.generators.diffusion.trainer import (
    SAMPLES,
    Trainer,
    make_network,
    products_in,
    stream,
)
from synther.jobs.checkpoint import Checkpoint
from synther.jobs.devices import require_device
from synther.jobs.files import write_json
from synther.jobs.threads import mathematics
from synther.tensors import weights
from synther.transitions import Transitions

__all__ = ["Diffusion", "DiffusionSettings"]

FORMAT = 1
CHUNK = 4096
"""Rows sampled at once: enough to fill a GPU at width 2048, few enough for a CPU's cache."""


def make_sampler(settings: DiffusionSettings) -> edm.Sampler:
    """Return the sampler that a model's settings describe."""
    s = settings
    return edm.Sampler(
        steps=s.sampling_steps,
        sigma_min=s.sigma_min,
        sigma_max=s.sigma_max,
        rho=s.rho,
        s_churn=s.s_churn,
        s_tmin=s.s_tmin,
        s_tmax=s.s_tmax,
        s_noise=s.s_noise,
    )


class Diffusion:
    """An elucidated diffusion model over whole transitions (s, a, r, s', terminal).

    Sources: Lu et al. 2023 (SynthER, arXiv 2303.06614) and the authors' code; Karras et al. 2022
    (EDM, arXiv 2206.00364).

    Args:
        settings: hyperparameters; None: the authors' for offline datasets.
        device: where it trains and samples: "cpu", "cuda", "cuda:1", ...

    Raises:
        SyntherError: there is no such device.
    """

    name: ClassVar[str] = "diffusion"
    """As `synther.generators.GENERATORS` has it."""
    settings_type: ClassVar[type] = DiffusionSettings
    trainer_type: ClassVar[type[Trainer]] = Trainer
    extra_inputs: ClassVar[int] = 0
    """Columns behind a row's own that the network is given besides."""
    sampling_settings: ClassVar[frozenset[str]] = frozenset(
        (
            *("sampling_steps", "sigma_min", "sigma_max", "rho", "threshold_terminals"),
            *("s_churn", "s_tmin", "s_tmax", "s_noise", "precision"),
        )
    )
    """Settings that a fitted model can be given anew: training knows nothing of them."""

    def __init__(self, settings: DiffusionSettings | None = None, device: str = "cpu") -> None:
        self.settings: DiffusionSettings = settings or self.settings_type()
        self.device = require_device(device)
        self._network: ResidualMLP | None = None
        self._normaliser: Normaliser | None = None
        self._widths = (0, 0)

    @property
    def num_parameters(self) -> int:
        """Trained parameters of the denoiser."""
        return self._fitted()[0].num_parameters

    def _fitted(self) -> tuple[ResidualMLP, Normaliser]:
        if self._network is None or self._normaliser is None:
            raise SyntherError("this diffusion model is not fitted: call fit, or load one")
        return self._network, self._normaliser

    def fit(
        self,
        transitions: Transitions,
        seed: int = 0,
        progress: bool = True,
        checkpoint: Checkpoint | None = None,
        **overrides: Any,
    ) -> Self:
        """Train on `transitions` from scratch, and keep the moving average of the weights.

        Args:
            transitions: N >= 2 rows; they stay in the device's memory during training.
            seed: of the initial weights, the order of the rows and the noise.
            progress: whether to show progress on stderr.
            checkpoint: where the state is saved from time to time. If it holds one, training goes
                on from there, on a CPU to the very same weights. The caller removes it.
            **overrides: settings by name, such as `steps=1000`; they stay with the model.

        Raises:
            SyntherError: a setting is unknown or unfit, there are too few rows, a value or the loss
                is NaN or infinite.
        """
        self.settings = resolve(
            self.settings_type, as_dict(self.settings), overrides, where=self.name
        )
        self._widths = (transitions.observation_dim, transitions.action_dim)
        rows = transitions.packed()
        reward, terminal = sum(self._widths), rows.shape[1] - 1
        keep: list[int] = [] if self.settings.normalise_rewards else [reward]
        if self.settings.model_terminals:
            keep.append(terminal)
        else:
            rows = rows[:, :terminal]
        self._normaliser = Normaliser.fit(rows, keep, self.device)
        data = self._normaliser.forward(torch.as_tensor(rows, device=self.device))

        trainer = self.trainer_type(self._inputs(data, transitions, seed), self.settings, seed)
        self._network = trainer.run(f"fit {self.name}" if progress else "", checkpoint)
        return self

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

    def sample(self, n: int, seed: int = 0) -> Transitions:
        """Return n new transitions: all that `sample_chunks` yields, at once.

        Raises:
            SyntherError: the model is not fitted, or a generated value is NaN or infinite.
        """
        return Transitions.concatenate(self.sample_chunks(n, seed))

    def sample_chunks(
        self, n: int, seed: int = 0, chunk: int = CHUNK, first: int = 0
    ) -> Iterator[Transitions]:
        """Yield n new transitions, `chunk` at a time; the last part may be smaller.

        Chunk i has a random stream of its own, derived from (seed, i), so that a job that was
        killed can go on at any chunk, and several jobs can share the chunks between them. Another
        chunk size gives other rows (of the same distribution).

        Args:
            n: rows in all, of which those of the chunks before `first` are left out.
            seed: of the noise.
            chunk: rows made at once; memory grows with it.
            first: number of the chunk to begin with.

        Raises:
            SyntherError: the model is not fitted, n or chunk is below 1, or a generated value is
                NaN or infinite.
        """
        self._fitted()
        if n < 1 or chunk < 1:
            raise SyntherError(
                f"can't sample {n} rows in chunks of {chunk}: both must be 1 or more"
            )
        for index in range(first, -(-n // chunk)):
            rows = min(chunk, n - index * chunk)
            part = self._sample(rows, stream(self.device, seed, SAMPLES, index))
            yield part.check_finite(f"generated transitions (seed {seed}, chunk {index})")

    @torch.inference_mode()
    def _sample(self, rows: int, generator: torch.Generator) -> Transitions:
        network, normaliser = self._fitted()
        s, (d, a) = self.settings, self._widths
        with products_in(s.precision), mathematics(network.operations(rows), self.device):
            x = self._draw((rows, len(normaliser.mean)), generator)
        packed = normaliser.inverse(x).cpu().numpy()
        if not s.model_terminals:
            packed = np.concatenate([packed, np.zeros((rows, 1), np.float32)], axis=1)
        elif s.threshold_terminals is not None:
            # A NaN must stay one, to be found by the caller
            flag = packed[:, -1]
            packed[:, -1] = np.where(np.isfinite(flag), flag > s.threshold_terminals, flag)
        return Transitions.unpack(packed, d, a)

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

    def log_volume(self) -> float:
        """Return the sum of ln(std): what a log-density loses when rows leave the normal space."""
        return float(self._fitted()[1].std.log().sum())

    def _draw(self, shape: tuple[int, int], generator: torch.Generator) -> Tensor:
        """Return new normalised rows (B, D)."""
        return self._sampler().sample(self.denoise, shape, generator)

    def _sampler(self) -> edm.Sampler:
        return make_sampler(self.settings)

    def save(self, path: str | Path) -> None:
        """Write the folder `path`: model.pt (all that `load` needs) and settings.json (to read).

        Raises:
            SyntherError: the model is not fitted, or the folder can't be written.
        """
        network, normaliser = self._fitted()
        path = Path(path)
        readable = {
            "generator": self.name,
            "settings": as_dict(self.settings),
            "observation_dim": self._widths[0],
            "action_dim": self._widths[1],
            "num_parameters": self.num_parameters,
        }
        write_json(path / "settings.json", readable)
        content = {
            "format": FORMAT,
            "description": json.dumps(readable),
            "flat": network.flat.detach().cpu(),
            "frequencies": network.frequencies.cpu(),
            "mean": normaliser.mean.cpu(),
            "std": normaliser.std.cpu(),
        }
        weights.save(path / "model.pt", content)

    @classmethod
    def load(cls, path: str | Path, device: str = "cpu") -> Self:
        """Read a folder that `save` wrote; the model is ready to sample.

        Raises:
            SyntherError: the file is missing, damaged, or of another format.
        """
        file, names = Path(path) / "model.pt", ("flat", "frequencies", "mean", "std")
        content = weights.load(
            file,
            "fit the model anew",
            required=("format", "description", *names),
            missing="fit and save a diffusion model there first",
        )
        version = content["format"]
        try:
            description = json.loads(content["description"])
            widths = (int(description["observation_dim"]), int(description["action_dim"]))
            saved, tensors = dict(description["settings"]), [content[name].cpu() for name in names]
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise SyntherError(f"{file} is damaged: fit the model anew ({error})") from error
        if version != FORMAT:
            raise SyntherError(f"{file} has format {version}, this version reads {FORMAT}: refit")
        settings: Any = resolve(cls.settings_type, saved, where=str(file))
        model = cls(settings, device)
        flat, frequencies, mean, std = tensors
        columns = 2 * widths[0] + widths[1] + 1 + settings.model_terminals
        claimed = (columns, settings.width, settings.depth, settings.dim_t, *widths)
        fits = all(0 < size <= flat.numel() for size in claimed)
        if fits:  # only then is a network of that size made, and not yet in memory
            with torch.device("meta"):
                wanted = make_network(columns + cls.extra_inputs, settings)
            shapes = [wanted.flat.shape, wanted.frequencies.shape, (columns,), (columns,)]
            fits = [tensor.shape for tensor in (flat, frequencies, mean, std)] == shapes
        if not fits:
            raise SyntherError(f"{file} is damaged: its weights do not fit its settings; refit")
        width = columns + cls.extra_inputs
        network = make_network(width, settings).requires_grad_(False)
        network.flat.copy_(flat)
        network.frequencies.copy_(frequencies)
        model.adopt(network, Normaliser(mean, std), widths)
        return model

    def adopt(self, network: ResidualMLP, normaliser: Normaliser, widths: tuple[int, int]) -> None:
        """Take over a trained network of these settings, with what normalised its data.

        Args:
            network: for rows of width D.
            normaliser: of rows of width D, without extra inputs.
            widths: d and a.
        """
        self._network, self._widths = network.to(self.device).requires_grad_(False), widths
        self._normaliser = Normaliser(
            normaliser.mean.to(self.device), normaliser.std.to(self.device)
        )
