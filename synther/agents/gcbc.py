"""GCBC, goal-conditioned behaviour cloning (Ghosh et al. 2019, arXiv 1912.06088), as OGBench's."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from synther.agents.bc import BC
from synther.agents.goals import GoalBatch, GoalMLP, GoalSettings, unit_log_density


class GCBC(BC):
    """K cloned policies that are told a goal."""

    Settings: ClassVar[type] = GoalSettings
    title = "GCBC"
    settings: GoalSettings

    def _make_networks(self, generators: Sequence[torch.Generator]) -> None:
        sizes = [self.observation_dim, *self.settings.hidden, self.action_dim]
        self.actor = GoalMLP(generators, sizes, last_gain=1e-2)

    def loss(self, batch: GoalBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """Return minus the mean log-likelihood of the data's actions, summed over seeds."""
        loss = -unit_log_density(batch.actions, self.actor(batch.actor_observations)).mean(dim=-1)
        return loss.sum(), {"actor_loss": loss.detach()}

    def act(self, observations: Tensor) -> Tensor:
        """Return the policy's means, clipped to [-1, 1]."""
        means: Tensor = self.actor(observations)
        return means.clamp(-1.0, 1.0)
