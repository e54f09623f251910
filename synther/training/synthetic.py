"""The generators of online training: trained on the replay, sampled into a second buffer."""

from dataclasses import replace
from typing import Any

import numpy as np
from torch import Tensor

from synther.config.settings import resolve
from synther.errors import SyntherError
from synther.generators.diffusion import DiffusionSettings
from synther.generators.diffusion.stacked import StackedDiffusion
from synther.jobs.checkpoint import Checkpoint
from synther.training.clock import Clock
from synther.training.job import TrainingJob
from synther.training.replay import Replay


def _model_seed(seed: int, refresh: int, purpose: int) -> int:
    """Return the seed of one training or sampling of one seed's generator."""
    return int(np.random.SeedSequence([seed, 9, refresh, purpose]).generate_state(1)[0])


class Synthesiser:
    """K generators and the buffer of their samples.

    Args:
        job: of K seeds on a device. Its agent's settings have the generators' as a part, and their
            checkpoints lie beside its result.
        widths: d and a.

    Attributes:
        buffer: the samples (K, synthetic_samples); empty before the first refresh.
        refreshes: how often it was refilled.
    """

    def __init__(self, job: TrainingJob, widths: tuple[int, int]) -> None:
        settings, where = job.settings, "the diffusion model of an online agent"
        self.settings = resolve(DiffusionSettings, settings.diffusion, where=where)
        self.seeds, self._device = job.seeds, job.device
        number = settings.synthetic_samples
        self.buffer = Replay(len(job.seeds), number, *widths, device=job.device)
        self.refreshes, self._fine_tune_steps = 0, settings.fine_tune_steps
        self._weights: dict[str, Tensor] = {}  # that the next training begins with
        self._out, self._identity = job.out, job.identity()

    def _checkpoint(self, kind: str, refresh: int) -> Checkpoint:
        path = self._out.with_suffix(f".{kind}-{refresh}.ckpt")
        return Checkpoint(path, {**self._identity, "kind": kind, "refresh": refresh}, self._device)

    def refresh(self, real: Tensor, clock: Clock, title: str = "") -> None:
        """Train generators on `real` (K, N, 2 d + a + 2) and put their samples in the buffer.

        A job that is killed in here goes on with the training, or the sampling, where it was.
        """
        number, widths = self.refreshes, self.buffer.widths
        training = self._checkpoint("diffusion", number)
        settings = self.settings
        if self._weights:
            settings = replace(settings, steps=self._fine_tune_steps)
        model = StackedDiffusion(settings, widths)
        with clock.time("diffusion"):
            seeds = [_model_seed(seed, number, 0) for seed in self.seeds]
            model.fit(real.float(), seeds, training, title, self._weights)
        if self._fine_tune_steps:
            self._weights = model.weights()
        with clock.time("sampling"):
            seeds = [_model_seed(seed, number, 1) for seed in self.seeds]
            drawing = self._checkpoint("sampling", number)
            self.buffer.fill(model.sample(self.buffer.capacity, seeds, checkpoint=drawing))
        self.refreshes += 1
        state = {**self.buffer.snapshot(), "weights": self._weights}
        self._checkpoint("samples", number).save(state)

    def tidy(self, everything: bool = False) -> None:
        """Delete the checkpoints that the job's own has made needless, or all of them."""
        for number in range(self.refreshes + 1):
            for kind in ("diffusion", "sampling", "samples"):
                needed = kind == "samples" and number == self.refreshes - 1
                if everything or (number < self.refreshes and not needed):
                    self._checkpoint(kind, number).remove()

    def snapshot(self) -> dict[str, Any]:
        """Return what `restore` needs; the samples have their own file."""
        return {"refreshes": self.refreshes}

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Go back to a `snapshot`, reading the samples of that time.

        Raises:
            SyntherError: their file is gone.
        """
        self.refreshes = snapshot["refreshes"]
        if self.refreshes:
            file = self._checkpoint("samples", self.refreshes - 1)
            if (saved := file.load(self._device)) is None:
                raise SyntherError(
                    f"{file.path} is missing, without which the job's checkpoint can't go on: "
                    "delete that too, to start anew"
                )
            self.buffer.restore(saved)
            self._weights = saved["weights"]
