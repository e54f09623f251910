"""OGBench's datasets: its files with the rewards of one task, and stand-ins by its own recipe.

A file of the benchmark serves all tasks of its environment. Here each task has an HDF5 file in
D4RL's layout, which every reader takes: the file's rows, with what OGBench's package calls rewards
and `1 - masks` as terminals. The last row of a trajectory, which has no next observation, is marked
in `timeouts` and left out by readers, so that a dataset is read as the package reads it. Datasets
of a task that shows its goal have no rewards: agents draw goals from their trajectories.
"""

import importlib.metadata
import tempfile
import zlib
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from synther import config
from synther.config.ogbench import PACKAGE, is_goal_conditioned
from synther.config.specs import dataset_files
from synther.datasets.hdf5_writer import write_d4rl_hdf5
from synther.envs.ogbench import load, reset
from synther.errors import SyntherError
from synther.jobs import provenance
from synther.jobs.files import claimed, sha256
from synther.jobs.progress import Progress

KEYS = {"observations": 2, "actions": 2, "terminals": 1, "qpos": 2, "qvel": 2}
"""What a file holds, and the dimensions of each; buttons have `button_states` besides."""


def columns(path: str | Path, task: str) -> dict[str, np.ndarray]:
    """Return D4RL's columns of a file of the benchmark, for one of its environment's tasks.

    OGBench's package reads the .npz, as its `download_datasets` stores it, and relabels it.

    Raises:
        SyntherError: the file is no such file, or of another environment; or the package is
            missing.
    """
    path, env = Path(path), load(task)
    from ogbench.relabel_utils import relabel_dataset
    from ogbench.utils import load_dataset

    shows_goal = is_goal_conditioned(task)
    try:
        found = load_dataset(path, compact_dataset=True, add_info=True)
        if not shows_goal:
            relabel_dataset(task, env, found)
    except (OSError, ValueError, LookupError, EOFError, BadZipFile, zlib.error) as error:
        raise SyntherError(
            f"{path} can't be read as a file of OGBench's for {task} ({error}): fetch it again, or "
            "name a task of its environment"
        ) from error
    rows = len(found["observations"])
    for key, dimensions in KEYS.items():
        shape = np.shape(found.get(key))
        if len(shape) != dimensions or shape[0] != rows or rows < 2:
            raise SyntherError(
                f"{path}: {key} have shape {shape}, expected {rows} rows: fetch again"
            )
    widths = [found[key].shape[1] for key in ("observations", "actions", "qpos")]
    wanted = [*config.load("datasets")["tasks"][task]["dimensions"], env.model.nq]
    if widths != wanted:
        raise SyntherError(
            f"{path} has observations, actions and positions of widths {widths}, {task} has "
            f"{wanted}: it is of another environment"
        )
    last = found["valids"] == 0
    if not last[-1]:
        raise SyntherError(f"{path} ends within a trajectory: fetch it again")
    following = np.concatenate([found["observations"][1:], found["observations"][-1:]])
    return {
        "observations": found["observations"],
        "actions": found["actions"],
        "rewards": np.zeros(rows, np.float32) if shows_goal else found["rewards"],
        "next_observations": np.where(last[:, None], found["observations"], following),
        "terminals": np.zeros(rows, dtype=bool) if shows_goal else found["masks"] == 0,
        "timeouts": last,
        "infos/qpos": found["qpos"],
        "infos/qvel": found["qvel"],
    }


def fetch(name: str, root: str | Path) -> Path:
    """Make sure that a dataset of kind `ogbench` is there, and return its file.

    The benchmark's own file is downloaded to root/ogbench/raw once for all tasks.

    Raises:
        SyntherError: as for `synther.datasets.download.download` and `columns`.
    """
    from synther.datasets.download import download

    task, (out,) = config.spec(name, "dataset")["task"], dataset_files(name, root)
    if not out.is_file():
        with claimed(out):
            raw = download(name, root)
            about = {
                "task": task,
                "file": raw.name,
                "file_sha256": sha256(raw),
                "algorithm": f"{PACKAGE} {importlib.metadata.version(PACKAGE)}",
                "relabelled_by": f"synther {provenance.version()}",
            }
            write_d4rl_hdf5(out, columns(raw, task), about, None)
    return out


NOISE = 0.5
"""Standard deviation of the noise on a point's actions."""
TRAJECTORY = 1001
"""Rows of a trajectory, of which the last has no next observation."""


def _junctions(maze: np.ndarray) -> list[tuple[int, int]]:
    """Return the free cells that are no straight hallway, from which goals are drawn."""
    free = np.argwhere(maze == 0).tolist()
    found = []
    for i, j in free:
        rows, along = maze[[i - 1, i + 1], j].tolist(), maze[i, [j - 1, j + 1]].tolist()
        if (rows, along) not in (([0, 0], [1, 1]), ([1, 1], [0, 0])):
            found.append((i, j))
    return found


def navigate(task: str, rows: int, seed: int, progress: Progress) -> dict[str, np.ndarray]:
    """Collect exactly `rows` rows of trajectories of a point; return D4RL's columns.

    The recipe of its pointmaze-*-navigate files (data_gen_scripts/generate_locomaze.py): from a
    random cell a point heads for a random goal, cell by cell on a shortest way, with noise, and for
    another one when that is reached; 1000 steps a trajectory, the last one cut after `rows` in all.

    Raises:
        SyntherError: the task has no point in a maze.
    """
    if not task.startswith("pointmaze-"):
        raise SyntherError(f"level 'navigate' is collected in pointmaze tasks, not in '{task}'")
    environment = task.partition("-singletask")[0].removesuffix("-v0")
    env = load(f"{environment}-v0", terminate_at_goal=False)
    generator = np.random.default_rng(seed)
    cells, junctions = np.argwhere(env.maze_map == 0).tolist(), _junctions(env.maze_map)
    kept: dict[str, list[Any]] = {key: [] for key in KEYS}
    while len(kept["terminals"]) < rows:
        where = {
            "init_ij": cells[generator.integers(len(cells))],
            "goal_ij": junctions[generator.integers(len(junctions))],
        }
        start = int(generator.integers(2**32))
        observation, _ = reset(env, start, task_info=where)
        goal, length = env.cur_goal_xy, min(TRAJECTORY, rows - len(kept["terminals"]))
        for step in range(length):
            position = env.get_xy()
            way = env.get_oracle_subgoal(position, goal)[0] - position
            way = way / (np.linalg.norm(way) + 1e-6)
            action = np.clip(way + generator.normal(0, NOISE, 2), -1, 1)
            following, _, _, _, info = env.step(action)
            row = (observation, action, step == length - 1, info["prev_qpos"], info["prev_qvel"])
            for key, value in zip(KEYS, row, strict=True):
                kept[key].append(value)
            observation = following
            if info["success"]:
                i, j = junctions[generator.integers(len(junctions))]
                goal = np.array(env.ij_to_xy((i, j))) + generator.uniform(-1, 1, 2)
                env.set_goal(goal_xy=goal)
            progress.advance()
    with tempfile.TemporaryDirectory() as folder:  # which the package's reader wants to read from
        path = Path(folder) / f"{task}.npz"
        arrays: dict[str, Any] = {k: np.array(v, dtype=np.float32) for k, v in kept.items()}
        np.savez(path, **arrays)
        return columns(path, task)
