"""EDAC, ensemble-diversified actor-critic (An et al. 2021, arXiv 2110.01548)."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from synther.agents.base import Batch, BellmanSettings
from synther.agents.networks import Critics, Drawn, Init, StackedMLP, fixed, linear_init
from synther.agents.soft import SoftAgent
from synther.config.settings import require


@dataclass(frozen=True)
class EDACSettings(BellmanSettings):
    """EDAC's settings."""

    steps: int = 3_000_000
    hidden: tuple[int, ...] = (256, 256, 256)
    learning_rate: float = 3e-4
    """Of actor, critics and temperature."""
    num_critics: int = 10
    """N, at least 2."""
    eta: float = 1.0
    """Weight of the critics' diversity loss."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self, "2 critics or more", lambda v: v >= 2, "num_critics")


def edac_init(last_bound: float, fan_in_of_outputs: bool) -> Init:
    """Return EDAC's initialisation: hidden biases 0.1, last layer uniform within `last_bound`.

    Args:
        last_bound: also of the last layer's bias.
        fan_in_of_outputs: take the number of outputs for the fan-in of a hidden layer. The released
            critics do, because PyTorch's initialiser expects transposed weights; it matters in the
            first layer only, whose weights are 1 / sqrt(256) small.
    """

    def init(generator: torch.Generator, fan_in: int, fan_out: int, last: bool) -> Drawn:
        if last:
            weight, bias = torch.empty(fan_in, fan_out), torch.empty(1, fan_out)
            weight.uniform_(-last_bound, last_bound, generator=generator)
            bias.uniform_(-last_bound, last_bound, generator=generator)
            return weight, bias
        weight, bias = linear_init(generator, fan_in, fan_out, last)
        if fan_in_of_outputs:
            weight *= math.sqrt(fan_in / fan_out)
        return weight, torch.full_like(bias, 0.1)

    return init


class EDAC(SoftAgent):
    """K EDAC agents; their critics are K x N networks in one batched product."""

    Settings = EDACSettings
    title = "EDAC"
    settings: EDACSettings
    log_std_bounds = (-5.0, 2.0)

    def _make_networks(self, generators: Sequence[torch.Generator]) -> None:
        d, a, hidden = self.observation_dim, self.action_dim, self.settings.hidden
        own = edac_init(1e-3, fan_in_of_outputs=False), edac_init(3e-3, fan_in_of_outputs=True)
        self.actor = StackedMLP(generators, [d, *hidden, 2 * a], init=own[0])
        self.critics = Critics(generators, d, a, hidden, self.settings.num_critics, own[1])
        super()._make_networks(generators)

    def noise(self) -> dict[str, tuple[int, ...]]:
        """Noise of the actions that tune the temperature, train the actor, and follow s'."""
        shape = (self.settings.batch_size, self.action_dim)
        return {"alpha": shape, "policy": shape, "next_action": shape}

    def learn_q(self, batch: Batch, noise: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Add the gradients of the soft Bellman error with min over N, and of eta diversity.

        The diversity loss (the paper's eq. 5) is the mean over states of
        sum_{i != j} <g_i, g_j> / (N - 1) with g_n the normalised gradient of Q_n with respect to
        the action; sum_{i != j} <g_i, g_j> = |sum_n g_n|^2 - sum_n |g_n|^2.
        """
        settings, n = self.settings, self.settings.num_critics
        if settings.eta == 0.0:  # SAC-N: no gradients of gradients
            return super().learn_q(batch, noise)
        target = self.soft_target(batch, noise)
        q, gradients = self.critics.slopes(batch.observations, batch.actions)
        bellman = (q - target[:, None]).square().mean(dim=-1).sum(dim=1)
        gradients = gradients / (torch.linalg.vector_norm(gradients, dim=-1, keepdim=True) + 1e-10)
        alike = gradients.sum(dim=1).square().sum(dim=-1) - gradients.square().sum(dim=(1, 3))
        diversity = alike.mean(dim=-1) / (n - 1)
        (bellman + settings.eta * diversity).sum().backward()
        return {
            "critic_loss": bellman.detach(),
            "diversity_loss": diversity.detach(),
            "q": q.detach(),
        }

    def update(self, batch: Batch, noise: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Train temperature, actor, critics, in this order, and move the target critics."""
        self.updates += 1
        outputs = self.actor(batch.observations)
        self.step_alpha(self.sample(outputs.detach(), noise["alpha"])[1].mean(dim=-1))

        with fixed(self.critics):
            loss, log_density = self.actor_loss(batch, outputs, noise["policy"])
            self.descend(loss, "actor")

        self.flat["critics"].zero_grad()
        info = self.learn_q(batch, noise)
        self.step_critics()
        return {**info, "alpha": self.alpha(), "entropy": -log_density}
