"""OGBench's environments: the same numbers as the package's own, to the last bit."""

import gymnasium
import numpy as np
import pytest

from synther import config
from synther.config.specs import task_spec
from synther.envs import make_batched_env, make_env, simulators
from synther.errors import SyntherError

pytest.importorskip("ogbench", reason="OGBench's package is not installed: pip install ogbench")

from synther.envs import ogbench as ours

FAMILY = [
    "pointmaze-medium-singletask-task1-v0",
    "pointmaze-large-v0",
    "antmaze-medium-singletask-task3-v0",
    "antmaze-giant-v0",
    "humanoidmaze-medium-singletask-task1-v0",
    "cube-double-singletask-task2-v0",
    "scene-singletask-task2-v0",
    "scene-v0",
    "puzzle-3x3-singletask-task4-v0",
]
STEPS = {"cube": 25, "scene": 60, "puzzle": 25}


def actions_of(env, steps, seed=0):
    return np.random.default_rng(seed).uniform(-1.2, 1.2, (steps, env.num_envs, env.action_dim))


@pytest.mark.parametrize("task", FAMILY)
def test_stepping_is_the_packages_own(task):
    """Three at a time on two threads, one of them started anew in between."""
    env = make_env(task, 3, threads=2)
    starts = env.reset([5, 11, 7])
    actions = actions_of(env, STEPS.get(task.partition("-")[0], 40))
    found, rewards, ends = [], [], []
    for step, action in enumerate(actions):
        if step == 10:
            env.reset([3], indices=np.array([2]))
        observations, reward, terminated, _ = env.step(action)
        found.append(observations)
        rewards.append(reward)
        ends.append(terminated)
    own = ours.load(task)
    for row, seed in enumerate([5, 11]):
        options = {} if "singletask" in task else {"task_id": row + 1}
        observation, info = ours.reset(own, seed, **options)
        goal = [] if "singletask" in task else info["goal"]
        np.testing.assert_array_equal(starts[row], np.concatenate([observation, goal]))
        for step, action in enumerate(actions[:, row]):
            observation, _, ended, _, info = own.step(np.clip(action, -1, 1))
            seen = np.concatenate([observation, goal])
            np.testing.assert_array_equal(found[step][row], seen)
            assert (rewards[step][row], ends[step][row]) == (info["success"], ended)


def test_widths_and_time_limits_are_the_packages():
    tasks = {
        n: s for n, s in config.load("datasets")["tasks"].items() if s["simulator"] == ["ogbench"]
    }
    assert len(tasks) == 18 * 6
    assert set(tasks) <= set(simulators())
    for name, spec in tasks.items():
        registered = gymnasium.spec(name)
        assert registered.max_episode_steps == spec["time_limit"], name
    for name in ("humanoidmaze-giant-v0", "puzzle-4x6-v0"):
        env = make_env(name, 1)
        d, a = task_spec(name)["dimensions"]
        shown = 2 * d if "singletask" not in name else d
        assert (env.observation_dim, env.action_dim) == (shown, a)


def drive(env, steps=400):
    """Head for the goal as the package's own oracle does; return what every episode paid."""
    live, paid = np.ones(env.num_envs, dtype=bool), np.zeros(env.num_envs)
    ended = np.zeros(env.num_envs, dtype=int)
    for _ in range(steps):
        actions = np.zeros((env.num_envs, 2))
        for row in np.flatnonzero(live):
            share, place = env._places[row]
            own = share.envs[place]
            way = own.get_oracle_subgoal(own.get_xy(), own.cur_goal_xy)[0] - own.get_xy()
            near = own.cur_goal_xy - own.get_xy()
            way = near if np.linalg.norm(near) < 2 else way
            actions[row] = way / (np.linalg.norm(way) + 1e-6)
        _, rewards, terminated, truncated = env.step(actions, active=live)
        paid += rewards
        ended += terminated
        live &= ~(terminated | truncated)
        if not live.any():
            break
    return paid, ended


@pytest.mark.parametrize("task", ["pointmaze-medium-singletask-task2-v0", "pointmaze-medium-v0"])
def test_an_episode_that_solves_its_task_pays_one_and_ends(task):
    env = make_env(task, 5, threads=1)
    env.reset(0)
    paid, ended = drive(env)
    assert paid.tolist() == ended.tolist() == [1] * 5
    goals = env.observations()[:, 2:]
    assert len(np.unique(goals.round(), axis=0)) == (5 if "singletask" not in task else 1)


def test_an_episode_is_cut_by_its_time_limit_and_pays_nothing():
    env = make_env("pointmaze-medium-v0", 2, threads=1)
    assert env.time_limit == 1000
    env.time_limit = 3
    env.reset(0)
    for step in range(1, 5):
        active = np.array([True, step > 1])
        _, rewards, terminated, truncated = env.step(np.zeros((2, 2)), active)
        assert not terminated.any()
        assert not rewards.any()
        assert truncated.tolist() == [step >= 3, step >= 4]


def test_starts_depend_on_the_seed_alone_and_leave_numpys_generator_as_it_was():
    env = make_env("pointmaze-medium-singletask-task1-v0", 2, threads=1)
    np.random.seed(4)  # noqa: NPY002
    first = env.reset([9, 9])
    drawn = np.random.uniform()  # noqa: NPY002
    np.random.seed(4)  # noqa: NPY002
    assert drawn == np.random.uniform()  # noqa: NPY002
    assert (first[0] == first[1]).all()
    assert (first != env.reset([8, 9])).any()
    np.testing.assert_array_equal(env.reset([9], indices=np.array([0]))[0], first[0])


@pytest.mark.parametrize("task", ["antmaze-medium-v0", "scene-singletask-task1-v0"])
def test_a_restored_batch_goes_on_identically(task):
    env, other = make_env(task, 2, threads=2), make_env(task, 2, threads=1)
    env.reset([1, 2])
    before = 70 if task.startswith("ant") else 15
    actions = actions_of(env, before + 15)
    for step, action in enumerate(actions[:before]):
        env.step(action, active=np.array([True, step > 4]))
    np.testing.assert_array_equal(other.restore(env.snapshot()), env.observations())
    assert other.elapsed.tolist() == [before, before - 5]
    for action in actions[before:]:
        for one, two in zip(env.step(action), other.step(action), strict=True):
            np.testing.assert_array_equal(one, two)


def test_refusals(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # where MuJoCo writes its log
    with pytest.raises(SyntherError, match="num_envs is 0"):
        make_env("pointmaze-medium-v0", 0)
    with pytest.raises(SyntherError, match="unknown task 'pointmaze-medium-v0'"):
        make_batched_env("pointmaze-medium-v0", 1)
    env = make_env("pointmaze-medium-v0", 1)
    with pytest.raises(SyntherError, match="actions have shape"):
        env.step(np.zeros((1, 3)))
    env.step(np.full((1, 2), np.nan))
    assert env.diverged.all()
    monkeypatch.setitem(__import__("sys").modules, "ogbench", None)
    with pytest.raises(SyntherError, match="pip install ogbench"):
        make_env("pointmaze-medium-v0", 1)
