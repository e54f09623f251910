"""Real transitions are the simulator's own; others are off by what was done to them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from synther.envs import make_env
from synther.fidelity import dynamics
from synther.fidelity.dynamics import mean_squared_errors, simulate
from synther.transitions import Transitions

TASKS = ("hopper", "halfcheetah", "walker2d", "maze2d-umaze")


def recorded(task, envs=8, steps=15):
    """Return transitions of random actions, as a dataset would have them."""
    env = make_env(task, envs, threads=1)
    rng = np.random.default_rng(0)
    before, parts = env.reset(0), []
    for _ in range(steps):
        actions = rng.uniform(-0.3, 0.3, (envs, env.action_dim)).astype(np.float32)
        after, rewards, ended, _ = env.step(actions)
        parts.append(Transitions(before, actions, rewards, after, ended))
        before = after
    return Transitions.concatenate(parts)


@pytest.mark.parametrize("task", TASKS)
def test_real_transitions_agree_to_the_rounding_of_float32(task):
    real = recorded(task)
    found = simulate(task, real)
    assert found is not None
    ended = int((real.terminals > 0.5).sum())
    left = found.left_out
    assert left["terminal"] == ended
    assert left["diverged"] == 0
    assert found.valid.sum() == len(real) - ended - left["undetermined"]
    assert found.valid.sum() > 0.5 * len(real)
    errors = mean_squared_errors(real, found, real)[0][found.valid]
    # float32 keeps seven digits of a velocity; stiff contacts multiply that by a few hundred
    assert np.median(errors) < 1e-11
    assert errors.mean() < 1e-6


def test_the_error_is_the_one_that_was_made():
    real = recorded("halfcheetah", steps=5)
    wrong = dataclasses.replace(
        real, rewards=real.rewards + 3.0, next_observations=real.next_observations + 0.5
    )
    errors, scaled = mean_squared_errors(wrong, simulate("halfcheetah", wrong), real)
    assert errors == pytest.approx((17 * 0.25 + 9) / 18, rel=1e-2)
    spread = real.next_observations.std(axis=0).astype(float), real.rewards.std()
    expected = (0.25 / spread[0] ** 2).sum() + 9 / spread[1] ** 2
    assert scaled == pytest.approx(expected / 18, rel=2e-2)


def test_rows_without_a_true_outcome_are_left_out(monkeypatch):
    monkeypatch.setattr(dynamics, "CHUNK", 3)
    real = recorded("hopper", steps=2)[:5]
    states, flags = real.observations.copy(), np.zeros(5)
    flags[0] = 1.0
    states[1, 7] = 10.0  # a velocity at the clip
    states[2, 6] = -11.0  # and one that no observation has
    states[3, 0] = 1e11  # where MuJoCo gives up
    changed = dataclasses.replace(real, observations=states, terminals=flags)
    found = simulate("hopper", changed)
    assert found.valid.tolist() == [False, False, False, False, True]
    assert found.left_out == {"terminal": 1, "undetermined": 2, "diverged": 1}
    assert all(np.isnan(each[:4]).all() for each in mean_squared_errors(changed, found, real))


def test_chunks_do_not_matter(monkeypatch):
    real = recorded("hopper", steps=3)
    whole = simulate("hopper", real)
    monkeypatch.setattr(dynamics, "CHUNK", 5)
    parts = simulate("hopper", real)
    np.testing.assert_array_equal(whole.next_observations, parts.next_observations)
    np.testing.assert_array_equal(whole.rewards, parts.rewards)


def test_a_goal_that_is_not_observed_has_no_dynamics():
    zeros = np.zeros((4, 29))
    rows = Transitions(zeros, np.zeros((4, 8)), np.zeros(4), zeros, np.zeros(4))
    assert simulate("antmaze-umaze", rows) is None
