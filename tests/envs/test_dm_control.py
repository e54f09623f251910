"""The suite's tasks: the same numbers as dm_control's own stepping, to the last bit."""

import numpy as np
import pytest

from synther.config.specs import task_spec
from synther.envs import make_batched_env, make_env, simulators
from synther.envs.dm_control import DMControl, _load
from synther.errors import SyntherError

SUITE = {
    name: "-".join(given)
    for name, (module, *given) in simulators().items()
    if module == "dm_control" and len(given) == 2
}
WIDTHS = {
    "dmc-cheetah-run": (17, 6),
    "dmc-quadruped-walk": (78, 12),
    "dmc-reacher-hard": (6, 2),
    "dmc-reacher-easy": (6, 2),
    "dmc-walker-walk": (24, 6),
    "dmc-pendulum-swingup": (3, 1),
}


def actions_of(env, steps, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (steps, env.num_envs, env.action_dim))


def roll(env, actions):
    results = [env.step(a) for a in actions]
    return np.stack([r[0] for r in results]), np.stack([r[1] for r in results])


@pytest.mark.parametrize("task", SUITE)
def test_stepping_is_the_suites_own(task):
    env = make_env(task, 2)
    assert (env.observation_dim, env.action_dim) == WIDTHS[task]
    starts = env.reset([5, 11])
    actions = actions_of(env, 60)
    observations, rewards = roll(env, actions)
    domain, _, name = SUITE[task].partition("-")
    for row, seed in enumerate([5, 11]):
        own = _load(domain, name)
        own.task.random.seed(np.random.SeedSequence(seed).generate_state(4))
        assert (own.reset().observation["observations"] == starts[row]).all()
        low, high = own.action_spec().minimum, own.action_spec().maximum
        for step, action in enumerate(actions[:, row]):
            time_step = own.step(low + (action + 1) / 2 * (high - low))
            assert (time_step.observation["observations"] == observations[step, row]).all()
            assert time_step.reward == rewards[step, row]


def test_an_action_held_for_two_steps_is_two_steps_of_the_suite():
    twice, once = make_env("dmc-cheetah-run-repeat2", 2), make_env("dmc-cheetah-run", 2)
    assert (twice.time_limit, once.time_limit) == (500, 1000)
    assert twice.time_limit == task_spec("dmc-cheetah-run-repeat2")["time_limit"]
    np.testing.assert_array_equal(twice.reset([5, 11]), once.reset([5, 11]))
    actions = actions_of(once, 20)
    observations, rewards = roll(twice, actions)
    seen, singly = roll(once, np.repeat(actions, 2, axis=0))
    np.testing.assert_array_equal(observations, seen[1::2])
    np.testing.assert_array_equal(rewards, singly[::2] + singly[1::2])


def test_actions_reach_the_actuators_whole_range():
    env = make_env("dmc-quadruped-walk", 1)
    own = env._envs[0]
    env.reset(0)
    for value, bound in ((1.0, own.action_spec().maximum), (-2.0, own.action_spec().minimum)):
        env.step(np.full((1, 12), value))
        np.testing.assert_array_equal(own.physics.control(), bound)


@pytest.mark.parametrize("task", ["dmc-quadruped-walk", "dmc-reacher-hard"])
def test_a_restored_batch_goes_on_identically(task):
    env, other = make_env(task, 2), make_env(task, 2)
    env.reset([1, 2])
    other.reset([8, 9])  # another target, other warm starts
    actions = actions_of(env, 60)
    roll(env, actions[:30])
    saved = env.snapshot()
    expected = roll(env, actions[30:])
    found_now = other.restore(saved)
    np.testing.assert_array_equal(found_now, saved["observations"])
    found = roll(other, actions[30:])
    for one, two in zip(expected, found, strict=True):
        np.testing.assert_array_equal(one, two)
    assert other.elapsed.tolist() == [60, 60]


def test_an_episode_ends_by_time_alone():
    env = make_env("dmc-reacher-easy", 2)
    assert env.time_limit == 1000 == task_spec("dmc-reacher-easy")["time_limit"]
    env.time_limit = 3
    env.reset(0)
    for step in range(1, 5):
        active = np.array([True, step > 1])
        _, rewards, terminated, truncated = env.step(np.zeros((2, 2)), active)
        assert not terminated.any()
        assert truncated.tolist() == [step >= 3, step >= 4]
        assert rewards[1] == 0 or step > 1
    assert env.elapsed.tolist() == [4, 3]
    before = env.observations()
    after = env.reset([3], indices=np.array([1]))
    np.testing.assert_array_equal(after[0], before[0])
    assert env.elapsed.tolist() == [4, 0]
    np.testing.assert_array_equal(after[1], make_env("dmc-reacher-easy", 1).reset(3)[0])


def test_refusals():
    with pytest.raises(SyntherError, match="num_envs is 0"):
        DMControl("cheetah", "run", 0)
    env = make_env("dmc-pendulum-swingup", 1)
    with pytest.raises(SyntherError, match="actions have shape"):
        env.step(np.zeros((1, 2)))
    with pytest.raises(SyntherError, match="diverged"):
        roll(env, np.full((9, 1, 1), np.nan))
    with pytest.raises(SyntherError, match="unknown task 'dmc-cheetah-run'"):
        make_batched_env("dmc-cheetah-run", 1)
