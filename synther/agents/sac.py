"""SAC, soft actor-critic with automatic temperature (Haarnoja et al. 2018, arXiv 1812.05905)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from synther.agents.base import Batch, OnlineSettings
from synther.agents.networks import Critics, StackedMLP, fixed, two_heads, xavier_init
from synther.agents.soft import SoftAgent
from synther.config.settings import require


@dataclass(frozen=True)
class SACSettings(OnlineSettings):
    """SAC's settings."""

    learning_rate: float = 3e-4
    """Of actor, critics and temperature."""
    discount: float = 0.99
    """gamma."""
    tau: float = 0.005
    """Step of the target critics towards the critics (1 - polyak)."""
    num_critics: int = 2
    """Q-functions."""
    policy_critics: str = "mean"
    """What of all critics the policy maximises: their "mean" (REDQ's code), or "min"."""
    initial_weights: str = "xavier"
    """"xavier" (REDQ's code), or "uniform" within 1 / sqrt(fan-in), as PyTorch's layers."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self, "1 or more", lambda v: v >= 1, "num_critics")
        require(self, "min or mean", lambda v: v in ("min", "mean"), "policy_critics")
        require(self, "uniform or xavier", lambda v: v in ("uniform", "xavier"), "initial_weights")


class SAC(SoftAgent):
    """K SAC agents. `update` trains the critics; `update_policy` the actor and temperature."""

    Settings = SACSettings
    title = "SAC"
    actor: StackedMLP
    settings: SACSettings

    def _make_networks(self, generators: Sequence[torch.Generator]) -> None:
        d, a, hidden = self.observation_dim, self.action_dim, self.settings.hidden
        init = xavier_init if self.settings.initial_weights == "xavier" else None
        sizes = [d, *hidden, 2 * a]
        self.actor = StackedMLP(generators, sizes, init=two_heads(init) if init else None)
        self.critics = Critics(generators, d, a, hidden, self.settings.num_critics, init)
        super()._make_networks(generators)

    def noise(self) -> dict[str, tuple[int, ...]]:
        """Noise of the next action, and of the action that the policy update scores."""
        shape = (self.settings.batch_size, self.action_dim)
        return {"next_action": shape, "policy": shape}

    def gain(self, batch: Batch, outputs: Tensor, actions: Tensor) -> Tensor:
        """Return the mean Q(s, a) (K, B) of all critics, or their least."""
        every = self.critics(batch.observations, actions)
        return every.amin(dim=1) if self.settings.policy_critics == "min" else every.mean(dim=1)

    def update(self, batch: Batch, noise: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Train the critics on one minibatch a seed, and move their targets."""
        self.flat["critics"].zero_grad()
        info = self.learn_q(batch, noise)
        self.step_critics()
        self.updates += 1
        return info

    def update_policy(self, batch: Batch, noise: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Train the actor, then the temperature, on one minibatch a seed."""
        with fixed(self.critics):
            outputs = self.actor(batch.observations)
            loss, log_density = self.actor_loss(batch, outputs, noise["policy"])
            self.descend(loss, "actor")
        self.step_alpha(log_density)
        return {"alpha": self.alpha(), "entropy": -log_density}

    def explore(self, observations: Tensor, noise: Tensor) -> Tensor:
        """Return sampled actions (K, n, a) for observations (K, n, d) and noise (K, n, a)."""
        return self.sample(self.actor(observations), noise)[0]
