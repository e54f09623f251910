"""DrQ+BC: DrQ-v2 with TD3+BC's actor loss (Lu et al. 2022, arXiv 2206.04779)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from synther.agents.base import Batch
from synther.agents.networks import Critics, FlatParameters, fixed, frozen_copy, soft_update
from synther.agents.pixels import HEAD_INIT, PixelAgent, PixelSettings


@dataclass(frozen=True)
class DrQBCSettings(PixelSettings):
    """DrQ+BC's settings."""

    n_step: int = 3
    """Steps whose rewards are summed before the value takes over."""
    tau: float = 0.01
    """Step of the target critics towards the critics."""
    alpha: float = 2.5
    """Weight of Q against behaviour cloning; lambda = alpha / mean |Q|."""


class DrQBC(PixelAgent):
    """K DrQ+BC agents; the encoder learns from the critics' loss alone."""

    Settings = DrQBCSettings
    title = "DrQ+BC"
    settings: DrQBCSettings
    trunk_names = ("actor", "critic")

    def _make_networks(self, generators: Sequence[torch.Generator]) -> None:
        super()._make_networks(generators)
        features, hidden = self.settings.features, self.settings.hidden
        self.critics = Critics(generators, features, self.action_dim, hidden, 2, HEAD_INIT)

    def _make_optimizers(self) -> None:
        self.target_critics = frozen_copy(self.critics)
        self.target_trunk = None if self.frozen else frozen_copy(self.trunks["critic"])
        parts: dict[str, list[nn.Module]] = {"actor": [self.actor], "critics": [self.critics]}
        targets: list[nn.Module] = [self.target_critics]
        if self.target_trunk is not None:
            parts["actor"].insert(0, self.trunks["actor"])
            parts["critics"].insert(0, self.trunks["critic"])
            targets.insert(0, self.target_trunk)
            parts["encoder"] = [self.encoder]
        self._valued, self._target = parts["critics"], FlatParameters(targets)
        self.optimise(parts, self.settings.learning_rate)

    def noise(self) -> dict[str, tuple[int, ...]]:
        """Noise of the next action, and of the action that the actor's loss scores."""
        shape = (self.settings.batch_size, self.action_dim)
        return {"next_action": shape, "action": shape}

    def target(self, batch: Batch, noise: Tensor, actor: Tensor, critic: Tensor) -> Tensor:
        """Return n-step returns plus the discounted min of the target critics (K, B).

        Args:
            actor: the actor's latents n steps on.
            critic: the target critics' latents there.
        """
        next_q = self.target_critics(critic, self.policy(actor, noise)).amin(dim=1)
        discount = self.settings.discount**self.settings.n_step * (1.0 - batch.terminals)
        return batch.rewards + discount * next_q

    def critic_loss(
        self, latents: Tensor, actions: Tensor, target: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the squared Bellman error, summed over seeds and critics."""
        q = self.critics(latents, actions)
        loss = (q - target[:, None]).square().mean(dim=-1).sum(dim=1)
        return loss.sum(), {"critic_loss": loss.detach(), "q": q.detach()}

    def actor_loss(
        self, actor: Tensor, critic: Tensor, actions: Tensor, noise: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return -lambda min Q(s, a') + (a' - a)^2 of sampled actions a', summed over seeds."""
        chosen = self.policy(actor, noise)
        q = self.critics(critic, chosen).amin(dim=1)
        weight = self.settings.alpha / q.detach().abs().mean(dim=-1)
        cloning = (chosen - actions).square().mean(dim=(1, 2))
        loss = cloning - weight * q.mean(dim=-1)
        return loss.sum(), {"actor_loss": loss.detach(), "bc_loss": cloning.detach()}

    def update(self, batch: Batch, noise: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Train critics (and with them the encoder), actor, and move the targets."""
        features = self.features(batch.observations, noise.get("shift"))
        with torch.no_grad():
            ahead = self.features(batch.next_observations, noise.get("next_shift"))
            following = self.latents("critic", ahead, self.target_trunk)
            target = self.target(
                batch, noise["next_action"], self.latents("actor", ahead), following
            )
        loss, info = self.critic_loss(self.latents("critic", features), batch.actions, target)
        self.descend(loss, *(name for name in self.flat if name != "actor"))

        features = features.detach()
        with fixed(*self._valued):
            acting, seen = self.latents("actor", features), self.latents("critic", features)
            loss, actor_info = self.actor_loss(acting, seen, batch.actions, noise["action"])
            self.descend(loss, "actor")
        soft_update(self._target, self.flat["critics"], self.settings.tau)
        self.updates += 1
        return info | actor_info
