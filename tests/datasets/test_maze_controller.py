"""maze2d's waypoint controller, and the datasets that it collects by D4RL's recipe."""

from __future__ import annotations

from collections import deque

import h5py
import numpy as np
import pytest

from synther.datasets.collect import collect
from synther.datasets.d4rl import load_transitions
from synther.datasets.maze_controller import (
    WaypointController,
    drive,
    next_cells,
)
from synther.envs import make_env
from synther.envs.maze2d import FREE, GOAL, MAZES, cells
from synther.errors import SyntherError


def distances(free, start):
    """Return steps from a cell to all others, by breadth-first search."""
    known, queue = {start: 0}, deque([start])
    while queue:
        i, j = queue.popleft()
        for cell in ((i + 1, j), (i - 1, j), (i, j + 1), (i, j - 1)):
            if cell in free and cell not in known:
                known[cell] = known[i, j] + 1
                queue.append(cell)
    return known


@pytest.mark.parametrize("maze", MAZES.values())
def test_ways_are_shortest(maze):
    free = [tuple(cell) for cell in cells(maze, FREE + GOAL).tolist()]
    following = next_cells(maze)
    for t, target in enumerate(free):
        steps = distances(set(free), target)
        assert len(steps) == len(free)
        for s, cell in enumerate(free):
            assert steps[free[following[t, s]]] == max(steps[cell] - 1, 0)


def test_action_pulls_to_the_waypoint_and_damps():
    controller = WaypointController(MAZES["umaze"], 1, np.random.default_rng(0))
    positions, velocities = np.array([[1.0, 1.0]]), np.array([[0.3, -0.2]])
    controller._plan(0, positions[0], np.array([1, 2]))
    actions, reached = controller.act(np.array([[1.02, 1.95]]), velocities)
    np.testing.assert_allclose(actions, [[-0.2 - 0.3, 0.5 + 0.2]])
    assert not reached.any()  # the first step of a way that is this long counts as fast
    _, reached = controller.act(np.array([[1.02, 1.95]]), velocities)
    assert reached.all()
    actions, _ = controller.act(np.array([[1.0, 1.0]]), velocities)
    np.testing.assert_allclose(actions, [[-0.3, 1.0]])  # clipped


@pytest.mark.parametrize("task", ["maze2d-umaze", "maze2d-medium", "maze2d-large"])
def test_every_target_is_reached(task):
    env = make_env(task, 4, threads=1)
    controller = WaypointController(env.task.layout, 4, np.random.default_rng(1))
    observations = env.reset(0)
    controller.new_targets(np.arange(4), observations[:, :2])
    arrivals = np.zeros(4, dtype=int)
    for _ in range(1500):
        actions, reached = controller.act(observations[:, :2], observations[:, 2:])
        at = controller.targets[reached]
        assert (np.linalg.norm(observations[reached, :2] - at, axis=1) < 0.1).all()
        arrivals += reached
        observations = env.step(actions)[0]
        controller.new_targets(np.flatnonzero(reached), observations[:, :2])
    assert (arrivals >= 3).all()


@pytest.fixture(scope="module")
def collected():
    return drive("maze2d-umaze", 9001, 0, threads=1)


def test_rows_are_transitions_of_the_environment(collected):
    n = 9001
    assert {len(column) for column in collected.values()} == {n}
    env = make_env("maze2d-umaze", n, threads=1)
    env.set_state(collected["infos/qpos"], collected["infos/qvel"])
    observations, _, _, _ = env.step(collected["actions"])
    np.testing.assert_array_equal(observations.astype(np.float32), collected["next_observations"])
    np.testing.assert_array_equal(
        np.concatenate([collected["infos/qpos"], collected["infos/qvel"]], 1).astype(np.float32),
        collected["observations"],
    )
    assert np.abs(collected["actions"]).max() <= 1


def test_runs_follow_one_another_without_resets_within(collected):
    """9,001 rows are four runs of 2,251, the last one cut."""
    joined = (collected["next_observations"][:-1] == collected["observations"][1:]).all(axis=1)
    assert np.flatnonzero(~joined).tolist() == [2250, 4501, 6752]
    assert collected["timeouts"][~np.append(joined, False)].all()
    starts = collected["observations"][[0, 2251, 4502, 6753]]
    np.testing.assert_array_equal(np.abs(starts[:, :2] - np.rint(starts[:, :2])) <= 0.1, True)


def test_timeouts_mark_new_targets_and_nothing_is_terminal(collected):
    assert not collected["terminals"].any()
    gaps = np.diff(np.flatnonzero(collected["timeouts"]))
    assert gaps.max() <= 301
    assert 40 < np.mean(gaps) < 120  # D4RL's file: about 80


def test_rewards_are_those_of_the_rows_own_observations(collected):
    distance = np.linalg.norm(collected["observations"][:, :2] - [1, 1], axis=1)
    np.testing.assert_array_equal(collected["rewards"], distance <= 0.5)
    assert 0.02 < collected["rewards"].mean() < 0.3


def test_the_seed_decides(collected):
    again, other = drive("maze2d-umaze", 500, 3), drive("maze2d-umaze", 500, 4)
    same = drive("maze2d-umaze", 500, 3, threads=1)
    for name, column in again.items():
        np.testing.assert_array_equal(column, same[name])
    assert not np.array_equal(again["observations"], other["observations"])


def test_collect_writes_a_file_that_d4rl_s_readers_take(tmp_path, capsys):
    path = tmp_path / "maze.hdf5"
    metadata = collect("maze2d-medium", "waypoint", 4000, path, seed=1, threads=1)
    assert metadata["algorithm"] == "waypoint controller"
    transitions = load_transitions(path, time_limit=600)
    with h5py.File(path) as file:
        timeouts, rewards = file["timeouts"][()], file["rewards"][()]
        assert len(rewards) == 4000
        assert file["metadata/level"][()] == b"waypoint"
    assert len(transitions.rewards) == (~timeouts[:-1]).sum()
    assert float(metadata["mean_return"]) == pytest.approx(rewards.mean() * 600, abs=0.06)
    # Every transition that a reader sees is real: no run's end is joined to the next one's start.
    step = transitions.next_observations[:, :2] - transitions.observations[:, :2]
    assert np.abs(step).max() < 0.06


def test_levels_and_tasks_must_fit(tmp_path):
    with pytest.raises(SyntherError, match="level 'waypoint' is for maze2d"):
        collect("hopper", "waypoint", 100, tmp_path / "a.hdf5")
    with pytest.raises(SyntherError, match="unknown level 'waypint'; did you mean waypoint"):
        collect("maze2d-umaze", "waypint", 100, tmp_path / "a.hdf5")
    random = collect("maze2d-umaze", "random", 400, tmp_path / "random.hdf5", threads=1)
    assert random["algorithm"] == "random"
