"""DrQ+BC and BC from pixels for one seed, with the layers of torch.nn, as DrQ-v2 writes them."""

import copy
import itertools

import torch
import torch.nn.functional as F
from torch import nn


class Encoder(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.convs = nn.Sequential(
            *(nn.Conv2d(channels, 32, 3, stride=2), nn.ReLU()),
            *(nn.Conv2d(32, 32, 3), nn.ReLU()),
            *(nn.Conv2d(32, 32, 3), nn.ReLU()),
            *(nn.Conv2d(32, 32, 3), nn.ReLU()),
        )

    def forward(self, frames):
        return self.convs(frames.double() / 255 - 0.5).reshape(len(frames), -1)


def trunk(width, features):
    return nn.Sequential(nn.Linear(width, features), nn.LayerNorm(features), nn.Tanh())


def mlp(*sizes):
    layers = [nn.Linear(a, b) for a, b in itertools.pairwise(sizes)]
    return nn.Sequential(*[part for layer in layers for part in (layer, nn.ReLU())][:-1])


def copy_linear(layer, weight, bias):
    layer.weight.data.copy_(weight.T)
    layer.bias.data.copy_(bias.reshape(-1))


def copy_trunk(plain, stacked, k=0):
    copy_linear(plain[0], stacked.weight[k], stacked.bias[k])
    plain[1].weight.data.copy_(stacked.scale[k, 0])
    plain[1].bias.data.copy_(stacked.shift[k, 0])


def copy_mlp(plain, stacked, k=0):
    layers = [part for part in plain if isinstance(part, nn.Linear)]
    for layer, weight, bias in zip(layers, stacked.weights, stacked.biases, strict=True):
        copy_linear(layer, weight[k], bias[k])


def copy_encoder(plain, stacked, k=0):
    convs = [part for part in plain.convs if isinstance(part, nn.Conv2d)]
    for conv, weight, bias in zip(convs, stacked.weights, stacked.biases, strict=True):
        conv.weight.data.copy_(weight[k])
        conv.bias.data.copy_(bias[k])


def shift(frames, places, pad):
    """Pad by repeating the edge, and crop each image where its place says."""
    padded = F.pad(frames.double(), (pad, pad, pad, pad), mode="replicate")
    size = frames.shape[-1]
    crops = []
    for image, place in zip(padded, places, strict=True):
        down, across = (int(p * (2 * pad + 1)) for p in place)
        crops.append(image[:, down : down + size, across : across + size])
    return torch.stack(crops)


def sample(s, mean, noise, updates):
    """Add clipped noise whose deviation falls with the updates; the cut leaves the gradient."""
    share = min(updates / s.noise_updates, 1.0)
    std = (1 - share) * s.noise_start + share * s.noise_end
    action = mean + torch.clamp(noise * std, -s.noise_clip, s.noise_clip)
    clamped = torch.clamp(action, -1 + 1e-6, 1 - 1e-6)
    return action - action.detach() + clamped.detach()


def adam(module, rate):
    return torch.optim.Adam(module.parameters(), lr=rate)


class PlainBC:
    def __init__(self, agent):
        s, c = agent.settings, agent.observation_shape[0]
        self.s, self.updates = s, 0
        self.encoder = Encoder(c).double()
        self.trunk = trunk(agent.encoder.outputs, s.features).double()
        self.head = mlp(s.features, *s.hidden, agent.action_dim).double()
        copy_encoder(self.encoder, agent.encoder)
        copy_trunk(self.trunk, agent.trunks["actor"])
        copy_mlp(self.head, agent.actor)
        self.all = nn.ModuleList([self.encoder, self.trunk, self.head])
        self.optimizer = adam(self.all, s.learning_rate)

    def update(self, batch, noise):
        frames = shift(batch.observations[0], noise["shift"][0], self.s.pad)
        mean = torch.tanh(self.head(self.trunk(self.encoder(frames))))
        actions = sample(self.s, mean, noise["action"][0], self.updates)
        loss = F.mse_loss(actions, batch.actions[0])
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.updates += 1

    def act(self, frames):
        return torch.tanh(self.head(self.trunk(self.encoder(frames))))


class PlainDrQBC:
    def __init__(self, agent):
        s, c, a = agent.settings, agent.observation_shape[0], agent.action_dim
        self.s, self.updates = s, 0
        width = agent.encoder.outputs
        self.encoder = Encoder(c).double()
        self.actor = nn.ModuleList([trunk(width, s.features), mlp(s.features, *s.hidden, a)])
        self.critic = nn.ModuleList(
            [trunk(width, s.features)] + [mlp(s.features + a, *s.hidden, 1) for _ in range(2)]
        )
        self.actor.double(), self.critic.double()
        copy_encoder(self.encoder, agent.encoder)
        copy_trunk(self.actor[0], agent.trunks["actor"])
        copy_mlp(self.actor[1], agent.actor)
        copy_trunk(self.critic[0], agent.trunks["critic"])
        for n in range(2):
            copy_mlp(self.critic[1 + n], agent.critics, n)
        self.target = copy.deepcopy(self.critic)
        rate = s.learning_rate
        self.optimizers = [adam(m, rate) for m in (self.encoder, self.actor, self.critic)]

    def sample(self, features, noise):
        mean = torch.tanh(self.actor[1](self.actor[0](features)))
        return sample(self.s, mean, noise, self.updates)

    def q(self, critic, features, actions):
        inputs = torch.cat([critic[0](features), actions], dim=-1)
        return critic[1](inputs)[:, 0], critic[2](inputs)[:, 0]

    def update(self, batch, noise):
        s = self.s
        features = self.encoder(shift(batch.observations[0], noise["shift"][0], s.pad))
        with torch.no_grad():
            ahead = self.encoder(shift(batch.next_observations[0], noise["next_shift"][0], s.pad))
            following = self.sample(ahead, noise["next_action"][0])
            value = torch.minimum(*self.q(self.target, ahead, following))
            discount = s.discount**s.n_step * (1 - batch.terminals[0])
            target = batch.rewards[0] + discount * value
        q1, q2 = self.q(self.critic, features, batch.actions[0])
        loss = F.mse_loss(q1, target) + F.mse_loss(q2, target)
        for optimizer in self.optimizers:
            optimizer.zero_grad()
        loss.backward()
        self.optimizers[0].step()
        self.optimizers[2].step()
        features = features.detach()
        action = self.sample(features, noise["action"][0])
        q = torch.minimum(*self.q(self.critic, features, action))
        weight = s.alpha / q.abs().mean().detach()
        loss = -weight * q.mean() + F.mse_loss(action, batch.actions[0])
        self.optimizers[1].zero_grad()
        loss.backward()
        self.optimizers[1].step()
        for slow, fast in zip(self.target.parameters(), self.critic.parameters(), strict=True):
            slow.data.copy_((1 - s.tau) * slow.data + s.tau * fast.data)
        self.updates += 1

    def act(self, frames):
        return torch.tanh(self.actor[1](self.actor[0](self.encoder(frames))))
