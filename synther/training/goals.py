"""Transitions as agents with goals learn from them: trajectories, or samples that have none."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from synther.agents.goals import GOALS, GoalBatch, GoalSettings
from synther.datasets.subset import last_rows
from synther.transitions import Transitions

FLOOR = 1e-6
"""Of a uniform number, whose logarithm is taken."""


def with_later_states(transitions: Transitions, seed: int) -> Transitions:
    """Return transitions whose actions are (action, goal): a later state of the trajectory each.

    A generator that is fitted to them models (s, a, goal, s') jointly. A goal is any later state of
    the trajectory, each as likely, or the row's own next one where it is the last.
    """
    rows, last = np.arange(len(transitions)), last_rows(transitions)
    drawn = np.random.default_rng(seed).integers(rows, np.maximum(last, rows) + 1)
    goals = transitions.next_observations[drawn]
    return replace(transitions, actions=np.concatenate([transitions.actions, goals], axis=1))


class GoalTable:
    """Transitions on the device, from which minibatches with goals drawn by hindsight are gathered.

    Rows that follow on each other are trajectories, from whose later states goals are drawn. Where
    no row follows on another, as in samples, a row's later state is the goal beside its action
    (`with_later_states`) or else its next observation.

    Args:
        settings: the agent's, which say which goals are drawn.
        data: N transitions of a task that shows its goal, without goals.
        action_dim: a; wider actions have goals beside them.
        device: where the table lies.
        dtype: of the table.
    """

    def __init__(
        self,
        settings: GoalSettings,
        data: Transitions,
        action_dim: int,
        device: str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self._settings: Any = settings  # whose own class says which values it has, if any
        self._values = hasattr(settings, "value_p_curgoal")
        last, goals = last_rows(data), data.actions[:, action_dim:]
        later = goals if goals.shape[1] else data.next_observations
        self._alone = goals.shape[1] > 0 or bool((last == np.arange(len(data))).all())
        later = later if self._alone else later[:0]
        columns = (data.observations, data.actions[:, :action_dim], data.next_observations, later)
        self._states, self._actions, self._following, self._later = (
            torch.as_tensor(array, dtype=dtype, device=device) for array in columns
        )
        self._last = torch.as_tensor(last, device=device)

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
        if self._alone:
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
