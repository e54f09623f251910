"""The three robots against mujoco-py's trajectories, D4RL's files and Gymnasium's environments."""

from __future__ import annotations

import sys
from types import ModuleType

import gymnasium
import h5py
import mujoco
import numpy as np
import pytest

from synther.envs import make_env
from synther.envs.locomotion import Walker2d

TASKS = {"hopper": "Hopper", "halfcheetah": "HalfCheetah", "walker2d": "Walker2d"}
RECORDED = ("hopper", "halfcheetah")


def trajectories(recordings, task):
    """Return the episodes of a task's mujoco-py recording."""
    with np.load(recordings / f"{TASKS[task]}-v2.npz") as archive:
        names = ("actions", "observations", "rewards", "terminals", "qpos", "qvel")
        count = sum(name.endswith("/actions") for name in archive.files)
        return [{name: archive[f"{k}/{name}"] for name in names} for k in range(count)]


def step_from(env, qpos, qvel, actions):
    env.set_state(qpos, qvel)
    return env.step(actions)


@pytest.mark.parametrize("task", RECORDED)
def test_one_step_is_mujoco_py_s(recordings, task):
    env = make_env(task, 200, threads=1)
    for episode in trajectories(recordings, task):
        qpos, qvel = episode["qpos"], episode["qvel"]
        np.testing.assert_array_equal(env.task.observe(qpos, qvel), episode["observations"])
        observations, rewards, terminated, _ = step_from(
            env, qpos[:-1], qvel[:-1], episode["actions"]
        )
        np.testing.assert_allclose(env.qpos, qpos[1:], rtol=0, atol=1e-9)
        np.testing.assert_allclose(env.qvel, qvel[1:], rtol=0, atol=1e-9)
        np.testing.assert_allclose(observations, episode["observations"][1:], rtol=0, atol=1e-9)
        np.testing.assert_allclose(rewards, episode["rewards"], rtol=0, atol=1e-9)
        np.testing.assert_array_equal(terminated, episode["terminals"])


def test_whole_hopper_trajectories_are_mujoco_py_s(recordings):
    episodes = trajectories(recordings, "hopper")
    env = make_env("hopper", len(episodes), threads=1)
    env.set_state(
        np.stack([e["qpos"][0] for e in episodes]), np.stack([e["qvel"][0] for e in episodes])
    )
    for t in range(200):  # past terminals, as the recording does
        env.step(np.stack([e["actions"][t] for e in episodes]))
        expected = np.stack([e["qpos"][t + 1] for e in episodes])
        np.testing.assert_allclose(env.qpos, expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("task", RECORDED)
def test_stock_physics_is_not_what_was_recorded(recordings, task):
    episode = trajectories(recordings, task)[0]
    env = make_env(task, 200, physics="stock", threads=1)
    step_from(env, episode["qpos"][:-1], episode["qvel"][:-1], episode["actions"])
    assert np.median(np.abs(env.qvel - episode["qvel"][1:]).max(axis=1)) > 1e-3


@pytest.mark.parametrize("task", RECORDED)
def test_one_step_is_that_of_d4rl_s_files(shared, task):
    with h5py.File(shared / f"d4rl/slices/{task}/{task}_medium-v2.hdf5") as file:
        rows = {
            name: file[name][()]
            for name in ("observations", "actions", "rewards", "next_observations", "terminals")
        }
        qpos, qvel = file["infos/qpos"][()], file["infos/qvel"][()]
    # Hopper's infos/qvel is clipped as its observations are: at the clip the state is not known.
    known = np.ones(len(qpos), bool) if task == "halfcheetah" else (np.abs(qvel) < 10).all(axis=1)
    assert known.sum() > 700
    env = make_env(task, len(qpos), threads=1)
    observations, rewards, terminated, _ = step_from(env, qpos, qvel, rows["actions"])
    np.testing.assert_array_equal(
        env.task.observe(qpos, qvel)[known].astype(np.float32), rows["observations"][known]
    )
    # States and actions are rounded to float32, and a step, above all one with contacts, makes
    # more of that.
    errors = np.abs(observations - rows["next_observations"]).max(axis=1)[known]
    assert np.median(errors) < 1e-6
    assert errors.max() < (2e-6 if task == "hopper" else 1e-4)
    assert np.abs(rewards - rows["rewards"])[known].max() < 2e-6
    np.testing.assert_array_equal(terminated[known], rows["terminals"][known])


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.filterwarnings("ignore:.*is out of date:DeprecationWarning")
def test_stock_physics_is_gymnasium_s(task, monkeypatch):
    # Gymnasium's environments import it to save pictures.
    monkeypatch.setitem(sys.modules, "imageio", ModuleType("imageio"))
    n = 60
    env = make_env(task, n, physics="stock", threads=1)
    reference = gymnasium.make(f"{TASKS[task]}-v4").unwrapped
    generator = np.random.default_rng(0)
    env.reset(0)
    for _ in range(20):  # states with contacts, falls among them
        env.step(generator.uniform(-1, 1, (n, env.action_dim)))
    qpos, qvel = env.qpos.copy(), env.qvel.copy()
    actions = generator.uniform(-1, 1, (n, env.action_dim))
    observations, rewards, terminated, _ = env.step(actions)
    for k in range(n):
        reference.reset(seed=0)
        reference.set_state(qpos[k], qvel[k])
        np.testing.assert_array_equal(
            reference.unwrapped._get_obs(), env.task.observe(qpos[k : k + 1], qvel[k : k + 1])[0]
        )
        observation, reward, terminal, _, _ = reference.step(actions[k])
        # A reset clears the solver's warm start, so that both solve from rest.
        np.testing.assert_allclose(observations[k], observation, rtol=0, atol=1e-11)
        np.testing.assert_allclose(rewards[k], reward, rtol=0, atol=1e-11)
        assert terminated[k] == terminal
    if task != "halfcheetah":
        assert 0 < terminated.sum() < n


@pytest.mark.parametrize("task", TASKS)
def test_starts_are_those_of_gym(task):
    env = make_env(task, 400, threads=1)
    env.reset(0)
    model = env.model
    noise = 0.1 if task == "halfcheetah" else 0.005
    offsets = env.qpos - model.qpos0
    assert np.abs(offsets).max() <= noise
    np.testing.assert_allclose(offsets.std(axis=0), noise / np.sqrt(3), rtol=0.15)
    if task == "halfcheetah":
        np.testing.assert_allclose(env.qvel.std(axis=0), noise, rtol=0.15)
        assert np.abs(env.qvel).max() > noise
    else:
        assert np.abs(env.qvel).max() <= noise


def cylinder(radius, half_length, density):
    """Return mass, and inertias across and along the axis, of a solid cylinder."""
    mass = density * np.pi * radius**2 * 2 * half_length
    across = mass * (3 * radius**2 + (2 * half_length) ** 2) / 12
    return mass, across, mass * radius**2 / 2


def test_walker2d_s_capsules_are_weighed_as_longer_cylinders():
    """Walker2d has no recording: its masses and inertias against the closed form."""
    plain = Walker2d().spec().copy().compile()
    model = make_env("walker2d", 1, threads=1).model
    density = 1000.0
    checked = 0
    for body in range(1, model.nbody):
        geoms = np.flatnonzero(plain.geom_bodyid == body)
        assert len(geoms) == 1
        assert plain.geom_type[geoms[0]] == mujoco.mjtGeom.mjGEOM_CAPSULE
        radius, half_length = plain.geom_size[geoms[0], :2]
        mass, across, along = cylinder(radius, half_length + radius / 2, density)
        np.testing.assert_allclose(model.body_mass[body], mass, rtol=1e-12)
        np.testing.assert_allclose(
            np.sort(model.body_inertia[body]), np.sort([across, across, along]), rtol=1e-9
        )
        np.testing.assert_allclose(model.body_ipos[body], plain.geom_pos[geoms[0]], atol=1e-12)
        # The principal axis of the odd moment lies along the capsule.
        odd = np.argmin(np.abs(model.body_inertia[body] - along))
        frames = [np.zeros(9), np.zeros(9)]
        mujoco.mju_quat2Mat(frames[0], model.body_iquat[body])
        mujoco.mju_quat2Mat(frames[1], plain.geom_quat[geoms[0]])
        axis = frames[0].reshape(3, 3)[:, odd] @ frames[1].reshape(3, 3)[:, 2]
        np.testing.assert_allclose(np.abs(axis), 1.0, atol=1e-9)
        # A capsule of the same radius has round ends: it weighs more by a third of a radius.
        assert plain.body_mass[body] > model.body_mass[body]
        checked += 1
    assert checked == 7
    np.testing.assert_array_equal(model.geom_margin, plain.geom_margin / 2)


def test_halfcheetah_keeps_its_total_mass():
    for physics in ("d4rl", "stock"):
        np.testing.assert_allclose(
            make_env("halfcheetah", 1, physics).model.body_mass.sum(), 14.0, rtol=1e-12
        )
