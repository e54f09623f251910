"""maze2d against mujoco-py's trajectories, and its rules by hand."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from synther.envs import make_env, maze2d
from synther.envs.maze2d import FREE, GOAL, WALL, Maze2d, cells

MAZES = {f"maze2d-{name}": Maze2d(name) for name in maze2d.MAZES}


@pytest.fixture(scope="module")
def episodes(recordings):
    with np.load(recordings / "maze2d-umaze-v1.npz") as archive:
        names = ("actions", "observations", "rewards")
        count = sum(name.endswith("/actions") for name in archive.files)
        np.testing.assert_array_equal(archive["target"], Maze2d("umaze").target)
        return [{name: archive[f"{k}/{name}"] for name in names} for k in range(count)]


def place(env, observations):
    env.set_state(observations[:, :2], observations[:, 2:])


def test_one_step_is_mujoco_py_s(episodes):
    env = make_env("maze2d-umaze", 300, threads=1)
    touched = 0
    for episode in episodes:
        place(env, episode["observations"][:-1])
        observations, rewards, terminated, _ = env.step(episode["actions"])
        np.testing.assert_allclose(observations, episode["observations"][1:], rtol=0, atol=1e-9)
        np.testing.assert_array_equal(rewards, episode["rewards"])
        assert not terminated.any()
        # Away from walls the motor and the damping alone change a velocity, by the implicit rule.
        mass, dt = env.model.body_mass[1], 0.01
        speed = np.clip(episode["observations"][:-1, 2:], -5, 5)
        free = (mass * speed + dt * 100 * episode["actions"]) / (mass + dt)
        touched += (np.abs(free - env.qvel).max(axis=1) > 1e-6).sum()
    assert 100 < touched < 1700  # contacts included, and not everywhere


def test_whole_trajectories_are_mujoco_py_s(episodes):
    env = make_env("maze2d-umaze", len(episodes), threads=1)
    place(env, np.stack([e["observations"][0] for e in episodes]))
    for t in range(300):
        observations, rewards, _, truncated = env.step(
            np.stack([e["actions"][t] for e in episodes])
        )
        expected = np.stack([e["observations"][t + 1] for e in episodes])
        np.testing.assert_allclose(observations, expected, rtol=0, atol=1e-7)
        np.testing.assert_array_equal(rewards, [e["rewards"][t] for e in episodes])
        assert (truncated == (t == 299)).all()


def test_both_corrections_are_needed(episodes):
    errors = {}
    for name in ("both", "margin", "neither"):
        env = make_env("maze2d-umaze", 300, "stock" if name == "neither" else "d4rl", 1)
        if name == "margin":
            env.model.body_invweight0[1, 0] = 1 / env.model.body_mass[1]
        errors[name] = 0.0
        for episode in episodes:
            place(env, episode["observations"][:-1])
            found = env.step(episode["actions"])[0]
            errors[name] = max(errors[name], np.abs(found - episode["observations"][1:]).max())
    assert errors["both"] < 1e-9
    assert errors["margin"] > 1e-3
    assert errors["neither"] > errors["margin"]


@pytest.mark.parametrize("task", MAZES)
def test_model(task):
    """Numbers of D4RL's model, by hand."""
    model = make_env(task, 1, physics="stock", threads=1).model
    walls = cells(MAZES[task].layout, WALL)
    assert (model.nq, model.nv, model.nu, model.ngeom) == (2, 2, 2, len(walls) + 2)
    assert (model.opt.timestep, model.opt.iterations) == (0.01, 20)
    assert model.opt.integrator == mujoco.mjtIntegrator.mjINT_EULER
    np.testing.assert_array_equal(model.opt.gravity, 0)
    np.testing.assert_allclose(model.body_mass[1], 1000 * 4 / 3 * np.pi * 0.1**3)
    np.testing.assert_array_equal(model.body_pos[1], [1.2, 1.2, 0])
    np.testing.assert_array_equal(model.dof_damping, [1, 1])
    np.testing.assert_array_equal(model.jnt_axis, [[1, 0, 0], [0, 1, 0]])
    np.testing.assert_array_equal(model.actuator_gear[:, 0], [100, 100])
    np.testing.assert_array_equal(model.geom_margin, 0.002)
    np.testing.assert_array_equal(model.geom_condim, 1)
    np.testing.assert_array_equal(model.geom_friction, [[0.5, 0.1, 0.1]] * model.ngeom)
    for (i, j), kind in {("ground", ""): (1, 0), ("particle_geom", ""): (1, 1)}.items():
        geom = model.geom(i + j)
        assert (geom.contype[0], geom.conaffinity[0]) == kind
    np.testing.assert_array_equal(model.geom("particle_geom").size, [0.1, 0, 0])
    for i, j in walls:
        geom = model.geom(f"wall_{i}_{j}")
        assert (geom.contype[0], geom.conaffinity[0]) == (2, 1)
        np.testing.assert_array_equal(geom.pos, [i + 1, j + 1, 0])
        np.testing.assert_array_equal(geom.size, [0.5, 0.5, 0.2])


@pytest.mark.parametrize(
    ("task", "shape", "target", "free"),
    [
        ("maze2d-umaze", (5, 5), (1, 1), 7),
        ("maze2d-medium", (8, 8), (6, 6), 26),
        ("maze2d-large", (9, 12), (7, 9), 46),
    ],
)
def test_mazes(task, shape, target, free):
    rows = MAZES[task].layout.split()
    assert (len(rows), *{len(row) for row in rows}) == shape
    assert tuple(make_env(task, 1, threads=1).task.target) == target
    assert len(cells(MAZES[task].layout, FREE + GOAL)) == free
    border = [*rows[0], *rows[-1], *(row[0] for row in rows), *(row[-1] for row in rows)]
    assert set(border) == {WALL}


def test_rewards_are_sparse():
    env = make_env("maze2d-umaze", 4, threads=1)
    env.set_state(np.array([[1.0, 1.5], [1.0, 1.5001], [1.3, 1.4], [3.0, 1.0]]), np.zeros((4, 2)))
    assert env.step(np.zeros((4, 2)))[1].tolist() == [1, 0, 1, 0]


def test_the_reward_is_that_of_where_the_step_leads():
    env = make_env("maze2d-umaze", 1, threads=1)
    env.set_state(np.array([[1.0, 1.52]]), np.array([[0.0, -4.0]]))
    assert env.step(np.zeros((1, 2)))[1].tolist() == [1.0]


def test_velocities_are_clipped_before_the_step():
    env = make_env("maze2d-umaze", 2, threads=1)
    env.set_state(np.full((2, 2), [1.0, 2.0]), np.array([[0, 9.0], [0, 5.0]]))
    observations, *_ = env.step(np.zeros((2, 2)))
    np.testing.assert_array_equal(observations[0], observations[1])
    assert 4.9 < observations[0, 3] < 5
    env.set_state(np.full((2, 2), [1.0, 2.0]), np.array([[0, 9.0], [0, 9.0]]))
    observations, *_ = env.step(np.zeros((2, 2)), active=np.array([True, False]))
    assert observations[0, 3] < 5
    assert observations[1, 3] == 9.0


@pytest.mark.parametrize("task", MAZES)
def test_starts_cover_all_free_cells(task):
    env = make_env(task, 600, threads=1)
    observations = env.reset(0)
    nearest = np.rint(observations[:, :2])
    found = {tuple(cell) for cell in nearest.astype(int).tolist()}
    assert found == {tuple(c) for c in cells(MAZES[task].layout, FREE + GOAL).tolist()}
    assert np.abs(observations[:, :2] - nearest).max() <= 0.1
    np.testing.assert_allclose(observations[:, 2:].std(), 0.1, rtol=0.1)
    # No start is inside a wall: nothing is pushed out.
    after, *_ = env.step(np.zeros((600, 2)))
    assert np.abs(after - observations).max() < 0.05
