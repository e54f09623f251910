"""AntMaze against mujoco-py's trajectories and D4RL's model, and its goals."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from synther.envs import antmaze, make_env
from synther.envs.antmaze import GOAL, WALL, AntMaze

MAZES = {f"antmaze-{name}": AntMaze(name) for name in antmaze.MAZES}


def at(env, xy):
    """Put every ant upright at (x, y) (N, 2)."""
    qpos = np.tile(env.model.qpos0, (env.num_envs, 1))
    qpos[:, :2] = xy
    env.set_state(qpos, np.zeros((env.num_envs, env.model.nv)))


def test_one_step_is_mujoco_py_s(recordings):
    errors = []
    env = make_env("antmaze-umaze", 200, threads=1)
    with np.load(recordings / "antmaze-umaze-v2.npz") as archive:
        for k in range(sum(name.endswith("/actions") for name in archive.files)):
            qpos, qvel = archive[f"{k}/qpos"], archive[f"{k}/qvel"]
            env.set_state(qpos[:-1], qvel[:-1])
            env.goals[:] = archive[f"{k}/goal"]
            observations, rewards, terminated, _ = env.step(archive[f"{k}/actions"])
            errors.append(np.abs(observations - archive[f"{k}/observations"][1:]).max(axis=1))
            np.testing.assert_array_equal(
                archive[f"{k}/observations"][1:], np.concatenate([qpos, qvel], axis=1)[1:]
            )
            np.testing.assert_array_equal(rewards, archive[f"{k}/rewards"])
            np.testing.assert_array_equal(terminated, archive[f"{k}/terminals"])
            offset = archive[f"{k}/goal"] - env.task.target
            assert (offset >= 0).all()
            assert (offset <= 1.5).all()
    assert np.median(errors) < 1e-12
    assert np.max(errors) < 1e-5


@pytest.mark.parametrize("task", MAZES)
def test_model(task):
    """Numbers of D4RL's ant.xml, by hand."""
    env = make_env(task, 1, physics="stock", threads=1)
    model = env.model
    assert (model.nq, model.nv, model.nu, env.task.frame_skip) == (15, 14, 8, 5)
    assert model.opt.timestep == 0.02
    assert model.opt.integrator == mujoco.mjtIntegrator.mjINT_RK4
    names = [model.joint(model.actuator_trnid[i, 0]).name for i in range(8)]
    order = (4, 1, 2, 3)
    assert names == [f"{part}_{leg}" for leg in order for part in ("hip", "ankle")]
    # 30 at full action, whether by range or by gear.
    torque = model.actuator_ctrlrange * model.actuator_gear[:, :1]
    np.testing.assert_array_equal(torque, [[-30, 30]] * 8)
    np.testing.assert_array_equal(model.dof_armature, [0] * 6 + [1] * 8)
    np.testing.assert_array_equal(model.dof_damping, [0] * 6 + [1] * 8)
    ranges = [(-30, 30), (30, 70), (-30, 30), (-70, -30), (-30, 30), (-70, -30), (-30, 30)]
    np.testing.assert_allclose(np.rad2deg(model.jnt_range[1:]), [*ranges, (30, 70)])
    assert model.jnt_limited.tolist() == [0] + [1] * 8
    n = model.ngeom
    np.testing.assert_array_equal(model.geom_condim, 3)
    np.testing.assert_array_equal(model.geom_margin, 0.01)
    np.testing.assert_array_equal(model.geom_friction, [[1, 0.5, 0.5]] * n)
    np.testing.assert_array_equal(model.geom_solref, [[0.02, 1]] * n)
    np.testing.assert_array_equal(model.geom_solimp[:, :3], [[0.8, 0.8, 0.01]] * n)
    assert (model.geom("floor").conaffinity[0], model.geom("torso_geom").conaffinity[0]) == (1, 0)
    sphere = 5 * 4 / 3 * np.pi * 0.25**3
    np.testing.assert_allclose(model.body("torso").mass[0], sphere, rtol=1e-9)


@pytest.mark.parametrize("task", MAZES)
def test_walls(task):
    env = make_env(task, 1, threads=1)
    rows = MAZES[task].layout.split()
    count = 0
    for i, row in enumerate(rows):
        for j, kind in enumerate(row):
            if kind == WALL:
                geom = env.model.geom(f"block_{i}_{j}")
                np.testing.assert_array_equal(geom.pos, [4 * j - 4, 4 * i - 4, 1])
                np.testing.assert_array_equal(geom.size, [2, 2, 1])
                assert (geom.contype[0], geom.conaffinity[0]) == (1, 1)
                count += 1
            elif kind == GOAL:
                np.testing.assert_array_equal(env.task.target, [4 * j - 4, 4 * i - 4])
    assert sum(env.model.geom_type == mujoco.mjtGeom.mjGEOM_BOX) == count


@pytest.mark.parametrize("task", MAZES)
def test_every_episode_has_a_goal_of_its_own(task):
    env = make_env(task, 400, threads=1)
    env.reset(0)
    offsets = env.goals - env.task.target
    assert (offsets >= 0).all()
    assert (offsets <= 1.5).all()
    # The sum of uniform(0, 1) and uniform(0, 0.5).
    np.testing.assert_allclose(offsets.mean(axis=0), 0.75, atol=0.05)
    np.testing.assert_allclose(offsets.var(axis=0), (1 + 0.25) / 12, rtol=0.2)
    first = env.goals.copy()
    env.reset(400)
    assert (env.goals != first).all()
    env.reset(0)
    np.testing.assert_array_equal(env.goals, first)


def test_the_goal_ends_the_episode_and_a_fall_does_not():
    env = make_env("antmaze-umaze", 3, threads=1)
    env.reset(0)
    at(env, env.goals + np.array([[0.3, 0.3], [0.6, 0.0], [0.0, 0.45]]))
    _, rewards, terminated, _ = env.step(np.zeros((3, 8)))
    assert rewards.tolist() == [1, 0, 1]
    assert terminated.tolist() == [True, False, True]
    qpos = np.tile(env.model.qpos0, (3, 1))
    qpos[:, 2:7] = [0.3, 0, 1, 0, 0]  # on its back
    env.set_state(qpos, np.zeros((3, 14)))
    _, rewards, terminated, _ = env.step(np.zeros((3, 8)))
    assert not terminated.any()
    assert not rewards.any()
    env.elapsed[:] = [698, 699, 0]
    assert env.step(np.zeros((3, 8)))[3].tolist() == [False, True, False]


def test_goals_of_some_are_judged_by_their_own():
    env = make_env("antmaze-umaze", 2, threads=1)
    env.reset(0)
    env.goals[:] = [[0.0, 0.0], [4.0, 0.0]]
    at(env, np.array([4.0, 0.0]))
    _, rewards, _, _ = env.step(np.zeros((2, 8)), active=np.array([False, True]))
    assert rewards.tolist() == [0, 1]


def test_starts():
    env = make_env("antmaze-umaze", 300, threads=1)
    observations = env.reset(0)
    assert np.abs(observations[:, :2]).max() <= 0.1
    assert np.abs(observations[:, 2] - 0.75).max() <= 0.1
    np.testing.assert_allclose(np.linalg.norm(observations[:, 3:7], axis=1), 1, rtol=1e-12)
    assert np.abs(observations[:, 7:15]).max() <= 0.1
    np.testing.assert_allclose(observations[:, 15:].std(), 0.1, rtol=0.05)
