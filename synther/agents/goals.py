"""What agents that are told a goal share: settings, batches and networks.

After OGBench (Park et al. 2024, arXiv 2410.20092) and its reference code, impls/. An agent's
observations are (state, goal).
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from synther.agents.base import OfflineSettings
from synther.agents.networks import FEW, on_gpu
from synther.errors import SyntherError


class GoalBatch(NamedTuple):
    """A minibatch for each of K seeds, with the goals of values and those of the policy."""

    observations: Tensor
    """(K, B, 2 d), states with the values' goals."""
    actions: Tensor
    """(K, B, a)"""
    rewards: Tensor
    """(K, B)"""
    next_observations: Tensor
    """(K, B, 2 d), with the values' goals."""
    terminals: Tensor
    """(K, B)"""
    actor_observations: Tensor
    """(K, B, 2 d), states with the policy's goals."""


GOALS = ("curgoal", "trajgoal", "randomgoal")
"""The state itself, a later state of its trajectory, any state of the data."""


@dataclass(frozen=True)
class GoalSettings(OfflineSettings):
    """Settings of agents that are told a goal, named as OGBench names them."""

    batch_size: int = 1024
    eval_every: int = 100_000
    eval_episodes: int = 250
    """Episodes a seed and evaluation, a multiple of the five goals."""
    hidden: tuple[int, ...] = (512, 512, 512)
    """Widths of the hidden layers of all networks."""
    learning_rate: float = 3e-4
    """Of all networks."""
    actor_p_curgoal: float = 0.0
    """Share of the policy's goals that are the state itself."""
    actor_p_trajgoal: float = 1.0
    """That are a later state of its trajectory, each as likely."""
    actor_p_randomgoal: float = 0.0
    """That are any state of the data."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for kind in ("value", "actor"):
            names = [f"{kind}_p_{goal}" for goal in GOALS if hasattr(self, f"{kind}_p_{goal}")]
            shares = [getattr(self, name) for name in names]
            if names and (abs(sum(shares) - 1) > 1e-6 or min(shares) < 0):
                raise SyntherError(
                    f"settings {', '.join(names)} are {shares}; they must add up to 1, none below 0"
                )
        if self.normalise_states or self.scale_rewards or self.reward_shift:
            raise SyntherError(
                "agents with goals take states as they are and rewards of their own: leave "
                "normalise_states, scale_rewards and reward_shift at their defaults"
            )


class GoalMLP(nn.Module):
    """S perceptrons with GELU, and a layer norm after each where asked, as OGBench's networks.

    Args:
        generators: one a seed.
        sizes: input width, hidden widths, output width.
        copies: networks a seed; S = seeds * copies, a seed's copies adjacent.
        layer_norm: whether hidden layers are normalised.
        last_gain: of the last layer's initial weights.
    """

    def __init__(
        self,
        generators: Sequence[torch.Generator],
        sizes: Sequence[int],
        copies: int = 1,
        layer_norm: bool = False,
        last_gain: float = 1.0,
    ) -> None:
        super().__init__()
        self.copies, stack = copies, len(generators) * copies
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        self.scales, self.shifts = nn.ParameterList(), nn.ParameterList()
        layers = len(sizes) - 1
        for layer in range(layers):
            fan_in, fan_out = sizes[layer], sizes[layer + 1]
            gain = last_gain if layer == layers - 1 else 1.0
            bound = (6.0 * gain / (fan_in + fan_out)) ** 0.5  # variance scaling, fan_avg, uniform
            drawn = [
                torch.empty(fan_in, fan_out).uniform_(-bound, bound, generator=generator)
                for generator in generators
                for _ in range(copies)
            ]
            self.weights.append(nn.Parameter(torch.stack(drawn)))
            self.biases.append(nn.Parameter(torch.zeros(stack, 1, fan_out)))
            if layer_norm and layer < layers - 1:
                self.scales.append(nn.Parameter(torch.ones(stack, 1, fan_out)))
                self.shifts.append(nn.Parameter(torch.zeros(stack, 1, fan_out)))

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (K, B, in) to (K copies, B, out); many rows on a CPU one network after another."""
        tensors = (*self.weights, *self.biases, *self.scales, *self.shifts)
        if on_gpu(inputs) or inputs.shape[1] < FEW:
            shared = inputs.repeat_interleave(self.copies, dim=0) if self.copies > 1 else inputs
            return self._through(shared, tensors)
        networks = enumerate(zip(*(tensor.unbind() for tensor in tensors), strict=True))
        return torch.stack([self._through(inputs[n // self.copies], own) for n, own in networks])

    def _through(self, hidden: Tensor, tensors: Sequence[Tensor]) -> Tensor:
        """Pass (..., B, in) through one network, (B, in), or a stack of them."""
        layers, norms = len(self.weights), len(self.scales)
        rest = iter(tensors)
        weights, biases, scales, shifts = (
            list(itertools.islice(rest, n)) for n in (layers, layers, norms, norms)
        )
        alone = hidden.dim() == 2
        for layer, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            hidden = (torch.addmm if alone else torch.baddbmm)(bias, hidden, weight)
            if layer < layers - 1:
                hidden = nn.functional.gelu(hidden, approximate="tanh")  # flax's
            if layer < norms:
                scale, shift = scales[layer], shifts[layer]
                fused, added = (scale[0], shift[0]) if alone else (None, None)
                hidden = nn.functional.layer_norm(hidden, hidden.shape[-1:], fused, added, 1e-6)
                hidden = hidden if alone else hidden * scale + shift
        return hidden


def unit_log_density(actions: Tensor, means: Tensor) -> Tensor:
    """Return the log-densities (..., ) of actions (..., a) under unit Gaussians around means."""
    squares = (actions - means).square() + math.log(2 * math.pi)
    return -0.5 * squares.sum(dim=-1)
