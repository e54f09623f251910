"""The moving average of the weights that samples are drawn with."""

from typing import Any

import torch
from torch import Tensor

from synther.generators.diffusion.settings import DiffusionSettings


class EMA:
    """An exponential moving average with the semantics of ema-pytorch 0.1.2, on one flat tensor.

    That is the version the authors pin. Call `update` after every gradient step; let i = 0, 1, 2,
    ... count the calls. The average is
    - touched only where i is a multiple of `update_every`;
    - a copy of the weights up to and including the first such i above `update_after_step` (later
      versions of ema-pytorch, such as 0.8.3, already average there);
    - then average += (1 - decay) (weights - average), with decay
      = min(beta, 1 - (1 + (i - update_after_step) / inv_gamma) ** -power): it rises to beta.
    With SynthER's settings (0.995, every 10, after 100, 1, 2/3) that is copies up to i = 110, and
    beta is reached at i = 2930.

    The counter is a Python number, so that no call waits for the device.

    Args:
        weights: where the average starts; any shape.
        settings: `ema_beta`, `ema_update_every` and so on are those above.

    Attributes:
        average: the averaged weights.
        calls: how often `update` was called.
    """

    def __init__(self, weights: Tensor, settings: DiffusionSettings) -> None:
        self.average, self.calls = weights.detach().clone(), 0
        self._settings = settings

    def decay(self, i: int) -> float:
        """Return the share of the average that call i (from 0) keeps."""
        s = self._settings
        last_copy = (s.ema_update_after_step // s.ema_update_every + 1) * s.ema_update_every
        if i <= last_copy:
            return 0.0
        age = i - s.ema_update_after_step
        return min(s.ema_beta, 1 - (1 + age / s.ema_inv_gamma) ** -s.ema_power)

    @torch.no_grad()
    def update(self, weights: Tensor) -> None:
        """Take one step's `weights`, of the average's shape, into account."""
        i, self.calls = self.calls, self.calls + 1
        if i % self._settings.ema_update_every:
            return
        decay = self.decay(i)
        if decay == 0.0:
            self.average.copy_(weights)
        else:
            self.average.lerp_(weights, 1 - decay)

    def state(self) -> dict[str, Any]:
        """Return what `restore` needs."""
        return {"average": self.average, "calls": self.calls}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""
        self.average.copy_(state["average"])
        self.calls = state["calls"]
