"""OGBench's files: read and relabelled as its package does, fetched, and stood in for."""

from unittest import mock

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from synther import config
from synther.datasets import dataset_path, load_dataset
from synther.datasets import ogbench as ours
from synther.datasets.belonging import belonging
from synther.datasets.collect import collect
from synther.datasets.d4rl import load_transitions
from synther.datasets.hdf5_writer import write_d4rl_hdf5
from synther.envs.ogbench import load
from synther.errors import SyntherError

package = pytest.importorskip("ogbench", reason="OGBench's package is not installed")


POINT = "pointmaze-medium-singletask-task4-v0"
SCENE = "scene-singletask-task2-v0"


@pytest.fixture(scope="module")
def environments():
    return {task: load(task) for task in (POINT, SCENE)}


def contents(task, env, lengths, seed):
    """Return a file's arrays, with states around what solves the task in a part of the rows."""
    generator = np.random.default_rng(seed)
    rows, (d, a) = sum(lengths), config.load("datasets")["tasks"][task]["dimensions"]
    env.reset(seed=0)
    qpos = np.tile(env.data.qpos, (rows, 1)) + generator.normal(0, 0.02, (rows, env.model.nq))
    arrays = {"observations": generator.normal(size=(rows, d)), "qpos": qpos}
    if task == POINT:
        arrays["qpos"] = env.cur_goal_xy + generator.normal(0, 1.0, (rows, 2))
    else:
        arrays["button_states"] = generator.integers(0, 2, (rows, 2))
    arrays["actions"] = generator.uniform(-1, 1, (rows, a))
    arrays["qvel"] = generator.normal(size=(rows, env.model.nv))
    terminals = np.zeros(rows, dtype=bool)
    terminals[np.cumsum(lengths) - 1] = True
    types = {"button_states": np.int64}
    return {k: v.astype(types.get(k, np.float32)) for k, v in arrays.items()} | {
        "terminals": terminals
    }


def write(folder, arrays, name="file.npz"):
    for path in (folder / name, folder / name.replace(".npz", "-val.npz")):
        np.savez(path, **arrays)  # the package reads both
    return folder / name


@pytest.mark.parametrize("task", [POINT, SCENE])
@given(lengths=st.lists(st.integers(2, 9), min_size=1, max_size=4), seed=st.integers(0, 99))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_file_is_read_and_relabelled_as_the_package_does(
    task, lengths, seed, environments, tmp_path_factory
):
    env, folder = environments[task], tmp_path_factory.mktemp("files")
    path = write(folder, contents(task, env, lengths, seed))
    level = "navigate" if task == POINT else "play"
    name = task.replace("-singletask", f"-{level}-singletask")
    theirs, _ = package.make_env_and_datasets(
        name, dataset_path=str(path), dataset_only=True, cur_env=env
    )
    with mock.patch.object(ours, "load", environments.get):  # a second a time
        write_d4rl_hdf5(folder / "ours.hdf5", ours.columns(path, task), {"task": task}, None)
    found = load_transitions(folder / "ours.hdf5")
    assert len(found) == len(theirs["rewards"]) == sum(lengths) - len(lengths)
    for key in ("observations", "actions", "rewards", "next_observations"):
        np.testing.assert_array_equal(getattr(found, key), theirs[key], err_msg=key)
    np.testing.assert_array_equal(found.terminals, 1 - theirs["masks"])


def test_a_task_that_shows_its_goal_has_trajectories_and_no_rewards(environments, tmp_path):
    path = write(tmp_path, contents(POINT, environments[POINT], [4, 6], 0))
    found = ours.columns(path, "pointmaze-medium-v0")
    assert not found["rewards"].any()
    assert not found["terminals"].any()
    assert np.flatnonzero(found["timeouts"]).tolist() == [3, 9]


def test_fetching_gives_a_file_its_tasks_rewards_once(environments, tmp_path, monkeypatch):
    mirror, root = tmp_path / "mirror", tmp_path / "data"
    mirror.mkdir()
    arrays = contents(POINT, environments[POINT], [30, 30], 1)
    write(mirror, arrays, "pointmaze-medium-navigate-v0.npz")
    monkeypatch.setenv("SYNTHER_MIRROR", str(mirror))
    name = "pointmaze-medium-navigate-singletask-task4-v0"
    transitions = load_dataset(name, root)
    assert len(transitions) == 58
    assert 0 < transitions.terminals.sum() < 58
    path = dataset_path(name, root)
    assert path == root / "ogbench" / f"{name}.hdf5"
    assert belonging(path) == (POINT, True)
    monkeypatch.setenv("SYNTHER_MIRROR", str(tmp_path / "empty"))  # its file is there already
    other = dataset_path("pointmaze-medium-navigate-v0", root)
    with h5py.File(other) as file:
        assert not file["rewards"][:].any()
    assert len(list((root / "ogbench/raw").iterdir())) == 1


def test_what_is_no_such_file_is_refused_with_a_remedy(environments, tmp_path):
    arrays = contents(POINT, environments[POINT], [5, 5], 2)
    damaged = tmp_path / "damaged.npz"
    damaged.write_bytes(write(tmp_path, arrays).read_bytes()[:-40])
    without = write(tmp_path, {k: v for k, v in arrays.items() if k != "qpos"}, "without.npz")
    open_end = write(tmp_path, arrays | {"terminals": np.zeros(10, dtype=bool)}, "open.npz")
    short = write(tmp_path, arrays | {"actions": arrays["actions"][:7]}, "short.npz")
    other = write(tmp_path, arrays, "other.npz")
    for path, task, words in (
        (damaged, POINT, "can't be read as a file of OGBench's"),
        (tmp_path / "missing.npz", POINT, "missing.npz can't be read"),
        (without, POINT, "qpos"),
        (open_end, POINT, "ends within a trajectory"),
        (short, POINT, "actions have shape"),
        (other, "antmaze-medium-v0", "another environment"),
    ):
        with pytest.raises(SyntherError, match=words):
            ours.columns(path, task)


def test_the_stand_in_follows_the_benchmarks_recipe(tmp_path):
    out, again = tmp_path / "a.hdf5", tmp_path / "b.hdf5"
    metadata = collect(POINT, "navigate", 2500, out, seed=3)
    collect(POINT, "navigate", 2500, again, seed=3)
    assert out.read_bytes() == again.read_bytes()
    assert metadata["algorithm"] == "navigate controller"
    with h5py.File(out) as file:
        assert np.flatnonzero(file["timeouts"][:]).tolist() == [1000, 2001, 2499]
        positions, actions = file["observations"][:], file["actions"][:]
        np.testing.assert_array_equal(positions, file["infos/qpos"][:].astype(np.float32))
    moved = np.linalg.norm(np.diff(positions[:1000], axis=0), axis=1)
    assert 0.05 < moved.mean() < 0.3
    assert moved.max() < 0.4
    assert np.abs(actions).max() == 1
    assert 0.4 < actions.std() < 0.9
    env = load(POINT)
    visited = {env.xy_to_ij(position) for position in positions}
    assert all(env.maze_map[cell] == 0 for cell in visited)
    assert len(visited) > 12


def test_only_points_navigate():
    with pytest.raises(SyntherError, match="pointmaze tasks, not in 'scene-v0'"):
        collect("scene-v0", "navigate", 100, "x.hdf5")


def test_goals_are_drawn_where_ways_meet_or_end():
    env = load("pointmaze-medium-v0")
    cells = ours._junctions(env.maze_map)
    assert (1, 1) in cells
    assert (6, 6) in cells
    assert (3, 2) in cells
    assert (4, 4) in cells
    assert all(env.maze_map[cell] == 0 for cell in cells)
    assert len(cells) < (env.maze_map == 0).sum()
