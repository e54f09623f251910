"""The moving average of the weights that samples are drawn with."""

from typing import Any

import torch
from torch import Tensor


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
        beta: highest decay.
        update_every: calls between updates.
        update_after_step: calls before averaging begins.
        inv_gamma: scale of the warm-up, in calls.
        power: exponent of the warm-up.

    Attributes:
        average: the averaged weights.
        calls: how often `update` was called.
    """

    def __init__(
        self,
        weights: Tensor,
        beta: float = 0.995,
        update_every: int = 10,
        update_after_step: int = 100,
        inv_gamma: float = 1.0,
        power: float = 2 / 3,
    ) -> None:
        self.average = weights.detach().clone()
        self.beta, self.inv_gamma, self.power = beta, inv_gamma, power
        self.update_every, self.update_after_step = update_every, update_after_step
        self.calls = 0

    def decay(self, i: int) -> float:
        """Return the share of the average that call i (from 0) keeps."""
        last_copy = (self.update_after_step // self.update_every + 1) * self.update_every
        if i <= last_copy:
            return 0.0
        age = i - self.update_after_step
        return min(self.beta, 1 - (1 + age / self.inv_gamma) ** -self.power)

    @torch.no_grad()
    def update(self, weights: Tensor) -> None:
        """Take one step's `weights`, of the average's shape, into account."""
        i, self.calls = self.calls, self.calls + 1
        if i % self.update_every:
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
