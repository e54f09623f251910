"""BC from pixels: min (a' - a)^2, with DrQ-v2's networks (V-D4RL, arXiv 2206.04779).

a' is drawn from the policy, not its mean: V-D4RL's `sample(clip=0.3)` with the scheduled deviation.
"""

from collections.abc import Mapping

from torch import Tensor

from synther.agents.base import Batch
from synther.agents.pixels import PixelAgent, PixelSettings


class PixelBC(PixelAgent):
    """K cloned policies; the encoder learns from their loss."""

    Settings = PixelSettings
    title = "BC"

    def _make_optimizers(self) -> None:
        body = [] if self.frozen else [self.encoder, self.trunks]
        self.optimise({"actor": [*body, self.actor]}, self.settings.learning_rate)

    def noise(self) -> dict[str, tuple[int, ...]]:
        """Noise of the actions that the loss compares."""
        return {"action": (self.settings.batch_size, self.action_dim)}

    def uniforms(self) -> dict[str, tuple[int, ...]]:
        """Return where the crops lie; next observations are not looked at."""
        return {k: v for k, v in super().uniforms().items() if k == "shift"}

    def update(self, batch: Batch, noise: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Make one step towards the actions of one minibatch a seed."""
        features = self.features(batch.observations, noise.get("shift"))
        actions = self.policy(self.latents("actor", features), noise["action"])
        loss = (actions - batch.actions).square().mean(dim=(1, 2))
        self.descend(loss.sum(), "actor")
        self.updates += 1
        return {"bc_loss": loss.detach()}
