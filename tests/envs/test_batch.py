"""The batched environment: seeds, masks, time limits, snapshots, and that N and threads don't
change results."""

from __future__ import annotations

import numpy as np
import pytest

from synther.envs import make_env, simulators
from synther.errors import SyntherError

MAZE, ANT = "maze2d-umaze", "antmaze-umaze"


def actions_of(env, steps, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (steps, env.num_envs, env.action_dim))


def roll(env, actions):
    """Return observations (T, N, d) and rewards (T, N) of stepping through actions (T, N, a)."""
    results = [env.step(a) for a in actions]
    return np.stack([r[0] for r in results]), np.stack([r[1] for r in results])


@pytest.mark.parametrize(
    ("task", "d", "a", "limit"),
    [
        ("hopper", 11, 3, 1000),
        ("halfcheetah", 17, 6, 1000),
        ("walker2d", 17, 6, 1000),
        ("maze2d-umaze", 4, 2, 300),
        ("maze2d-medium", 4, 2, 600),
        ("maze2d-large", 4, 2, 800),
        ("antmaze-umaze", 29, 8, 700),
        ("antmaze-medium-play", 29, 8, 1000),
        ("antmaze-large-play", 29, 8, 1000),
    ],
)
def test_widths_and_limits(task, d, a, limit):
    env = make_env(task, 2, threads=1)
    assert (env.observation_dim, env.action_dim, env.time_limit) == (d, a, limit)
    assert env.reset(0).shape == (2, d)
    observations, rewards, terminated, truncated = env.step(np.zeros((2, a)))
    assert observations.shape == (2, d)
    assert rewards.shape == terminated.shape == truncated.shape == (2,)
    np.testing.assert_array_equal(env.model.actuator_ctrlrange, [[-1.0, 1.0]] * a)


def test_names():
    assert {"dmc-walker-walk-repeat2", "scene-v0", "antmaze-giant-singletask-task5-v0"} <= set(
        simulators()
    )
    with pytest.raises(SyntherError, match="unknown task 'hoper'; did you mean hopper"):
        make_env("hoper", 1)
    with pytest.raises(SyntherError, match="unknown physics 'gym'"):
        make_env("hopper", 1, physics="gym")


@pytest.mark.parametrize("task", ["hopper", MAZE, ANT])
def test_a_start_depends_on_its_own_seed_alone(task):
    few, many = make_env(task, 2, threads=1), make_env(task, 5, threads=1)
    many.reset([9, 3, 8, 7, 4])
    few.reset([3, 4])
    np.testing.assert_array_equal(few.observations(), many.observations()[[1, 4]])
    np.testing.assert_array_equal(few.goals, many.goals[[1, 4]])
    np.testing.assert_array_equal(few.reset(3), few.reset([3, 4]))
    assert not np.array_equal(few.observations()[0], few.observations()[1])


def test_reset_of_some_leaves_the_others():
    env = make_env(ANT, 3, threads=1)
    env.reset(0)
    before = env.step(actions_of(env, 1)[0])[0]
    goals = env.goals.copy()
    after = env.reset([7], indices=np.array([1]))
    np.testing.assert_array_equal(after[[0, 2]], before[[0, 2]])
    np.testing.assert_array_equal(env.goals[[0, 2]], goals[[0, 2]])
    assert (env.goals[1] != goals[1]).all()
    assert env.elapsed.tolist() == [1, 0, 1]
    fresh = make_env(ANT, 1, threads=1)
    np.testing.assert_array_equal(fresh.reset([7])[0], after[1])


@pytest.mark.parametrize("task", ["halfcheetah", "walker2d", MAZE, ANT])
def test_results_do_not_depend_on_the_number_of_envs_or_threads(task):
    together = make_env(task, 6, threads=3)
    actions = actions_of(together, 30)
    together.reset(0)
    observations, rewards = roll(together, actions)
    for threads in (1, 2):
        alone = make_env(task, 1, threads=threads)
        for k in (0, 5):
            alone.reset([k])
            single, paid = roll(alone, actions[:, k : k + 1])
            np.testing.assert_array_equal(single[:, 0], observations[:, k])
            np.testing.assert_array_equal(paid[:, 0], rewards[:, k])


def test_threads():
    env = make_env("hopper", 2, threads=3)
    assert env.threads == 3
    assert make_env("hopper", 2).threads >= 1


def test_only_active_environments_move():
    env, reference = make_env("hopper", 4, threads=1), make_env("hopper", 4, threads=1)
    start = env.reset(0)
    reference.reset(0)
    (action,) = actions_of(env, 1)
    expected, paid, _, _ = reference.step(action)
    active = np.array([True, False, True, False])
    observations, rewards, terminated, truncated = env.step(action, active=active)
    np.testing.assert_array_equal(observations[active], expected[active])
    np.testing.assert_array_equal(observations[~active], start[~active])
    np.testing.assert_array_equal(rewards, np.where(active, paid, 0.0))
    assert not (terminated | truncated).any()
    assert env.elapsed.tolist() == [1, 0, 1, 0]
    nothing = env.step(action, active=np.zeros(4, dtype=bool))
    np.testing.assert_array_equal(nothing[0], observations)
    assert not nothing[1].any()


@pytest.mark.parametrize("task", ["hopper", MAZE, ANT])
def test_goes_on_exactly_from_a_snapshot(task):
    env = make_env(task, 3, threads=1)
    actions = actions_of(env, 20)
    env.reset(0)
    roll(env, actions[:10])
    snapshot = env.snapshot()
    expected = roll(env, actions[10:])
    elapsed, goals = env.elapsed.copy(), env.goals.copy()
    for other in (env, make_env(task, 3, threads=2)):
        other.reset(50)
        other.restore(snapshot)
        continued = roll(other, actions[10:])
        np.testing.assert_array_equal(continued[0], expected[0])
        np.testing.assert_array_equal(continued[1], expected[1])
        np.testing.assert_array_equal(other.elapsed, elapsed)
        np.testing.assert_array_equal(other.goals, goals)


def test_the_time_limit_truncates():
    env = make_env(MAZE, 2, threads=1)
    env.reset(0)
    env.elapsed[:] = [env.time_limit - 2, 0]
    still = np.zeros((2, 2))
    assert env.step(still)[3].tolist() == [False, False]
    _, _, terminated, truncated = env.step(still)
    assert truncated.tolist() == [True, False]
    assert not terminated.any()


def test_a_terminal_at_the_time_limit_is_terminated():
    env = make_env("hopper", 2, threads=1)
    env.reset(0)
    qpos, qvel = env.qpos.copy(), env.qvel.copy()
    qpos[0, 1] = 0.3  # fallen
    env.set_state(qpos, qvel)
    env.elapsed[:] = env.time_limit - 1
    _, _, terminated, truncated = env.step(np.zeros((2, 3)))
    assert terminated.tolist() == [True, False]
    assert truncated.tolist() == [False, True]


def test_an_ended_episode_can_be_stepped_on():
    env = make_env("hopper", 1, threads=1)
    env.reset(0)
    ends = [env.step(action)[2].all() for action in actions_of(env, 120)]
    assert any(ends[:-1])
    assert env.elapsed.tolist() == [120]


def test_actions_are_clipped_for_the_motors_and_not_for_the_reward():
    one, two = make_env("hopper", 1, threads=1), make_env("hopper", 1, threads=1)
    one.reset(0)
    two.reset(0)
    full = one.step(np.ones((1, 3)))
    over = two.step(np.full((1, 3), 2.0))
    np.testing.assert_array_equal(full[0], over[0])
    np.testing.assert_allclose(full[1] - over[1], 1e-3 * (12 - 3), rtol=1e-9)


def test_bad_input_is_named():
    with pytest.raises(SyntherError, match="num_envs is 0"):
        make_env("hopper", 0)
    env = make_env("hopper", 2, threads=1)
    with pytest.raises(SyntherError, match=r"actions have shape \(3,\), expected \(2, 3\)"):
        env.step(np.zeros(3))
    with pytest.raises(SyntherError, match="3 seeds for 2 environments"):
        env.reset([1, 2, 3])
    with pytest.raises(SyntherError, match=r"qvel has shape \(2, 5\), expected \(2, 6\)"):
        env.set_state(np.zeros((2, 6)), np.zeros((2, 5)))
