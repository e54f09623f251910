"""Plain EDAC: An et al. 2021, algorithm 1, one seed, one critic and one pair after another."""

import torch

from synther.bench.plain.core import (
    SoftActorCritic,
    adam,
    q_value,
    smallest_q,
    squared_errors,
    step,
    track,
)


class PlainEDAC(SoftActorCritic):
    low = -5.0

    def __init__(self, actor, critics, rate=3e-4, eta=1.0, **options):
        super().__init__(actor, critics, rate, **options)
        self.critic_optimizer, self.eta = adam(*self.critics, rate=rate), eta

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

    def update(self, batch, noise):
        s, a, r, s2, terminal = batch
        _, log_pi = self.sample(s, noise["alpha"])
        self.step_alpha(log_pi, a)
        alpha = self.log_alpha.exp().detach()

        pi, log_pi = self.sample(s, noise["policy"])
        step(self.actor_optimizer, (alpha * log_pi - smallest_q(self.critics, s, pi)).mean())

        a2, log_pi2 = self.sample(s2, noise["next_action"])
        y = self.bellman(r, terminal, smallest_q(self.target_critics, s2, a2) - alpha * log_pi2)
        errors = squared_errors(self.critics, s, a, y)
        step(self.critic_optimizer, sum(errors) + self.eta * self.diversity(s, a))
        track(self.target_critics, self.critics, self.tau)
