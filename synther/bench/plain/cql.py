"""Plain CQL(H): Kumar et al. 2020, algorithm 1 with eq. 4 and 5, one seed."""

import itertools
import math

import torch
from torch.distributions import Normal, TanhTransform, TransformedDistribution

from synther.bench.plain.core import (
    SoftActorCritic,
    adam,
    q_value,
    smallest_q,
    squashed_sample,
    step,
    track,
)


class PlainCQL(SoftActorCritic):
    def __init__(
        self,
        actor,
        critics,
        policy_rate=3e-5,
        critic_rate=3e-4,
        weight=10.0,
        temperature=1.0,
        importance=True,
        backup_entropy=False,
        gap=None,
        bc_steps=0,
        **options,
    ):
        super().__init__(actor, critics, policy_rate, **options)
        scalar = {"dtype": actor[0][0].dtype, "requires_grad": True}
        self.multiplier, self.offset = torch.tensor(1.0, **scalar), torch.tensor(-1.0, **scalar)
        self.log_prime = torch.tensor(1.0, **scalar)
        policy = itertools.chain(self.actor.parameters(), [self.multiplier, self.offset])
        self.actor_optimizer = torch.optim.Adam(policy, lr=policy_rate)
        self.critic_optimizer = adam(*self.critics, rate=critic_rate)
        self.prime_optimizer = torch.optim.Adam([self.log_prime], lr=critic_rate)
        self.weight, self.temperature = weight, temperature
        self.importance, self.backup_entropy = importance, backup_entropy
        self.gap, self.bc_steps, self.count = gap, bc_steps, 0

    def policy(self, states):
        mean, raw = self.actor(states).chunk(2, dim=-1)
        return mean, self.multiplier * raw + self.offset

    def log_likelihood(self, states, actions):
        mean, log_std = self.policy(states)
        normal = Normal(mean, log_std.clamp(-20, 2).exp())
        return TransformedDistribution(normal, TanhTransform()).log_prob(actions).sum(-1)

    @torch.no_grad()
    def sampled(self, s, s2, noise):
        """All 3 n sampled actions of every state, (B, 3 n, a), and their log-densities."""
        uniform = 2 * Normal(0.0, 1.0).cdf(noise["uniform"]) - 1
        volume = torch.full_like(uniform[..., 0], -uniform.shape[-1] * math.log(2))
        samples = [(uniform, volume)]
        for states, name in ((s2, "next"), (s, "current")):
            outputs = (output[:, None] for output in self.policy(states))
            samples.append(squashed_sample(*outputs, noise[name]))
        return (torch.cat(parts, dim=1) for parts in zip(*samples, strict=True))

    def conservative(self, critic, q, s, actions, log_density):
        """E_s[log sum_a exp Q(s, a) - Q(s, data's a)], eq. 4's bracket."""
        terms = q_value(critic, s[:, None].expand(-1, actions.shape[1], -1), actions)
        terms = terms - log_density if self.importance else torch.cat([q[:, None], terms], dim=1)
        return (self.temperature * torch.logsumexp(terms / self.temperature, dim=1) - q).mean()

    def update(self, batch, noise):
        s, a, r, s2, terminal = batch
        self.count += 1
        alpha = self.log_alpha.exp().detach()
        pi, log_pi = squashed_sample(*self.policy(s), noise["policy"])
        if self.count <= self.bc_steps:
            gain = self.log_likelihood(s, a)
        else:
            gain = smallest_q(self.critics, s, pi)
        policy_loss = (alpha * log_pi - gain).mean()

        a2, log_pi2 = squashed_sample(*self.policy(s2), noise["next_action"])
        value = smallest_q(self.target_critics, s2, a2)
        if self.backup_entropy:
            value = value - alpha * log_pi2
        y = self.bellman(r, terminal, value)
        values = [q_value(critic, s, a) for critic in self.critics]
        errors = [((q - y) ** 2).mean() for q in values]
        samples = tuple(self.sampled(s, s2, noise))
        both = zip(self.critics, values, strict=True)
        gaps = [self.conservative(critic, q, s, *samples) for critic, q in both]
        if self.gap is None:
            conservative = self.weight * sum(gaps)
        else:
            prime = self.log_prime.exp()
            terms = [prime * self.weight * (gap - self.gap) for gap in gaps]
            conservative = sum(prime.detach() * self.weight * (gap - self.gap) for gap in gaps)
            prime_loss = -0.5 * sum(terms)
        critic_loss = sum(errors) + conservative

        gradients = torch.autograd.grad(critic_loss, self.critic_parameters(), retain_graph=True)
        if self.gap is not None:
            step(self.prime_optimizer, prime_loss)
        self.step_alpha(log_pi, a)
        step(self.actor_optimizer, policy_loss)
        for parameter, gradient in zip(self.critic_parameters(), gradients, strict=True):
            parameter.grad = gradient
        self.critic_optimizer.step()
        track(self.target_critics, self.critics, self.tau)

    def critic_parameters(self):
        return [p for critic in self.critics for p in critic.parameters()]
