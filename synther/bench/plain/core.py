"""Plain agents: one seed, `nn.Linear`, ordinary Adam, the published equations one after another.

They know nothing of `synther.agents`: initial weights, minibatches and noise are given to them. A
batch is (s, a, r, s', terminal) with shapes (B, d), (B, a), (B,), (B, d), (B,); `layers` is a list
of (weight (in, out), bias (out,)).
"""

import copy
import itertools
import math

import torch
from torch import nn
from torch.distributions import TanhTransform


def network(layers):
    """A ReLU network with the given weights."""
    modules = []
    for weight, bias in layers:
        linear = nn.Linear(*weight.shape, dtype=weight.dtype)
        linear.weight.data.copy_(weight.T)
        linear.bias.data.copy_(bias)
        modules += [linear, nn.ReLU()]
    return nn.Sequential(*modules[:-1])


def layers_of(net):
    """The inverse of `network`."""
    return [(m.weight.detach().T, m.bias.detach()) for m in net if isinstance(m, nn.Linear)]


def frozen_copy(net):
    return copy.deepcopy(net).requires_grad_(False)


def adam(*nets, rate, decay=0.0):
    parameters = itertools.chain(*(net.parameters() for net in nets))
    if decay:
        return torch.optim.AdamW(parameters, lr=rate, weight_decay=decay)
    return torch.optim.Adam(parameters, lr=rate)


def step(optimizer, loss):
    """One optimizer step down the gradient of its own parameters alone."""
    optimizer.zero_grad()
    own = [p for group in optimizer.param_groups for p in group["params"]]
    for parameter, gradient in zip(own, torch.autograd.grad(loss, own), strict=True):
        parameter.grad = gradient
    optimizer.step()


@torch.no_grad()
def track(target, source, tau):
    """target <- (1 - tau) target + tau source."""
    for t, s in zip(target.parameters(), source.parameters(), strict=True):
        t.copy_((1 - tau) * t + tau * s)


def q_value(net, states, actions):
    return net(torch.cat([states, actions], dim=-1)).squeeze(-1)


def squashed_sample(mean, log_std, noise, low=-20.0, high=2.0, edge=None):
    """An action tanh(u), u ~ N(mean, std), and its log-density, by the change of variables.

    `edge` is added to 1 - action^2; without it the slope is accurate.
    """
    std = log_std.clamp(low, high).exp()
    u = mean + std * noise
    action = torch.tanh(u)
    gaussian = -((u - mean) ** 2) / (2 * std**2) - std.log() - 0.5 * math.log(2 * math.pi)
    if edge is None:
        log_slope = TanhTransform().log_abs_det_jacobian(u, action)  # log(1 - action^2), accurately
    else:
        log_slope = torch.log(1 - action**2 + edge)
    return action, (gaussian - log_slope).sum(-1)


class PlainBC:
    """min (pi(s) - a)^2."""

    def __init__(self, actor, rate=3e-4):
        self.actor = network(actor)
        self.optimizer = adam(self.actor, rate=rate)

    def update(self, batch, noise):
        s, a, *_ = batch
        step(self.optimizer, ((torch.tanh(self.actor(s)) - a) ** 2).mean())

    def networks(self):
        return {"actor": [self.actor]}


class PlainTD3BC:
    """Fujimoto and Gu 2021, algorithm 1 with eq. 3; noise: {"next_action": (B, a)}."""

    def __init__(
        self, actor, critics, rate=3e-4, gamma=0.99, tau=0.005, alpha=2.5, every=2, decay=0.0
    ):
        self.actor, self.critics = network(actor), [network(layers) for layers in critics]
        self.target_actor = frozen_copy(self.actor)
        self.target_critics = [frozen_copy(critic) for critic in self.critics]
        self.actor_optimizer = adam(self.actor, rate=rate, decay=decay)
        self.critic_optimizers = [adam(critic, rate=rate, decay=decay) for critic in self.critics]
        self.gamma, self.tau, self.alpha, self.every, self.count = gamma, tau, alpha, every, 0

    def update(self, batch, noise):
        s, a, r, s2, terminal = batch
        self.count += 1
        epsilon = (0.2 * noise["next_action"]).clamp(-0.5, 0.5)
        a2 = (torch.tanh(self.target_actor(s2)) + epsilon).clamp(-1, 1)
        q2 = torch.minimum(*(q_value(critic, s2, a2) for critic in self.target_critics))
        y = (r + self.gamma * (1 - terminal) * q2).detach()
        for critic, optimizer in zip(self.critics, self.critic_optimizers, strict=True):
            step(optimizer, ((q_value(critic, s, a) - y) ** 2).mean())
        if self.count % self.every == 0:
            pi = torch.tanh(self.actor(s))
            q = q_value(self.critics[0], s, pi)
            weight = self.alpha / q.abs().mean().detach()
            step(self.actor_optimizer, -weight * q.mean() + ((pi - a) ** 2).mean())
            track(self.target_actor, self.actor, self.tau)
            for target, critic in zip(self.target_critics, self.critics, strict=True):
                track(target, critic, self.tau)

    def networks(self):
        return {
            "actor": [self.actor],
            "critics": self.critics,
            "target_actor": [self.target_actor],
            "target_critics": self.target_critics,
        }


class PlainSAC:
    """Haarnoja et al. 2018, algorithm 1; noise: {"next_action": (B, a), "policy": (B, a)}.

    With noise "subset" (N,), Chen et al. 2021, algorithm 1: the target is the minimum over the
    `subset` critics with the highest of these numbers.
    """

    def __init__(
        self, actor, critics, rate=3e-4, gamma=0.99, tau=0.005, policy="mean", subset=None
    ):
        self.policy, self.subset = policy, subset or len(critics)
        self.actor, self.critics = network(actor), [network(layers) for layers in critics]
        self.target_critics = [frozen_copy(critic) for critic in self.critics]
        self.log_alpha = torch.zeros((), dtype=actor[0][0].dtype, requires_grad=True)
        self.actor_optimizer = adam(self.actor, rate=rate)
        self.critic_optimizers = [adam(critic, rate=rate) for critic in self.critics]
        self.alpha_optimizer = torch.optim.Adam([self.log_alpha], lr=rate)
        self.gamma, self.tau = gamma, tau

    def sample(self, states, noise):
        return squashed_sample(*self.actor(states).chunk(2, dim=-1), noise, edge=1e-6)

    def update(self, batch, noise):
        s, a, r, s2, terminal = batch
        a2, log_pi2 = self.sample(s2, noise["next_action"])
        order = torch.argsort(-noise["subset"]) if "subset" in noise else torch.arange(2)
        chosen = [self.target_critics[n] for n in order.tolist()][: self.subset]
        q2 = torch.stack([q_value(critic, s2, a2) for critic in chosen]).min(dim=0).values
        value = q2 - self.log_alpha.exp() * log_pi2
        y = (r + self.gamma * (1 - terminal) * value).detach()
        for critic, optimizer in zip(self.critics, self.critic_optimizers, strict=True):
            step(optimizer, ((q_value(critic, s, a) - y) ** 2).mean())
        for target, critic in zip(self.target_critics, self.critics, strict=True):
            track(target, critic, self.tau)

        pi, log_pi = self.sample(s, noise["policy"])
        every = torch.stack([q_value(critic, s, pi) for critic in self.critics])
        q = every.mean(dim=0) if self.policy == "mean" else every.min(dim=0).values
        step(self.actor_optimizer, (self.log_alpha.exp().detach() * log_pi - q).mean())
        target_entropy = -a.shape[-1]
        step(self.alpha_optimizer, -self.log_alpha * (log_pi.detach() + target_entropy).mean())

    def networks(self):
        return {
            "actor": [self.actor],
            "critics": self.critics,
            "target_critics": self.target_critics,
        }
