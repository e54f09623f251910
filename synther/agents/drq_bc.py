"""DrQ+BC: DrQ-v2 with TD3+BC's actor loss (Lu et al. 2022, arXiv 2206.04779)."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from synther.agents.networks import Critics, FlatParameters, soft_update
from synther.agents.pixels import PixelAgent, PixelBatch, PixelSettings, head_init


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
        self.critics = Critics(generators, features, self.action_dim, hidden, 2, head_init)

    def _make_optimizers(self) -> None:
        self.target_critics = copy.deepcopy(self.critics).requires_grad_(False)
        actor: list[nn.Module] = [self.actor]
        critics: list[nn.Module] = [self.critics]
        targets: list[nn.Module] = [self.target_critics]
        rate = self.settings.learning_rate
        if not self.frozen:
            self.target_trunk = copy.deepcopy(self.trunks["critic"]).requires_grad_(False)
            actor.insert(0, self.trunks["actor"])
            critics.insert(0, self.trunks["critic"])
            targets.insert(0, self.target_trunk)
            self._encoder = FlatParameters([self.encoder])
            self.optimizers["encoder"] = self._encoder.adam(rate)
        self._actor, self._critics = FlatParameters(actor), FlatParameters(critics)
        self._target = FlatParameters(targets)
        self.optimizers |= {"actor": self._actor.adam(rate), "critics": self._critics.adam(rate)}

    def noise(self) -> dict[str, tuple[int, ...]]:
        """Noise of the next action, and of the action that the actor's loss scores."""
        shape = (self.settings.batch_size, self.action_dim)
        return {"next_action": shape, "action": shape}

    def target(self, batch: PixelBatch, noise: Tensor, actor: Tensor, critic: Tensor) -> Tensor:
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

    def update(  # type: ignore[override]
        self, batch: PixelBatch, noise: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Train critics (and with them the encoder), actor, and move the targets."""
        actor, critic = self.trunks["actor"], self.trunks["critic"]
        if self.frozen:
            now, following = self.split(batch.observations), self.split(batch.next_observations)
            seen, next_actor, next_critic = now["critic"], following["actor"], following["critic"]
        else:
            features = self.encoder(self.shifted(batch.observations, noise["shift"]))
            with torch.no_grad():
                ahead = self.encoder(self.shifted(batch.next_observations, noise["next_shift"]))
                next_actor, next_critic = actor(ahead), self.target_trunk(ahead)
            seen = critic(features)
        with torch.no_grad():
            target = self.target(batch, noise["next_action"], next_actor, next_critic)
        self._critics.zero_grad()
        if not self.frozen:
            self._encoder.zero_grad()
        loss, info = self.critic_loss(seen, batch.actions, target)
        loss.backward()
        self.optimizers["critics"].step()
        if not self.frozen:
            self.optimizers["encoder"].step()

        self._actor.zero_grad()
        self._critics_learn(False)
        if self.frozen:
            acting, seen = now["actor"], now["critic"]
        else:
            fixed = features.detach()
            acting, seen = actor(fixed), critic(fixed)
        loss, actor_info = self.actor_loss(acting, seen, batch.actions, noise["action"])
        loss.backward()
        self._critics_learn(True)
        self.optimizers["actor"].step()
        soft_update(self._target, self._critics, self.settings.tau)
        self.updates += 1
        return info | actor_info

    def _critics_learn(self, yes: bool) -> None:
        self.critics.requires_grad_(yes)
        if not self.frozen:
            self.trunks["critic"].requires_grad_(yes)
