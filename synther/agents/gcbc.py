"""GCBC, goal-conditioned behaviour cloning (Ghosh et al. 2019, arXiv 1912.06088), as OGBench's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from synther.agents.base import Agent
from synther.agents.goals import GoalBatch, GoalMLP, GoalSettings, unit_log_density
from synther.agents.networks import FlatParameters


@dataclass(frozen=True)
class GCBCSettings(GoalSettings):
    """GCBC's settings."""


class GCBC(Agent):
    """K cloned policies that are told a goal."""

    Settings = GCBCSettings
    title = "GCBC"
    settings: GCBCSettings

    def _make_networks(self, generators: Sequence[torch.Generator]) -> None:
        sizes = [self.observation_dim, *self.settings.hidden, self.action_dim]
        self.actor = GoalMLP(generators, sizes, last_gain=1e-2)

    def _make_optimizers(self) -> None:
        self._actor = FlatParameters([self.actor])
        self.optimizers = {"actor": self._actor.adam(self.settings.learning_rate)}

    def update(  # type: ignore[override]
        self, batch: GoalBatch, noise: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Make one step towards the actions of one minibatch a seed, by their log-likelihood."""
        self.updates += 1
        self._actor.zero_grad()
        means = self.actor(batch.actor_observations)
        loss = -unit_log_density(batch.actions, means).mean(dim=-1)
        loss.sum().backward()
        self.optimizers["actor"].step()
        return {"actor_loss": loss.detach()}

    def act(self, observations: Tensor) -> Tensor:
        """Return the policy's means, clipped to [-1, 1]."""
        means: Tensor = self.actor(observations)
        return means.clamp(-1.0, 1.0)
