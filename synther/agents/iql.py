"""IQL, implicit Q-learning (Kostrikov, Nair and Levine 2021, arXiv 2110.06169)."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from synther.agents.base import Agent, Batch, BellmanSettings
from synther.agents.networks import Critics, FlatParameters, StackedMLP, frozen_copy, soft_update

LOG_STD_MIN, LOG_STD_MAX = -5.0, 2.0


@dataclass(frozen=True)
class IQLSettings(BellmanSettings):
    """IQL's settings."""

    normalise_states: bool = True
    learning_rate: float = 3e-4
    """Of actor, critics and V; the actor's falls to 0 over `steps` along a cosine."""
    expectile: float = 0.7
    """The paper's tau: V(s) is this expectile of Q(s, a) over the data's actions."""
    beta: float = 3.0
    """Inverse temperature of advantage-weighted regression."""
    max_weight: float = 100.0
    """Bound of the regression's weights exp(beta (Q - V))."""
    deterministic: bool = False
    """Policy tanh(f(s)) with squared error, in place of a Gaussian with its log-likelihood."""


class IQL(Agent):
    """K IQL agents."""

    Settings = IQLSettings
    title = "IQL"
    settings: IQLSettings

    def _make_networks(self, generators: Sequence[torch.Generator]) -> None:
        d, a, hidden = self.observation_dim, self.action_dim, self.settings.hidden
        self.actor = StackedMLP(generators, [d, *hidden, a])
        self.log_std = nn.ParameterList([torch.zeros(len(generators), a)])
        self.critics = Critics(generators, d, a, hidden, ensemble=2)
        self.value = StackedMLP(generators, [d, *hidden, 1])

    def _make_optimizers(self) -> None:
        settings = self.settings
        self.target_critics = frozen_copy(self.critics)
        self._target = FlatParameters([self.target_critics])
        policy = [self.actor] if settings.deterministic else [self.actor, self.log_std]
        parts = {"actor": policy, "critics": [self.critics], "value": [self.value]}
        self.optimise(parts, settings.learning_rate)
        # The actor's rate and the count that it follows stay on the device: no update reads back.
        # (Fused Adam takes a rate on a GPU in single precision only.)
        device = self.flat["actor"].value.device
        precision = torch.float32 if device.type == "cuda" else torch.float64
        self.register_buffer("actor_steps", torch.zeros((), dtype=torch.float64, device=device))
        rate = torch.tensor(settings.learning_rate, dtype=precision, device=device)
        self.optimizers["actor"].learning_rate = rate

    def value_loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the expectile loss, eq. 5, a seed, and the advantages min Q - V (K, B)."""
        with torch.no_grad():
            q = self.target_critics(batch.observations, batch.actions).amin(dim=1)
        advantages = q - self.value(batch.observations).squeeze(-1)
        weights = (self.settings.expectile - (advantages < 0).to(advantages.dtype)).abs()
        return (weights * advantages.square()).mean(dim=-1), advantages.detach()

    def learn_q(self, batch: Batch) -> dict[str, Tensor]:
        """Add the gradients of the squared Bellman error with V, eq. 6, mean of both critics."""
        with torch.no_grad():
            next_value = self.value(batch.next_observations).squeeze(-1)
            target = batch.bellman(self.settings.discount, next_value)
        errors, q = self.critics.regress(batch.observations, batch.actions, target, weight=0.5)
        return {"critic_loss": errors.mean(dim=1), "q": q}

    def actor_loss(self, batch: Batch, advantages: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return advantage-weighted regression, eq. 7, summed over seeds."""
        settings = self.settings
        weights = (settings.beta * advantages).exp().clamp(max=settings.max_weight)
        outputs = self.actor(batch.observations)
        if settings.deterministic:
            cloning = (torch.tanh(outputs) - batch.actions).square().sum(dim=-1)
        else:
            log_std = self.log_std[0].clamp(LOG_STD_MIN, LOG_STD_MAX)[:, None]
            deviations = (batch.actions - outputs) * (-log_std).exp()
            log_density = -0.5 * deviations.square() - log_std - 0.5 * math.log(2 * math.pi)
            cloning = -log_density.sum(dim=-1)
        loss = (weights * cloning).mean(dim=-1)
        return loss.sum(), {"actor_loss": loss.detach(), "weight": weights}

    def update(self, batch: Batch, noise: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Train V, critics and actor on one minibatch a seed, all from the same old networks."""
        self.updates += 1
        for parameters in self.flat.values():
            parameters.zero_grad()
        value_loss, advantages = self.value_loss(batch)
        info = {"value_loss": value_loss.detach(), **self.learn_q(batch)}
        actor_loss, actor_info = self.actor_loss(batch, advantages)
        # They share no trainable parameter: one backward pass serves both.
        (value_loss.sum() + actor_loss).backward()
        for optimizer in self.optimizers.values():
            optimizer.step()
        soft_update(self._target, self.flat["critics"], self.settings.tau)
        self._anneal()
        return info | actor_info

    def _anneal(self) -> None:
        """Set the actor's next learning rate: half a cosine from the first update to `steps`."""
        settings, count = self.settings, self.get_buffer("actor_steps")
        count += 1.0
        rate = self.optimizers["actor"].learning_rate
        assert isinstance(rate, Tensor)
        rate.copy_(0.5 * settings.learning_rate * (1.0 + (math.pi / settings.steps * count).cos()))

    def act(self, observations: Tensor) -> Tensor:
        """Return the policy's means, clipped to [-1, 1], or the deterministic policy's actions."""
        outputs: Tensor = self.actor(observations)
        return torch.tanh(outputs) if self.settings.deterministic else outputs.clamp(-1.0, 1.0)
