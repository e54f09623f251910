"""What SAC, REDQ, EDAC and CQL share: squashed Gaussian policy, temperature, target critics."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from synther.agents.base import Agent, Batch
from synther.agents.gaussian import EDGE, LOG_STD_BOUNDS, squashed_gaussian
from synther.agents.networks import Critics, FlatParameters, frozen_copy, soft_update
from synther.tensors.optimizer import Adam


class SoftAgent(Agent):
    """K agents whose policy maximises Q and its entropy, weighed by a temperature that adapts.

    A class makes `actor` (K, n, d) -> (K, n, 2 a) and `critics`, then calls `_make_networks` here.

    Attributes:
        log_std_bounds: the policy's log standard deviation is clipped to them.
        edge: of `squashed_gaussian`.
    """

    settings: Any
    actor: nn.Module
    critics: Critics
    log_std_bounds, edge = LOG_STD_BOUNDS, EDGE

    def _make_networks(self, generators: Sequence[torch.Generator]) -> None:
        self.log_alpha = nn.Parameter(torch.zeros(len(generators)))

    def rates(self) -> tuple[float, float]:
        """Return the learning rates of actor and temperature, and of critics."""
        return self.settings.learning_rate, self.settings.learning_rate

    def _make_optimizers(self) -> None:
        self.target_critics = frozen_copy(self.critics)
        self._target = FlatParameters([self.target_critics])
        slow, fast = self.rates()
        self.optimise({"actor": [self.actor]}, slow)
        self.optimise({"critics": [self.critics]}, fast)
        self.optimizers["alpha"] = Adam([self.log_alpha], slow)

    def sample(self, outputs: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return actions (..., a) and log-densities (...) for the actor's outputs (..., 2 a)."""
        return squashed_gaussian(outputs, noise, self.log_std_bounds, self.edge)

    def alpha(self) -> Tensor:
        """Return the temperatures (K, 1), through which no gradient goes."""
        return self.log_alpha.detach().exp()[:, None]

    def next_q(self, states: Tensor, actions: Tensor, noise: Mapping[str, Tensor]) -> Tensor:
        """Return the targets' min Q(s', a') (K, B), before the entropy is added."""
        return self.target_critics(states, actions).amin(dim=1)

    @torch.no_grad()
    def soft_target(self, batch: Batch, noise: Mapping[str, Tensor]) -> Tensor:
        """Return r + gamma (1 - terminal) (Q(s', a') - alpha log pi(a' | s')) (K, B)."""
        outputs = self.actor(batch.next_observations)
        actions, log_density = self.sample(outputs, noise["next_action"])
        next_q = self.next_q(batch.next_observations, actions, noise)
        return batch.bellman(self.settings.discount, next_q - self.alpha() * log_density)

    def learn_q(self, batch: Batch, noise: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Add the gradients of the squared soft Bellman error, summed over critics."""
        target = self.soft_target(batch, noise)
        errors, q = self.critics.regress(batch.observations, batch.actions, target)
        return {"critic_loss": errors.sum(dim=1), "q": q}

    def gain(self, batch: Batch, outputs: Tensor, actions: Tensor) -> Tensor:
        """Return what the policy maximises beside its entropy (K, B): min Q(s, a)."""
        return self.critics(batch.observations, actions).amin(dim=1)

    def actor_loss(self, batch: Batch, outputs: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return E[alpha log pi - gain], summed over seeds, and the mean log-densities (K,).

        Args:
            batch: K minibatches.
            outputs: the actor's, at the batch's observations.
            noise: (K, B, a).
        """
        actions, log_density = self.sample(outputs, noise)
        gain = self.gain(batch, outputs, actions)
        loss = (self.alpha() * log_density - gain).mean(dim=-1)
        return loss.sum(), log_density.detach().mean(dim=-1)

    def step_critics(self) -> None:
        """Step the critics along their gradients, and their targets towards them."""
        self.optimizers["critics"].step()
        soft_update(self._target, self.flat["critics"], self.settings.tau)

    def step_alpha(self, log_density: Tensor) -> None:
        """Step towards an entropy of a, from mean log-densities (K,): the loss is linear."""
        self.log_alpha.grad = self.action_dim - log_density
        self.optimizers["alpha"].step()

    def act(self, observations: Tensor) -> Tensor:
        """Return the squashed means."""
        return torch.tanh(self.actor(observations).chunk(2, dim=-1)[0])
