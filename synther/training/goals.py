"""Transitions as agents with goals learn from them: trajectories, or samples that have none."""

from __future__ import annotations

import numpy as np
import torch

from synther.agents.goals import GoalSettings, GoalTable
from synther.datasets.subset import trajectory_ids
from synther.transitions import Transitions


def last_rows(transitions: Transitions) -> np.ndarray:
    """Return the last row (N,) of each row's trajectory."""
    ids = trajectory_ids(transitions)
    ends: np.ndarray = np.searchsorted(ids, np.arange(ids[-1] + 1), side="right") - 1
    return ends[ids]


def with_later_states(transitions: Transitions, seed: int) -> Transitions:
    """Return transitions whose actions are (action, goal): a later state of the trajectory each.

    A generator that is fitted to them models (s, a, goal, s') jointly. A goal is any later state of
    the trajectory, each as likely, or the row's own next one where it is the last.
    """
    rows, last = np.arange(len(transitions)), last_rows(transitions)
    drawn = np.random.default_rng(seed).integers(rows, np.maximum(last, rows) + 1)
    return Transitions(
        transitions.observations,
        np.concatenate([transitions.actions, transitions.next_observations[drawn]], axis=1),
        transitions.rewards,
        transitions.next_observations,
        transitions.terminals,
    )


def goal_table(
    settings: GoalSettings,
    data: Transitions,
    action_dim: int,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> GoalTable:
    """Return what agents with goals gather minibatches from.

    Rows that follow on each other are trajectories, from whose later states goals are drawn. Where
    no row follows on another, as in samples, a row's later state is the goal beside its action
    (`with_later_states`) or else its next observation.

    Args:
        settings: the agent's.
        data: N transitions of a task that shows its goal, without goals.
        action_dim: a; wider actions have goals beside them.
        device: where the table lies.
        dtype: of the table.
    """
    last = last_rows(data)
    goals = data.actions[:, action_dim:]
    later = goals if goals.shape[1] else data.next_observations
    alone = goals.shape[1] > 0 or (last == np.arange(len(data))).all()
    states, actions, following = (
        torch.as_tensor(array, dtype=dtype, device=device)
        for array in (data.observations, data.actions[:, :action_dim], data.next_observations)
    )
    return GoalTable(
        states,
        actions,
        following,
        torch.as_tensor(last, device=device),
        settings,
        torch.as_tensor(later, dtype=dtype, device=device) if alone else None,
    )
