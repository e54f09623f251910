"""BC from pixels: min (a' - a)^2, with DrQ-v2's networks (V-D4RL, arXiv 2206.04779).

a' is drawn from the policy, not its mean: V-D4RL's `sample(clip=0.3)` with the scheduled deviation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from synther.agents.networks import FlatParameters
from synther.agents.pixels import PixelAgent, PixelBatch, PixelSettings


@dataclass(frozen=True)
class PixelBCSettings(PixelSettings):
    """BC's settings."""


class PixelBC(PixelAgent):
    """K cloned policies; the encoder learns from their loss."""

    Settings = PixelBCSettings
    title = "BC"
    settings: PixelBCSettings

    def _make_optimizers(self) -> None:
        body = [] if self.frozen else [self.encoder, self.trunks]
        self._actor = FlatParameters([*body, self.actor])
        self.optimizers = {"actor": self._actor.adam(self.settings.learning_rate)}

    def noise(self) -> dict[str, tuple[int, ...]]:
        """Noise of the actions that the loss compares."""
        return {"action": (self.settings.batch_size, self.action_dim)}

    def uniforms(self) -> dict[str, tuple[int, ...]]:
        """Return where the crops lie; next observations are not looked at."""
        return {k: v for k, v in super().uniforms().items() if k == "shift"}

    def update(  # type: ignore[override]
        self, batch: PixelBatch, noise: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Make one step towards the actions of one minibatch a seed."""
        if self.frozen:
            latents = self.split(batch.observations)["actor"]
        else:
            features = self.encoder(self.shifted(batch.observations, noise["shift"]))
            latents = self.trunks["actor"](features)
        self._actor.zero_grad()
        actions = self.policy(latents, noise["action"])
        loss = (actions - batch.actions).square().mean(dim=(1, 2))
        loss.sum().backward()
        self.optimizers["actor"].step()
        self.updates += 1
        return {"bc_loss": loss.detach()}
