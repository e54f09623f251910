"""D4RL's HDF5 files, read as transitions exactly as D4RL's own `qlearning_dataset` reads them."""

from pathlib import Path
from typing import Any

import numpy as np

from synther.config.specs import task_spec
from synther.datasets import is_published
from synther.datasets.belonging import belonging, require_task
from synther.datasets.hdf5_reader import REBUILD, open_hdf5, own_array
from synther.errors import SyntherError, unknown_name
from synther.transitions import Transitions, flags_of

REQUIRED = ("observations", "actions", "rewards", "terminals")


def load_transitions(
    path: str | Path,
    time_limit: int | None = None,
    whole_episodes: bool = False,
    *,
    task: str | None = None,
    threshold_terminals: float | None = None,
    own_next_observations: bool = False,
) -> Transitions:
    """Read transitions from a file, by its suffix: `.npz`, or D4RL's `.hdf5` (also `.h5`).

    An `.npz` has the rows that it has. A D4RL file (v0, v1 or v2) of N rows is read as at most
    N - 1 transitions, float32: row i becomes (observations[i], actions[i], rewards[i],
    observations[i+1], terminals[i]), so a terminal row's next observation is the reset state of the
    next episode, and the file's own `next_observations` are not used; but they are looked at. Rows
    at a time-out are left out, terminal or not, and so is the last row. A file without `timeouts`
    has its rows counted against the time limit; see `skipped_rows`.

    Source: `qlearning_dataset` of Farama-Foundation/D4RL (d4rl/__init__.py), with its default
    terminate_on_end=False.

    Args:
        path: the file; an HDF5 one has `observations` (N, d), `actions` (N, a), `rewards`,
            `terminals` and, if there, `timeouts` (N,) or (N, 1); bool, integer or floating.
        time_limit: the environment's max_episode_steps; the task's by default, and the file's own
            task's where none is given. Only an HDF5 file without `timeouts` needs it.
        whole_episodes: return all N rows of an HDF5 file with its own `next_observations`, where it
            has them, so that no episode loses its end. Agents do not learn from these.
        task: whose rows it must have; None takes any.
        threshold_terminals: flags above it are set, the others not; None wants 0 and 1.
        own_next_observations: take an HDF5 file's own, for rows in any order; rows at a time-out
            are left out all the same.

    Raises:
        SyntherError: the suffix is another one, or the file is missing, damaged, lacks a key, says
            that it is of another task, has neither `timeouts` nor anything that gives a time limit,
            or holds arrays that are empty, not numeric, of unfitting shapes, with values that are
            NaN, infinite or dwarf all others, with flags that are not 0 or 1, or with
            `next_observations` that show that a row does not follow on the one before.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in (".npz", ".hdf5", ".h5"):
        raise unknown_name("file type", suffix, (".npz", ".hdf5", ".h5"), str(path))
    require_task(path, task)
    if suffix == ".npz":
        return Transitions.load(path, threshold_terminals)
    own: np.ndarray | None = None
    breaks = np.zeros(0, dtype=np.int64)
    with open_hdf5(path, REQUIRED, "a D4RL file") as file:
        rewards = _floats(_array(file, "rewards", path))
        terminals = _flags(file, "terminals", path, threshold_terminals)
        timeouts = None
        if "timeouts" in file:
            timeouts = _flags(file, "timeouts", path, threshold_terminals)
        observations = _floats(_array(file, "observations", path, 2))
        actions = _floats(_array(file, "actions", path, 2))
        arrays = {"observations": observations, "actions": actions, "terminals": terminals}
        for key, array in {**arrays, "timeouts": timeouts}.items():
            if array is not None and len(array) != len(rewards):
                raise SyntherError(
                    f"{path}: {key} have {len(array)} rows, rewards {len(rewards)}: {REBUILD}"
                )
        has_own = "next_observations" in file
        if own_next_observations and not has_own:
            raise SyntherError(f"{path} has no next_observations of its own to be read")
        if has_own and (whole_episodes or own_next_observations):
            own = _floats(_array(file, "next_observations", path, 2))
        else:
            if timeouts is None:
                if time_limit is None and (owner := task or belonging(path)[0]):
                    time_limit = task_spec(owner)["time_limit"]
                if time_limit is None:
                    raise SyntherError(
                        f"{path} has no timeouts, and nothing says after how many steps its "
                        "episodes are cut: give --task, --dataset or --time-limit"
                    )
                timeouts = skipped_rows(terminals, time_limit)
            if has_own and not is_published(path):
                breaks = _breaks(file, observations, terminals | timeouts, path)
    if own is not None:
        whole = Transitions(observations, actions, rewards, own, terminals)
        if timeouts is not None and not whole_episodes:
            whole = whole[np.flatnonzero(~timeouts)]
        return whole.check_finite(str(path), True)
    assert timeouts is not None
    keep = np.flatnonzero(~timeouts[:-1])
    if len(keep) == 0:
        raise SyntherError(
            f"{path} holds no transition: {len(rewards)} rows, of which the last and every "
            f"time-out are left out; {REBUILD}"
        )
    transitions = Transitions(
        observations=observations.take(keep, axis=0),  # 3 times as fast as observations[keep]
        actions=actions.take(keep, axis=0),
        rewards=rewards.take(keep),
        next_observations=observations.take(keep + 1, axis=0),
        terminals=terminals.take(keep),
    ).check_finite(f"{path}, time-outs left out", True)
    if len(breaks):
        raise SyntherError(
            f"{path}: in {len(breaks):,} of {len(rewards):,} rows, next_observations are not the "
            f"following row's observation, and no terminal or time-out explains it (first: row "
            f"{breaks[0]}). Use the file's own with --own-next-observations, or write the "
            "transitions to an .npz"
        )
    return transitions


def _breaks(file: Any, observations: np.ndarray, ends: np.ndarray, path: Path) -> np.ndarray:
    """Return the rows whose own next observation is not the following row's, of `observations`.

    Both are (N, d). Rows at `ends` (N,), which a terminal or time-out explains, are left out.
    """
    own = _floats(_array(file, "next_observations", path, 2))
    if own.shape != observations.shape:
        raise SyntherError(
            f"{path}: next_observations have shape {own.shape}, observations "
            f"{observations.shape}: {REBUILD}"
        )
    # Flat, which is 3 times as fast; rows only where something differs
    different = np.flatnonzero(own[:-1].reshape(-1) != observations[1:].reshape(-1))
    rows = np.unique(different // own.shape[1])
    rows = rows[~ends[rows]]
    close = np.isclose(own[rows], observations[rows + 1], rtol=1e-4, atol=1e-5).all(axis=1)
    return rows[~close]


def skipped_rows(terminals: np.ndarray, time_limit: int) -> np.ndarray:
    """Return which rows (N,) D4RL leaves out of a file without `timeouts`, by its terminals (N,).

    D4RL counts steps and skips the row that is number `time_limit` of its episode. Its counter
    restarts at 0 after a skipped row but at 1 after a terminal one, so an episode that follows a
    terminal loses its row number `time_limit` - 1 instead. That is kept: it decides which
    transitions the published results were trained on. The time limit is the environment's
    max_episode_steps.

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


def _array(file: Any, key: str, path: Path, dimensions: int = 1) -> np.ndarray:
    """Read an array of one dimension (one of width 1 passes for that), or of two."""
    array = np.asarray(own_array(file, key, path)[()])
    if dimensions == 1 and array.ndim == 2 and array.shape[1] == 1:
        return array[:, 0]
    if array.ndim != dimensions:
        wanted = "(rows,) or (rows, 1)" if dimensions == 1 else "(rows, width)"
        raise SyntherError(f"{path}: {key} have shape {array.shape}, expected {wanted}: {REBUILD}")
    return array


def _flags(file: Any, key: str, path: Path, threshold: float | None) -> np.ndarray:
    array = _array(file, key, path)
    # NaN is true to bool(), so an unset flag would silently end an episode.
    if np.isnan(array).any():
        raise SyntherError(f"{path}: {key} hold NaN: {REBUILD}")
    return flags_of(array, threshold, f"{path}: {key}")


def _floats(array: np.ndarray) -> np.ndarray:
    # What float32 can't hold becomes infinite, and is then reported as that, with its row.
    with np.errstate(over="ignore"):
        return array.astype(np.float32, copy=False)
