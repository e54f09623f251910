"""Rendered tasks: the suite's own frames and rewards, however many processes render."""

from contextlib import closing

import numpy as np
import pytest

from synther import SyntherError
from synther.envs import make_env
from synther.envs import pixels as module
from synther.envs.pixels import SIZE, PixelEnv, find_backend

TASK = "dmc-walker-walk-repeat2"


@pytest.fixture(scope="module")
def backend():
    try:
        return find_backend()
    except SyntherError:
        pytest.skip("neither EGL nor OSMesa renders here")


@pytest.fixture(scope="module")
def two(backend):
    with closing(PixelEnv(TASK, 3, processes=2)) as env:
        yield env


def roll(env, steps=3):
    observations = [env.reset([1, 2, 3])]
    rewards = []
    for step in range(steps):
        actions = np.random.default_rng(step).uniform(-1, 1, (3, env.action_dim))
        seen = env.step(actions)
        observations.append(seen.observations)
        rewards.append(seen.rewards)
    return np.stack(observations), np.stack(rewards)


def test_frames_do_not_depend_on_the_processes(two):
    frames, rewards = roll(two)
    states = two.states.copy()
    with closing(PixelEnv(TASK, 3, processes=1)) as one:
        own, same = roll(one)
        np.testing.assert_array_equal(one.states, states)
    np.testing.assert_array_equal(frames, own)
    np.testing.assert_array_equal(rewards, same)


def test_stacks_rewards_and_states(two):
    frames, rewards = roll(two)
    assert frames.dtype == np.uint8
    assert frames.shape == (4, 3, 9, SIZE, SIZE)
    assert frames.std() > 10  # something is seen
    np.testing.assert_array_equal(frames[0, :, :3], frames[0, :, 6:])  # the first, three times
    np.testing.assert_array_equal(frames[0, :, :6], frames[0, :, 3:])
    np.testing.assert_array_equal(frames[1, :, :6], frames[0, :, 3:])
    np.testing.assert_array_equal(frames[3, :, :3], frames[1, :, 6:])
    assert (frames[1, :, 6:] != frames[0, :, 6:]).any()
    plain = make_env(TASK, 3)
    plain.reset([1, 2, 3])
    for step in range(3):
        actions = np.random.default_rng(step).uniform(-1, 1, (3, 6))
        states, expected, _, _ = plain.step(actions)
        np.testing.assert_array_equal(rewards[step], expected)
    np.testing.assert_array_equal(two.states, states)


def test_environments_left_out_stay_as_they_are(two):
    before = two.reset([4, 5, 6])
    seen = two.step(np.ones((3, 6)), active=np.array([False, True, False]))
    np.testing.assert_array_equal(seen.observations[[0, 2]], before[[0, 2]])
    assert (seen.observations[1] != before[1]).any()
    assert (seen.rewards[[0, 2]] == 0).all()
    again = two.reset([5], indices=np.array([1]))
    np.testing.assert_array_equal(again[1], before[1])


def test_misuse_is_named(two):
    with pytest.raises(SyntherError, match=r"actions have shape \(2, 6\)"):
        two.step(np.zeros((2, 6)))
    with pytest.raises(SyntherError, match="2 seeds for 3"):
        two.reset([1, 2])
    with pytest.raises(SyntherError, match="hopper can't be rendered"):
        PixelEnv("hopper", 1)
    with pytest.raises(SyntherError, match="num_envs is 0"):
        PixelEnv(TASK, 0)


def test_a_dead_process_is_an_error(backend):
    with closing(PixelEnv(TASK, 1)) as env:
        env._processes[0].kill()
        env._processes[0].wait()
        with pytest.raises(SyntherError, match="ended early"):
            env.reset([0])


def test_without_a_renderer_the_packages_are_named(monkeypatch):
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    monkeypatch.setattr(module, "_refusal", lambda backend: f"no {backend} here")
    find_backend.cache_clear()
    try:
        with pytest.raises(SyntherError) as caught:
            find_backend()
        for word in ("libegl1", "libosmesa6", "libgl1-mesa-dri", "no egl here", "no osmesa here"):
            assert word in str(caught.value)
        monkeypatch.setattr(module, "_refusal", lambda backend: "no" if backend == "egl" else None)
        assert find_backend() == "osmesa"
        find_backend.cache_clear()
        monkeypatch.setenv("MUJOCO_GL", "glfw")
        assert find_backend() == "glfw"
    finally:
        find_backend.cache_clear()


def test_a_backend_that_fails_says_why():
    assert "Error" in str(module._refusal("nonsense"))
