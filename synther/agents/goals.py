"""What agents that are told a goal share: settings, networks, and goals drawn by hindsight.

After OGBench (Park et al. 2024, arXiv 2410.20092) and its reference code, impls/. An agent's
observations are (state, goal).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from synther.agents.base import OfflineSettings
from synther.errors import SyntherError

FLOOR = 1e-6
"""Of a uniform number, whose logarithm is taken."""


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
    """Transitions a seed and update."""
    eval_every: int = 100_000
    """Updates between evaluations."""
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


class GoalTable:
    """Transitions on the device, from which minibatches with goals are gathered.

    Args:
        observations: (N, d).
        actions: (N, a).
        next_observations: (N, d).
        last: (N,) integers, the last row of each row's trajectory.
        settings: which goals are drawn.
        later: (N, d), a later state of each row, where rows have no trajectories; or None.
    """

    def __init__(
        self,
        observations: Tensor,
        actions: Tensor,
        next_observations: Tensor,
        last: Tensor,
        settings: GoalSettings,
        later: Tensor | None = None,
    ) -> None:
        self._states, self._actions, self._following = observations, actions, next_observations
        self._settings: Any = settings  # whose own class says which values it has, if any
        self._last, self._later = last, later
        self._values = hasattr(settings, "value_p_curgoal")

    def __len__(self) -> int:
        return len(self._states)

    def uniforms(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes, a seed, of the uniform numbers that a minibatch takes."""
        kinds = ("value_goal", "actor_goal") if self._values else ("actor_goal",)
        return dict.fromkeys(kinds, (3, self._settings.batch_size))

    def places(self, kind: str, rows: Tensor, draws: Tensor) -> tuple[Tensor, Tensor]:
        """Return goals' rows (K, B), and booleans (K, B): they are of the state's trajectory.

        Args:
            kind: "value", whose later states are geometrically distributed, or "actor".
            rows: (K, B), whose goals they are.
            draws: (K, 3, B) in [0, 1): they say which of `GOALS`, how far, and where at random.
        """
        which, far, anywhere = draws.unbind(dim=1)
        own, later = (getattr(self._settings, f"{kind}_p_{goal}") for goal in GOALS[:2])
        last = self._last[rows]
        if kind == "value":
            steps = far.clamp_min(FLOOR).log() / math.log(self._settings.discount)
            found = torch.minimum(rows + steps.ceil().clamp_min(1).long(), last)
        else:
            found = (torch.minimum(rows + 1, last) * far + last * (1 - far)).round().long()
        is_later = (which >= own) & (which < own + later)
        others = torch.where(is_later, found, (anywhere * len(self)).long())
        return torch.where(which < own, rows, others), is_later

    def _goals(self, kind: str, rows: Tensor, draws: Tensor) -> tuple[Tensor, Tensor]:
        """Return goals (K, B, d), and booleans (K, B): they are the state itself."""
        places, is_later = self.places(kind, rows, draws)
        goals, reached = self._states[places], places == rows
        if self._later is not None:
            goals = torch.where(is_later[..., None], self._later[rows], goals)
            reached &= ~is_later
        return goals, reached

    def gather(self, rows: Tensor, **draws: Tensor) -> GoalBatch:
        """Return minibatches for rows (K, B) and the `uniforms` of a step.

        Rewards are 0 at the goal, where the episode ends, and -1 elsewhere. An agent without values
        gets the policy's goals everywhere.
        """
        states = self._states[rows]
        actor_goals, reached = self._goals("actor", rows, draws["actor_goal"])
        goals = actor_goals
        if self._values:
            goals, reached = self._goals("value", rows, draws["value_goal"])
        return GoalBatch(
            observations=torch.cat([states, goals], dim=-1),
            actions=self._actions[rows],
            rewards=reached.to(states.dtype) - 1.0,
            next_observations=torch.cat([self._following[rows], goals], dim=-1),
            terminals=reached.to(states.dtype),
            actor_observations=torch.cat([states, actor_goals], dim=-1),
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
        """Map (K, B, in) to (K copies, B, out)."""
        hidden = inputs.repeat_interleave(self.copies, dim=0) if self.copies > 1 else inputs
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            hidden = torch.baddbmm(bias, hidden, weight)
            if layer < len(self.weights) - 1:
                hidden = nn.functional.gelu(hidden, approximate="tanh")  # flax's
                if self.scales:
                    normed = nn.functional.layer_norm(hidden, hidden.shape[-1:], eps=1e-6)
                    hidden = normed * self.scales[layer] + self.shifts[layer]
        return hidden


def unit_log_density(actions: Tensor, means: Tensor) -> Tensor:
    """Return the log-densities (..., ) of actions (..., a) under unit Gaussians around means."""
    squares = (actions - means).square() + math.log(2 * math.pi)
    return -0.5 * squares.sum(dim=-1)
