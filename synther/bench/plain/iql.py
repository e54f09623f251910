"""Plain IQL: Kostrikov et al. 2021, algorithm 1, one seed."""

import math

import torch

from synther.bench.plain.core import adam, frozen_copy, network, q_value, step, track


class PlainIQL:
    def __init__(
        self,
        actor,
        critics,
        value,
        rate=3e-4,
        gamma=0.99,
        tau=0.005,
        expectile=0.7,
        beta=3.0,
        deterministic=False,
        steps=1_000_000,
    ):
        self.actor, self.value = network(actor), network(value)
        self.critics = [network(layers) for layers in critics]
        self.target_critics = [frozen_copy(critic) for critic in self.critics]
        self.log_std = torch.zeros_like(actor[-1][1]).requires_grad_()
        policy = list(self.actor.parameters()) + ([] if deterministic else [self.log_std])
        self.actor_optimizer = torch.optim.Adam(policy, lr=rate)
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.actor_optimizer, steps)
        self.critic_optimizer = adam(*self.critics, rate=rate)
        self.value_optimizer = adam(self.value, rate=rate)
        self.gamma, self.tau, self.expectile, self.beta = gamma, tau, expectile, beta
        self.deterministic = deterministic

    def update(self, batch, noise):
        s, a, r, s2, terminal = batch
        next_v = self.value(s2).squeeze(-1).detach()
        q = torch.minimum(*(q_value(critic, s, a) for critic in self.target_critics))

        # L_V: |tau - 1(u < 0)| u^2
        u = q - self.value(s).squeeze(-1)
        weight = torch.where(u < 0, 1 - self.expectile, self.expectile)
        step(self.value_optimizer, (weight * u**2).mean())

        # L_Q
        y = r + self.gamma * (1 - terminal) * next_v
        losses = [((q_value(critic, s, a) - y) ** 2).mean() for critic in self.critics]
        step(self.critic_optimizer, sum(losses) / 2)
        for target, critic in zip(self.target_critics, self.critics, strict=True):
            track(target, critic, self.tau)

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

    def networks(self):
        return {
            "actor": [self.actor],
            "critics": self.critics,
            "value": [self.value],
            "target_critics": self.target_critics,
        }
