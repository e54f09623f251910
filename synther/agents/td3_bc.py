"""TD3+BC (Fujimoto and Gu 2021, arXiv 2106.06860), with TD3 of arXiv 1802.09477."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from synther.agents.base import Agent, Batch, BellmanSettings
from synther.agents.networks import (
    Critics,
    FlatParameters,
    StackedMLP,
    fixed,
    frozen_copy,
    soft_update,
)


@dataclass(frozen=True)
class TD3BCSettings(BellmanSettings):
    """TD3+BC's settings."""

    normalise_states: bool = True
    learning_rate: float = 3e-4
    """Of actor and critics."""
    policy_noise: float = 0.2
    """Standard deviation of the target policy's smoothing noise."""
    noise_clip: float = 0.5
    """Bound of that noise."""
    policy_frequency: int = 2
    """Critic updates for each update of the actor and the targets."""
    alpha: float = 2.5
    """Weight of Q against behaviour cloning; lambda = alpha / mean |Q|."""


class TD3BC(Agent):
    """K TD3+BC agents."""

    Settings = TD3BCSettings
    title = "TD3+BC"
    settings: TD3BCSettings

    def _make_networks(self, generators: Sequence[torch.Generator]) -> None:
        d, a, hidden = self.observation_dim, self.action_dim, self.settings.hidden
        self.actor = StackedMLP(generators, [d, *hidden, a])
        self.critics = Critics(generators, d, a, hidden, ensemble=2)

    def _make_optimizers(self) -> None:
        self.target_actor, self.target_critics = frozen_copy(self.actor), frozen_copy(self.critics)
        self._targets = {
            "critics": FlatParameters([self.target_critics]),
            "actor": FlatParameters([self.target_actor]),
        }
        decay = getattr(self.settings, "weight_decay", 0.0)  # of a subclass
        parts = {"actor": [self.actor], "critics": [self.critics]}
        self.optimise(parts, self.settings.learning_rate, decay)

    def noise(self) -> dict[str, tuple[int, ...]]:
        """Noise of the target policy's smoothing."""
        return {"next_action": (self.settings.batch_size, self.action_dim)}

    def learn_q(self, batch: Batch, noise: Tensor) -> dict[str, Tensor]:
        """Add the gradients of the squared Bellman error with clipped double Q."""
        settings = self.settings
        with torch.no_grad():
            bound = settings.noise_clip
            smoothing = (settings.policy_noise * noise).clamp(-bound, bound)
            next_actions = torch.tanh(self.target_actor(batch.next_observations)) + smoothing
            next_q = self.target_critics(batch.next_observations, next_actions.clamp(-1, 1))
            target = batch.bellman(settings.discount, next_q.amin(dim=1))
        errors, q = self.critics.regress(batch.observations, batch.actions, target)
        return {"critic_loss": errors.sum(dim=1), "q": q}

    def actor_loss(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Return -lambda Q_1(s, pi(s)) + (pi(s) - a)^2, summed over seeds (the paper's eq. 3)."""
        actions = torch.tanh(self.actor(batch.observations))
        q = self.critics.first(batch.observations, actions)
        weight = self.settings.alpha / q.detach().abs().mean(dim=-1)
        cloning = F.mse_loss(actions, batch.actions, reduction="none").mean(dim=(1, 2))
        loss = cloning - weight * q.mean(dim=-1)
        return loss.sum(), {"actor_loss": loss.detach(), "bc_loss": cloning.detach()}

    def update(self, batch: Batch, noise: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Train the critics; every `policy_frequency`-th time the actor and the targets too."""
        trains_actor = self.phase()
        self.updates += 1
        self.flat["critics"].zero_grad()
        info = self.learn_q(batch, noise["next_action"])
        self.optimizers["critics"].step()
        if trains_actor:
            with fixed(self.critics):
                loss, actor_info = self.actor_loss(batch)
                self.descend(loss, "actor")
            for name, target in self._targets.items():
                soft_update(target, self.flat[name], self.settings.tau)
            info |= actor_info
        return info

    def phase(self) -> bool:
        """Whether the next update trains the actor too."""
        return (self.updates + 1) % self.settings.policy_frequency == 0

    def act(self, observations: Tensor) -> Tensor:
        """Return the deterministic policy's actions."""
        return torch.tanh(self.actor(observations))
