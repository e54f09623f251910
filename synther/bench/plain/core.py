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
def track(targets, sources, tau):
    """target <- (1 - tau) target + tau source, of networks."""
    for target, source in zip(targets, sources, strict=True):
        for t, s in zip(target.parameters(), source.parameters(), strict=True):
            t.copy_((1 - tau) * t + tau * s)


def q_value(net, states, actions):
    return net(torch.cat([states, actions], dim=-1)).squeeze(-1)


def smallest_q(critics, states, actions):
    return torch.stack([q_value(critic, states, actions) for critic in critics]).amin(dim=0)


def squared_errors(critics, states, actions, y):
    return [((q_value(critic, states, actions) - y) ** 2).mean() for critic in critics]


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


class ActorCritic:
    """An actor, critics, and their targets."""

    def __init__(self, actor, critics, gamma=0.99, tau=0.005):
        self.actor, self.critics = network(actor), [network(layers) for layers in critics]
        self.target_critics = [frozen_copy(critic) for critic in self.critics]
        self.gamma, self.tau = gamma, tau

    def bellman(self, r, terminal, next_value):
        return (r + self.gamma * (1 - terminal) * next_value).detach()

    def step_critics(self, s, a, y):
        errors = squared_errors(self.critics, s, a, y)
        for optimizer, error in zip(self.critic_optimizers, errors, strict=True):
            step(optimizer, error)


class PlainTD3BC(ActorCritic):
    """Fujimoto and Gu 2021, algorithm 1 with eq. 3; noise: {"next_action": (B, a)}."""

    def __init__(self, actor, critics, rate=3e-4, alpha=2.5, every=2, decay=0.0, **options):
        super().__init__(actor, critics, **options)
        self.target_actor = frozen_copy(self.actor)
        self.actor_optimizer = adam(self.actor, rate=rate, decay=decay)
        self.critic_optimizers = [adam(critic, rate=rate, decay=decay) for critic in self.critics]
        self.alpha, self.every, self.count = alpha, every, 0

    def update(self, batch, noise):
        s, a, r, s2, terminal = batch
        self.count += 1
        epsilon = (0.2 * noise["next_action"]).clamp(-0.5, 0.5)
        a2 = (torch.tanh(self.target_actor(s2)) + epsilon).clamp(-1, 1)
        y = self.bellman(r, terminal, smallest_q(self.target_critics, s2, a2))
        self.step_critics(s, a, y)
        if self.count % self.every == 0:
            pi = torch.tanh(self.actor(s))
            q = q_value(self.critics[0], s, pi)
            weight = self.alpha / q.abs().mean().detach()
            step(self.actor_optimizer, -weight * q.mean() + ((pi - a) ** 2).mean())
            track([self.target_actor], [self.actor], self.tau)
            track(self.target_critics, self.critics, self.tau)


class PlainIQL(ActorCritic):
    """Kostrikov et al. 2021, algorithm 1."""

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


class SoftActorCritic(ActorCritic):
    """One with a temperature; `low` bounds the log standard deviation from below."""

    low = -20.0

    def __init__(self, actor, critics, rate=3e-4, **options):
        super().__init__(actor, critics, **options)
        self.log_alpha = torch.zeros((), dtype=actor[0][0].dtype, requires_grad=True)
        self.actor_optimizer = adam(self.actor, rate=rate)
        self.alpha_optimizer = torch.optim.Adam([self.log_alpha], lr=rate)

    def sample(self, states, noise):
        return squashed_sample(*self.actor(states).chunk(2, dim=-1), noise, self.low, edge=1e-6)

    def step_alpha(self, log_pi, a):
        step(self.alpha_optimizer, -self.log_alpha * (log_pi.detach() - a.shape[-1]).mean())


class PlainSAC(SoftActorCritic):
    """Haarnoja et al. 2018, algorithm 1; noise: {"next_action": (B, a), "policy": (B, a)}.

    With noise "subset" (N,), Chen et al. 2021, algorithm 1: the target is the minimum over the
    `subset` critics with the highest of these numbers.
    """

    def __init__(self, actor, critics, rate=3e-4, policy="mean", subset=None, **options):
        super().__init__(actor, critics, rate, **options)
        self.policy, self.subset = policy, subset or len(critics)
        self.critic_optimizers = [adam(critic, rate=rate) for critic in self.critics]

    def update(self, batch, noise):
        s, a, r, s2, terminal = batch
        a2, log_pi2 = self.sample(s2, noise["next_action"])
        order = torch.argsort(-noise["subset"]) if "subset" in noise else torch.arange(2)
        chosen = [self.target_critics[n] for n in order.tolist()][: self.subset]
        value = smallest_q(chosen, s2, a2) - self.log_alpha.exp() * log_pi2
        y = self.bellman(r, terminal, value)
        self.step_critics(s, a, y)
        track(self.target_critics, self.critics, self.tau)

        pi, log_pi = self.sample(s, noise["policy"])
        every = torch.stack([q_value(critic, s, pi) for critic in self.critics])
        q = every.mean(dim=0) if self.policy == "mean" else every.amin(dim=0)
        step(self.actor_optimizer, (self.log_alpha.exp().detach() * log_pi - q).mean())
        self.step_alpha(log_pi, a)


class PlainEDAC(SoftActorCritic):
    """An et al. 2021, algorithm 1: one critic and one pair after another."""

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
