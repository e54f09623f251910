"""Plain EDAC: An et al. 2021, algorithm 1, one seed, one critic and one pair after another."""

import torch

from synther.bench.plain.core import (
    adam,
    frozen_copy,
    network,
    q_value,
    squashed_sample,
    step,
    track,
)


def sample(outputs, noise):
    return squashed_sample(*outputs.chunk(2, dim=-1), noise, low=-5.0, high=2.0, edge=1e-6)


class PlainEDAC:
    def __init__(self, actor, critics, rate=3e-4, gamma=0.99, tau=0.005, eta=1.0):
        self.actor, self.critics = network(actor), [network(layers) for layers in critics]
        self.target_critics = [frozen_copy(critic) for critic in self.critics]
        self.log_alpha = torch.zeros((), dtype=actor[0][0].dtype, requires_grad=True)
        self.actor_optimizer = adam(self.actor, rate=rate)
        self.critic_optimizer = adam(*self.critics, rate=rate)
        self.alpha_optimizer = torch.optim.Adam([self.log_alpha], lr=rate)
        self.gamma, self.tau, self.eta = gamma, tau, eta

    def diversity(self, s, a):
        """Mean over states of 1 / (N - 1) sum over i != j of the gradients' cosine."""
        gradients = []
        for critic in self.critics:
            actions = a.clone().requires_grad_()
            (gradient,) = torch.autograd.grad(
                q_value(critic, s, actions).sum(), actions, create_graph=True
            )
            gradients.append(gradient / (gradient.norm(dim=-1, keepdim=True) + 1e-10))
        total = 0.0
        for i, g in enumerate(gradients):
            for j, h in enumerate(gradients):
                if i != j:
                    total = total + (g * h).sum(-1).mean()
        return total / (len(gradients) - 1)

    def smallest_q(self, critics, s, a):
        return torch.stack([q_value(critic, s, a) for critic in critics]).min(dim=0).values

    def update(self, batch, noise):
        s, a, r, s2, terminal = batch
        _, log_pi = sample(self.actor(s), noise["alpha"])
        step(self.alpha_optimizer, -self.log_alpha * (log_pi.detach() - a.shape[-1]).mean())
        alpha = self.log_alpha.exp().detach()

        pi, log_pi = sample(self.actor(s), noise["policy"])
        step(self.actor_optimizer, (alpha * log_pi - self.smallest_q(self.critics, s, pi)).mean())

        a2, log_pi2 = sample(self.actor(s2), noise["next_action"])
        next_value = self.smallest_q(self.target_critics, s2, a2) - alpha * log_pi2
        y = (r + self.gamma * (1 - terminal) * next_value).detach()
        errors = [((q_value(critic, s, a) - y) ** 2).mean() for critic in self.critics]
        step(self.critic_optimizer, sum(errors) + self.eta * self.diversity(s, a))
        for target, critic in zip(self.target_critics, self.critics, strict=True):
            track(target, critic, self.tau)

    def networks(self):
        return {
            "actor": [self.actor],
            "critics": self.critics,
            "target_critics": self.target_critics,
        }
