"""Plain IQL: Kostrikov et al. 2021, algorithm 1, one seed."""

import math

import torch

from synther.bench.plain.core import (
    ActorCritic,
    adam,
    network,
    smallest_q,
    squared_errors,
    step,
    track,
)


class PlainIQL(ActorCritic):
    learned = (*ActorCritic.learned, "value")

    def __init__(
        self,
        actor,
        critics,
        value,
        rate=3e-4,
        expectile=0.7,
        beta=3.0,
        deterministic=False,
        steps=1_000_000,
        **options,
    ):
        super().__init__(actor, critics, **options)
        self.value = network(value)
        self.log_std = torch.zeros_like(actor[-1][1]).requires_grad_()
        policy = list(self.actor.parameters()) + ([] if deterministic else [self.log_std])
        self.actor_optimizer = torch.optim.Adam(policy, lr=rate)
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.actor_optimizer, steps)
        self.critic_optimizer = adam(*self.critics, rate=rate)
        self.value_optimizer = adam(self.value, rate=rate)
        self.expectile, self.beta, self.deterministic = expectile, beta, deterministic

    def update(self, batch, noise):
        s, a, r, s2, terminal = batch
        next_v = self.value(s2).squeeze(-1).detach()
        q = smallest_q(self.target_critics, s, a)

        # L_V: |tau - 1(u < 0)| u^2
        u = q - self.value(s).squeeze(-1)
        weight = torch.where(u < 0, 1 - self.expectile, self.expectile)
        step(self.value_optimizer, (weight * u**2).mean())

        # L_Q
        y = self.bellman(r, terminal, next_v)
        step(self.critic_optimizer, sum(squared_errors(self.critics, s, a, y)) / 2)
        track(self.target_critics, self.critics, self.tau)

        # L_pi: -exp(beta (Q - V)) log pi(a | s), with the V of before its update
        w = torch.exp(self.beta * u.detach()).clamp(max=100.0)
        if self.deterministic:
            error = ((torch.tanh(self.actor(s)) - a) ** 2).sum(-1)
        else:
            std = self.log_std.clamp(-5, 2).exp()
            gaussian = -((a - self.actor(s)) ** 2) / (2 * std**2) - std.log()
            error = -(gaussian - 0.5 * math.log(2 * math.pi)).sum(-1)
        step(self.actor_optimizer, (w * error).mean())
        self.schedule.step()
