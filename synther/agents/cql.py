"""CQL, conservative Q-learning (Kumar et al. 2020, arXiv 2006.04779): CQL(H) on top of SAC."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from synther.agents.base import Batch, BellmanSettings
from synther.agents.gaussian import log_density_of
from synther.agents.networks import Critics, Drawn, StackedMLP, fixed, linear_init, orthogonal_init
from synther.agents.soft import SoftAgent
from synther.tensors.optimizer import Adam


@dataclass(frozen=True)
class CQLSettings(BellmanSettings):
    """CQL's settings."""

    hidden: tuple[int, ...] = (256, 256, 256)
    normalise_states: bool = True
    policy_learning_rate: float = 3e-5
    """Of actor and temperature."""
    critic_learning_rate: float = 3e-4
    """Of critics and Lagrange multiplier."""
    backup_entropy: bool = False
    """Subtract alpha log pi in the Bellman target, as SAC does."""
    bc_steps: int = 0
    """First updates in which the actor maximises the data's log-likelihood in place of Q."""
    orthogonal_init: bool = True
    """Orthogonal weights of gain sqrt(2) and zero biases; else small last layers."""
    min_q_weight: float = 10.0
    """Weight of the conservative term; the paper's alpha."""
    num_actions: int = 10
    """Actions a state of each kind (uniform, from pi(s), from pi(s')) in the log-sum-exp."""
    temperature: float = 1.0
    """Of the log-sum-exp."""
    importance_sample: bool = True
    """Divide every sampled action's exp(Q) by its density; else count the data's action in."""
    lagrange: bool = False
    """Adapt the conservative term's weight so that it stays near `target_action_gap`."""
    target_action_gap: float = -1.0
    """The paper's tau, with `lagrange` only."""


def _small_last_init(generator: torch.Generator, fan_in: int, fan_out: int, last: bool) -> Drawn:
    weight, bias = linear_init(generator, fan_in, fan_out, last)
    if last:
        bound = 0.01 * math.sqrt(6.0 / (fan_in + fan_out))  # Xavier's, with gain 0.01
        weight.uniform_(-bound, bound, generator=generator)
    return weight, bias


class CQLActor(nn.Module):
    """K policies; log standard deviation = multiplier * output + offset, both learned."""

    def __init__(self, mlp: StackedMLP, seeds: int) -> None:
        super().__init__()
        self.mlp = mlp
        self.log_std_multiplier = nn.Parameter(torch.ones(seeds, 1, 1))
        self.log_std_offset = nn.Parameter(-torch.ones(seeds, 1, 1))

    def forward(self, observations: Tensor) -> Tensor:
        """Return means and log standard deviations (K, n, 2 a)."""
        mean, log_std = self.mlp(observations).chunk(2, dim=-1)
        return torch.cat([mean, self.log_std_multiplier * log_std + self.log_std_offset], dim=-1)


class CQL(SoftAgent):
    """K CQL agents."""

    Settings = CQLSettings
    title = "CQL"
    settings: CQLSettings
    edge = 0.0

    def _make_networks(self, generators: Sequence[torch.Generator]) -> None:
        d, a, hidden = self.observation_dim, self.action_dim, self.settings.hidden
        init = orthogonal_init(2**0.5) if self.settings.orthogonal_init else _small_last_init
        mlp = StackedMLP(generators, [d, *hidden, 2 * a], init=init)
        self.actor = CQLActor(mlp, len(generators))
        self.critics = Critics(generators, d, a, hidden, ensemble=2, init=init)
        super()._make_networks(generators)
        self.log_multiplier = nn.Parameter(torch.ones(len(generators)))

    def rates(self) -> tuple[float, float]:
        """Return the learning rates of actor and temperature, and of critics."""
        return self.settings.policy_learning_rate, self.settings.critic_learning_rate

    def _make_optimizers(self) -> None:
        super()._make_optimizers()
        self.optimizers["multiplier"] = Adam([self.log_multiplier], self.rates()[1])

    def noise(self) -> dict[str, tuple[int, ...]]:
        """Noise of the policy's and the target's action, and of the three kinds sampled."""
        one = (self.settings.batch_size, self.action_dim)
        many = (self.settings.batch_size, self.settings.num_actions, self.action_dim)
        return {"policy": one, "next_action": one, "uniform": many, "current": many, "next": many}

    def gain(self, batch: Batch, outputs: Tensor, actions: Tensor) -> Tensor:
        """Return min Q(s, a) (K, B); in the first `bc_steps` updates the data's log-likelihood."""
        if self.updates <= self.settings.bc_steps:
            return log_density_of(outputs, batch.actions)
        return super().gain(batch, outputs, actions)

    def _sampled_actions(
        self, batch: Batch, noise: Mapping[str, Tensor]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return sampled actions (K, B, 3 n, a), their log-densities, and the target's value."""
        now, then = self.actor(batch.observations), self.actor(batch.next_observations)
        # 2 Phi(z) - 1 is uniform on (-1, 1) for a standard normal z.
        uniform = 2.0 * torch.special.ndtr(noise["uniform"]) - 1.0
        log_volume = torch.full_like(uniform[..., 0], -self.action_dim * math.log(2.0))
        current, log_current = self.sample(now[:, :, None], noise["current"])
        following, log_following = self.sample(then[:, :, None], noise["next"])
        actions = torch.cat([uniform, following, current], dim=2)
        log_densities = torch.cat([log_volume, log_following, log_current], dim=2)

        next_actions, log_next = self.sample(then, noise["next_action"])
        next_value = self.target_critics(batch.next_observations, next_actions).amin(dim=1)
        if self.settings.backup_entropy:
            next_value = next_value - self.alpha() * log_next
        return actions, log_densities, next_value

    def critic_loss(
        self, batch: Batch, noise: Mapping[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the Bellman error plus the conservative term (eq. 4), summed over seeds.

        Beside it "gap" has the conservative gaps (K, 2): mean over the batch of
        log sum_a exp Q(s, a) - Q(s, data's a), a critic each.
        """
        settings = self.settings
        with torch.no_grad():
            sampled, log_densities, next_value = self._sampled_actions(batch, noise)
            target = batch.bellman(settings.discount, next_value)
        actions = torch.cat([batch.actions[:, :, None], sampled], dim=2)
        k, b, m, _ = actions.shape
        states = batch.observations[:, :, None].expand(-1, -1, m, -1)
        q_all = self.critics(states.flatten(1, 2), actions.flatten(1, 2)).view(k, 2, b, m)
        q = q_all[..., 0]
        bellman = (q - target[:, None]).square().mean(dim=-1).sum(dim=1)
        scores = q_all[..., 1:] - log_densities[:, None] if settings.importance_sample else q_all
        soft_max = torch.logsumexp(scores / settings.temperature, dim=-1) * settings.temperature
        gaps = (soft_max - q).mean(dim=-1)
        if settings.lagrange:
            weight = settings.min_q_weight * self._multiplier()
            conservative = (weight[:, None] * (gaps - settings.target_action_gap)).sum(dim=1)
        else:
            conservative = settings.min_q_weight * gaps.sum(dim=1)
        info = {"critic_loss": bellman.detach(), "gap": gaps.detach(), "q": q.detach()}
        return (bellman + conservative).sum(), info

    def _multiplier(self) -> Tensor:
        return self.log_multiplier.detach().exp().clamp(0.0, 1e6)

    def update(self, batch: Batch, noise: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Train everything on one minibatch a seed; all losses see the same old networks."""
        self.updates += 1
        settings = self.settings
        self.flat["actor"].zero_grad()
        with fixed(self.critics):
            outputs = self.actor(batch.observations)
            loss, log_density = self.actor_loss(batch, outputs, noise["policy"])
            loss.backward()

        self.flat["critics"].zero_grad()
        loss, info = self.critic_loss(batch, noise)
        loss.backward()

        if settings.lagrange:  # descend -E[multiplier * weight * (gap - target)]
            multiplier = self._multiplier()
            excess = (info["gap"] - settings.target_action_gap).mean(dim=1)
            inside = (multiplier < 1e6).to(multiplier.dtype)
            self.log_multiplier.grad = -settings.min_q_weight * multiplier * excess * inside
            self.optimizers["multiplier"].step()
            info["multiplier"] = multiplier
        self.step_alpha(log_density)
        self.optimizers["actor"].step()
        self.step_critics()
        return {**info, "alpha": self.alpha(), "entropy": -log_density}

    def phase(self) -> bool:
        """Whether the next update's actor maximises the data's likelihood."""
        return self.updates + 1 <= self.settings.bc_steps
