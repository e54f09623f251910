"""BC, behaviour cloning with a deterministic policy: min (pi(s) - a)^2."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from synther.agents.base import Agent, OfflineSettings
from synther.agents.networks import StackedMLP


@dataclass(frozen=True)
class BCSettings(OfflineSettings):
    """BC's settings."""

    normalise_states: bool = True
    learning_rate: float = 3e-4
    """Of the policy."""


class BC(Agent):
    """K cloned policies."""

    Settings: ClassVar[type] = BCSettings
    title = "BC"
    settings: Any
    actor: nn.Module

    def _make_networks(self, generators: Sequence[torch.Generator]) -> None:
        sizes = [self.observation_dim, *self.settings.hidden, self.action_dim]
        self.actor = StackedMLP(generators, sizes)

    def _make_optimizers(self) -> None:
        self.optimise({"actor": [self.actor]}, self.settings.learning_rate)

    def loss(self, batch: Any) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the mean squared error of the policy's actions, summed over seeds."""
        actions = torch.tanh(self.actor(batch.observations))
        loss = F.mse_loss(actions, batch.actions, reduction="none").mean(dim=(1, 2))
        return loss.sum(), {"bc_loss": loss.detach()}

    def update(self, batch: Any, noise: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Make one step towards the actions of one minibatch a seed."""
        self.updates += 1
        loss, info = self.loss(batch)
        self.descend(loss, "actor")
        return info

    def act(self, observations: Tensor) -> Tensor:
        """Return the policy's actions."""
        return torch.tanh(self.actor(observations))
