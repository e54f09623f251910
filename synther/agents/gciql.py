"""GCIQL: implicit Q-learning with goals, and a policy by DDPG+BC, as OGBench's reference has it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from synther.agents.gcbc import GCBC
from synther.agents.goals import GoalBatch, GoalMLP, GoalSettings, unit_log_density
from synther.agents.networks import FlatParameters, fixed, frozen_copy, soft_update


@dataclass(frozen=True)
class GCIQLSettings(GoalSettings):
    """GCIQL's settings."""

    discount: float = 0.99
    """gamma; the values' later goals lie 1 / (1 - gamma) steps on, on average."""
    tau: float = 0.005
    """Step of the target critics towards the critics."""
    expectile: float = 0.9
    """V(s, g) is this expectile of Q(s, a, g) over the data's actions."""
    alpha: float = 0.3
    """Weight of cloning beside Q, which is scaled to a mean size of 1."""
    layer_norm: bool = True
    """Whether the hidden layers of critics and V are normalised."""
    value_p_curgoal: float = 0.2
    """Share of the values' goals that are the state itself."""
    value_p_trajgoal: float = 0.5
    """That are a later state of its trajectory, geometrically distributed."""
    value_p_randomgoal: float = 0.3
    """That are any state of the data."""


class GCIQL(GCBC):
    """K GCIQL agents; their policy acts as GCBC's."""

    Settings = GCIQLSettings
    title = "GCIQL"
    settings: GCIQLSettings

    def _make_networks(self, generators: Sequence[torch.Generator]) -> None:
        d, a, hidden = self.observation_dim, self.action_dim, self.settings.hidden
        norm = self.settings.layer_norm
        self.actor = GoalMLP(generators, [d, *hidden, a], last_gain=1e-2)
        self.critics = GoalMLP(generators, [d + a, *hidden, 1], copies=2, layer_norm=norm)
        self.value = GoalMLP(generators, [d, *hidden, 1], layer_norm=norm)

    def _make_optimizers(self) -> None:
        self.target_critics = frozen_copy(self.critics)
        self._target = FlatParameters([self.target_critics])
        parts = {"actor": [self.actor], "critics": [self.critics], "value": [self.value]}
        self.optimise(parts, self.settings.learning_rate)

    @staticmethod
    def q(critics: GoalMLP, observations: Tensor, actions: Tensor) -> Tensor:
        """Return Q_n(s, a, g) (K, 2, B) for observations (s, g) (K, B, d)."""
        q: Tensor = critics(torch.cat([observations, actions], dim=-1))
        return q.view(len(observations), critics.copies, -1)

    def value_loss(self, batch: GoalBatch) -> Tensor:
        """Return the expectile loss (K,) of V for the smaller target critic."""
        with torch.no_grad():
            q = self.q(self.target_critics, batch.observations, batch.actions).amin(dim=1)
        errors = q - self.value(batch.observations)[..., 0]
        weights = (self.settings.expectile - (errors < 0).to(errors.dtype)).abs()
        return (weights * errors.square()).mean(dim=-1)

    def critic_loss(self, batch: GoalBatch) -> Tensor:
        """Return the squared Bellman error (K,) with V, summed over both critics."""
        with torch.no_grad():
            following = self.value(batch.next_observations)[..., 0]
            target = batch.rewards + self.settings.discount * (1.0 - batch.terminals) * following
        q = self.q(self.critics, batch.observations, batch.actions)
        return (q - target[:, None]).square().sum(dim=1).mean(dim=-1)

    def actor_loss(self, batch: GoalBatch) -> Tensor:
        """Return -Q, scaled to a mean size of 1, plus alpha times cloning, (K,)."""
        means = self.actor(batch.actor_observations)
        q = self.q(self.critics, batch.actor_observations, means.clamp(-1.0, 1.0)).amin(dim=1)
        improving = -q.mean(dim=-1) / (q.abs().mean(dim=-1).detach() + 1e-6)
        cloning = -unit_log_density(batch.actions, means).mean(dim=-1)
        return improving + self.settings.alpha * cloning

    def update(self, batch: GoalBatch, noise: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Train V, critics and actor on one minibatch a seed, all from the same old networks."""
        self.updates += 1
        with fixed(self.critics):
            actor_loss = self.actor_loss(batch)
        value_loss, critic_loss = self.value_loss(batch), self.critic_loss(batch)
        # They share no trainable parameter: one backward pass serves all
        self.descend(actor_loss.sum() + value_loss.sum() + critic_loss.sum(), *self.flat)
        soft_update(self._target, self.flat["critics"], self.settings.tau)
        losses = {"value_loss": value_loss, "critic_loss": critic_loss, "actor_loss": actor_loss}
        return {name: loss.detach() for name, loss in losses.items()}
