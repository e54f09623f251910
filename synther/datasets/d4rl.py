"""D4RL's HDF5 files, read as transitions exactly as D4RL's own `qlearning_dataset` reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from synther.datasets.hdf5_reader import REBUILD, open_hdf5, own_array
from synther.errors import SyntherError, unknown_name
from synther.transitions import Transitions

REQUIRED = ("observations", "actions", "rewards", "terminals")


def load_transitions(path: str | Path, time_limit: int = 1000) -> Transitions:
    """Read transitions from a file, by its suffix: `.npz`, or D4RL's `.hdf5` (also `.h5`).

    Args:
        path: the file.
        time_limit: steps an episode; used only for an HDF5 file without `timeouts`.

    Raises:
        SyntherError: the suffix is another one, or the file is not what its suffix says.
    """
    suffix = Path(path).suffix.lower()
    if suffix == ".npz":
        return Transitions.load(path)
    if suffix in (".hdf5", ".h5"):
        return read_hdf5(path, time_limit)
    raise unknown_name("file type", suffix, (".npz", ".hdf5", ".h5"), str(path))


def read_hdf5(
    path: str | Path, time_limit: int = 1000, whole_episodes: bool = False
) -> Transitions:
    """Read a D4RL file (v0, v1 or v2) of N rows as at most N - 1 transitions, float32.

    Row i becomes (observations[i], actions[i], rewards[i], observations[i+1], terminals[i]), so a
    terminal row's next observation is the reset state of the next episode, and the file's own
    `next_observations` are not used. Rows at a time-out are left out, terminal or not, and so is
    the last row. A file without `timeouts` has its rows counted against `time_limit`; see
    `skipped_rows`.

    Source: `qlearning_dataset` of Farama-Foundation/D4RL (d4rl/__init__.py), with its default
    terminate_on_end=False.

    Args:
        path: the file; `observations` (N, d), `actions` (N, a), `rewards`, `terminals` and, if
            there, `timeouts` (N,) or (N, 1); bool, integer or floating.
        time_limit: the environment's max_episode_steps.
        whole_episodes: return all N rows with the file's own `next_observations`, where it has
            them, so that no episode loses its end. Agents do not learn from these.

    Raises:
        SyntherError: the file is missing, damaged, lacks a key, or holds arrays that are empty,
            not numeric, of unfitting shapes, or with values that are NaN or infinite.
    """
    path, own = Path(path), None
    with open_hdf5(path, REQUIRED, "a D4RL file") as file:
        rewards = _floats(_vector(file, "rewards", path))
        terminals = _flags(file, "terminals", path)
        timeouts = _flags(file, "timeouts", path) if "timeouts" in file else None
        observations = _floats(_matrix(file, "observations", path))
        actions = _floats(_matrix(file, "actions", path))
        if whole_episodes and "next_observations" in file:
            own = _floats(_matrix(file, "next_observations", path))

    n = len(rewards)
    arrays = {"observations": observations, "actions": actions, "terminals": terminals}
    if timeouts is not None:
        arrays["timeouts"] = timeouts
    for key, array in arrays.items():
        if len(array) != n:
            raise SyntherError(f"{path}: {key} have {len(array)} rows, rewards {n}: {REBUILD}")
    if own is not None:
        whole = Transitions(observations, actions, rewards, own, terminals)
        return whole.check_finite(str(path))
    if timeouts is None:
        timeouts = skipped_rows(terminals, time_limit)
    keep = np.flatnonzero(~timeouts[:-1])
    if len(keep) == 0:
        raise SyntherError(
            f"{path} holds no transition: {n} rows, of which the last and every time-out are left "
            f"out; {REBUILD}"
        )
    return Transitions(
        observations=observations.take(keep, axis=0),  # 3 times as fast as observations[keep]
        actions=actions.take(keep, axis=0),
        rewards=rewards.take(keep),
        next_observations=observations.take(keep + 1, axis=0),
        terminals=terminals.take(keep),
    ).check_finite(f"{path}, time-outs left out")


def skipped_rows(terminals: np.ndarray, time_limit: int) -> np.ndarray:
    """Return which rows D4RL leaves out of a file without `timeouts`: (N,) bool.

    D4RL counts steps and skips the row that is number `time_limit` of its episode. Its counter
    restarts at 0 after a skipped row but at 1 after a terminal one, so an episode that follows a
    terminal loses its row number `time_limit` - 1 instead. That is kept: it decides which
    transitions the published results were trained on.

    Args:
        terminals: (N,) bool.
        time_limit: the environment's max_episode_steps.

    Raises:
        SyntherError: the time limit is not positive.
    """
    if time_limit < 1:
        raise SyntherError(f"a time limit of {time_limit} steps is not possible: give 1 or more")
    skipped = np.zeros(len(terminals), dtype=bool)
    start = step = 0
    for end in [*np.flatnonzero(terminals).tolist(), len(terminals) - 1]:
        skipped[start + time_limit - 1 - step : end + 1 : time_limit] = True
        start, step = end + 1, 0 if skipped[end] else 1
    return skipped


def _read(file: Any, key: str, path: Path) -> np.ndarray:
    return np.asarray(own_array(file, key, path)[()])


def _matrix(file: Any, key: str, path: Path) -> np.ndarray:
    array = _read(file, key, path)
    if array.ndim != 2:
        raise SyntherError(
            f"{path}: {key} have shape {array.shape}, expected (rows, width): {REBUILD}"
        )
    return array


def _vector(file: Any, key: str, path: Path) -> np.ndarray:
    array = _read(file, key, path)
    if array.ndim == 2 and array.shape[1] == 1:
        return array[:, 0]
    if array.ndim != 1:
        raise SyntherError(
            f"{path}: {key} have shape {array.shape}, expected (rows,) or (rows, 1): {REBUILD}"
        )
    return array


def _flags(file: Any, key: str, path: Path) -> np.ndarray:
    array = _vector(file, key, path)
    # NaN is true to bool(), so an unset flag would silently end an episode.
    if np.isnan(array).any():
        raise SyntherError(f"{path}: {key} hold NaN: {REBUILD}")
    return array.astype(bool)


def _floats(array: np.ndarray) -> np.ndarray:
    # What float32 can't hold becomes infinite, and is then reported as that, with its row.
    with np.errstate(over="ignore"):
        return array.astype(np.float32, copy=False)
