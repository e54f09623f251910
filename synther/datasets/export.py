"""Transitions in the formats of others: D4RL's HDF5, Minari, the authors' npz.

Samples are independent of one another: a transition of theirs is no step of an episode. D4RL and
Minari store episodes, so it becomes an episode of its own there. Rows that follow on each other
exactly, as a dataset's do, stay together. Either way, reading a file as transitions gives back the
rows that were exported, in their order.
"""

import itertools
import re
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from synther.datasets.hdf5_writer import write_d4rl_hdf5
from synther.datasets.subset import trajectory_ids
from synther.errors import SyntherError
from synther.jobs.files import explaining, try_room
from synther.transitions import Transitions

MOST_EPISODES = 100_000
EPISODE_BYTES = 15_000
"""Of a Minari dataset: each takes a millisecond and so much, whatever its length."""

_MINARI_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*-v\d+")


def export_d4rl(transitions: Transitions, path: str | Path, task: str = "unknown") -> int:
    """Write N transitions as D4RL's HDF5; return its rows: N, and one a break.

    `qlearning_dataset` reads back the N: it takes the observation of the row after as a
    transition's next one, and leaves out rows at a time-out. So wherever a row's next observation
    is not the following row's, a row of its own holds it: observation s', action and reward 0, at a
    time-out. Independent transitions take two rows each. `next_observations` are there too, for
    readers that use them: those leave out the rows at a time-out themselves. The file's metadata
    name the task.

    Raises:
        SyntherError: the file can't be written.
    """
    n = len(transitions)
    follows = np.zeros(n, dtype=bool)
    same = transitions.next_observations[:-1] == transitions.observations[1:]
    follows[:-1] = same.all(axis=1)
    places = np.arange(n) + np.concatenate([[0], np.cumsum(~follows)[:-1]])
    ends = places[~follows] + 1  # the rows that hold a next observation and nothing else
    rows = n + len(ends)

    def spread(values: np.ndarray, at_end: Any = 0.0) -> np.ndarray:
        found = np.zeros((rows, *values.shape[1:]), dtype=values.dtype)
        found[places], found[ends] = values, at_end
        return found

    last = transitions.next_observations[~follows]
    arrays = {
        "observations": spread(transitions.observations, last),
        "actions": spread(transitions.actions),
        "rewards": spread(transitions.rewards),
        "next_observations": spread(transitions.next_observations, last),
        "terminals": spread(_flags(transitions, path)),
        "timeouts": spread(np.zeros(n, dtype=bool), True),
    }
    metadata = {"algorithm": "synther export", "iteration": 0, "task": task, "transitions": n}
    write_d4rl_hdf5(path, arrays, metadata, policy=None)
    return rows


def export_minari(transitions: Transitions, folder: str | Path, task: str = "unknown") -> int:
    """Write a Minari dataset (its HDF5 layout), by `minari` itself; return its number of episodes.

    An episode of L steps holds the L + 1 observations of rows that follow on each other; its last
    step is terminated if that row is terminal, else truncated. Independent transitions are episodes
    of one step. `minari.MinariDataset(FOLDER / "data")` reads it, and so does
    `minari.load_dataset(NAME)` with $MINARI_DATASETS_PATH set to the folder that NAME lies in. It
    names no Gymnasium environment: the simulators here are not registered there. Its description
    names the task.

    Args:
        folder: of the dataset, which must not exist; its name must end in a version: hopper-v0.

    Raises:
        SyntherError: `minari` is not installed, the folder is there already or has no fit name, the
            rows make too many episodes, or they can't be written.
    """
    try:
        import minari
        from gymnasium.spaces import Box
        from minari.dataset.minari_storage import MinariStorage
    except ImportError as error:
        raise SyntherError(
            f"Minari's format needs the package minari ({error}): pip install 'synther[minari]'"
        ) from error
    folder = Path(folder)
    if not _MINARI_NAME.fullmatch(folder.name):
        raise SyntherError(f"--out {folder} must end in a name and a version, such as hopper-v0")
    if folder.exists():
        raise SyntherError(f"{folder} is there already: remove it, or count the version up")
    terminals = _flags(transitions, folder)
    ids = trajectory_ids(transitions)
    number = int(ids[-1]) + 1
    if number > MOST_EPISODES:
        raise SyntherError(
            f"{len(transitions):,} transitions make {number:,} episodes, as independent ones do; "
            f"Minari is practical to {MOST_EPISODES:,}: export a part, or use --format d4rl or npz"
        )
    actions = transitions.actions  # samples may lie a little outside [-1, 1]
    low, high = np.minimum(actions.min(axis=0), -1.0), np.maximum(actions.max(axis=0), 1.0)
    with explaining(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent)).absolute()
        try:
            temporary.chmod(0o755)
            try_room(temporary / "room", number * EPISODE_BYTES + transitions.packed().nbytes)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of metadata that a dataset of samples has not
                storage = MinariStorage.new(
                    temporary / "data",
                    observation_space=Box(-np.inf, np.inf, (transitions.observation_dim,)),
                    action_space=Box(low, high),
                )
            storage.update_metadata(
                {
                    "dataset_id": folder.name,
                    "minari_version": minari.__version__,
                    "algorithm_name": "synther export",
                    "description": f"{len(transitions)} transitions of task {task}; those that do "
                    "not follow on each other are episodes of one step",
                }
            )
            storage.update_episodes(_episodes(transitions, terminals, ids))
            temporary.rename(folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return number


def _episodes(transitions: Transitions, terminals: np.ndarray, ids: np.ndarray) -> Iterator[Any]:
    from minari.data_collector import EpisodeBuffer

    bounds = np.flatnonzero(np.diff(ids, prepend=-1, append=ids[-1] + 1))
    for number, (first, end) in enumerate(itertools.pairwise(bounds)):
        rows = transitions[first:end]
        terminations = terminals[first:end]
        truncations = np.zeros_like(terminations)
        truncations[-1] = not terminations[-1]
        yield EpisodeBuffer(
            id=number,
            observations=np.concatenate([rows.observations, rows.next_observations[-1:]]),
            actions=rows.actions,
            rewards=rows.rewards,
            terminations=terminations,
            truncations=truncations,
        )


def _flags(transitions: Transitions, path: str | Path) -> np.ndarray:
    """Return terminals (N,) as booleans, which the formats of episodes store them as."""
    if not np.isin(transitions.terminals, (0.0, 1.0)).all():
        raise SyntherError(
            f"{path}: terminals are not all 0 or 1, as this format has them: sample with "
            "--set threshold_terminals=0.5, or use --format npz"
        )
    return transitions.terminals > 0.5
