"""V-D4RL's pixel datasets (Lu et al. 2022, arXiv 2206.04779): HDF5 shards, each frame stored once.

A shard's rows are whole episodes: `observation` (T, 3, 84, 84) uint8, `action` (T, a), `reward`,
`discount` and `step_type` (T,): 0 first, 1 mid, 2 last. Action, reward and discount of row t are
those that lead to its frame; a first row's are dummies. Stacks of frames and n-step returns are
computed from row numbers, as V-D4RL's own loader computes them.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from synther import config
from synther.config.specs import dataset_files
from synther.datasets.hdf5_reader import open_hdf5, own_array
from synther.errors import SyntherError
from synther.jobs.files import atomic_path, require_file
from synther.jobs.resumable import PartsWriter

FIRST, MID, LAST = 0, 1, 2
"""Values of step_type."""
KEYS = ("observation", "action", "reward", "discount", "step_type")


@dataclass(frozen=True)
class PixelData:
    """Rows of whole episodes, one after another.

    Attributes:
        frames: (R, 3, 84, 84) uint8.
        actions: (R, a) float32.
        rewards: (R,) float32.
        discounts: (R,) float32, the environment's: 0 where an episode ended in a terminal state.
        first: (R,) int64, the number of the episode's first row.
        last: (R,) int64, that of its last.
    """

    frames: np.ndarray
    actions: np.ndarray
    rewards: np.ndarray
    discounts: np.ndarray
    first: np.ndarray
    last: np.ndarray

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def action_dim(self) -> int:
        """Width a of an action."""
        return int(self.actions.shape[1])

    def starts(self, n_step: int) -> np.ndarray:
        """Return the rows whose next n steps lie within their episode, int64.

        V-D4RL's loader leaves out the others too, where the n-step return would be cut short.

        Raises:
            SyntherError: no episode is long enough.
        """
        found = np.flatnonzero(np.arange(len(self)) + n_step <= self.last)
        if not len(found):
            raise SyntherError(
                f"no episode of the pixel dataset has {n_step} steps: collect more rows"
            )
        return found

    def returns(self, starts: np.ndarray, n_step: int, discount: float) -> np.ndarray:
        """Return r_1 + g r_2 + ... + g^(n-1) r_n (N,) after each start, float32; g = discount."""
        total = np.zeros(len(starts))
        for step in range(n_step):
            total += discount**step * self.rewards[starts + 1 + step].astype(np.float64)
        return total.astype(np.float32)


@contextmanager
def _opened(path: Path) -> Iterator[dict[str, Any]]:
    """Yield a shard's arrays, not yet read."""
    with open_hdf5(path, KEYS, "a shard of V-D4RL's") as file:
        yield {key: own_array(file, key, path) for key in KEYS}


def _shape_of(path: Path) -> tuple[int, int, tuple[int, ...]]:
    """Return a shard's rows, action width and size of frames; refuse what is no shard."""
    with _opened(path) as arrays:
        shapes = {key: array.shape for key, array in arrays.items()}
        kind = arrays["observation"].dtype
    rows = shapes["reward"][0] if shapes["reward"] else 0
    flat = all(shapes[key] in ((rows,), (rows, 1)) for key in KEYS[2:])
    frames, actions = shapes["observation"], shapes["action"]
    if not (flat and len(actions) == 2 and frames[:2] == (rows, 3) and len(frames) == 4):
        raise SyntherError(f"{path}: shapes {shapes} are not a V-D4RL shard's; see its layout")
    if actions[0] != rows:
        raise SyntherError(f"{path}: action has shape {actions}, expected ({rows}, width)")
    if kind != np.uint8:
        raise SyntherError(f"{path}: observation is of type {kind}, expected uint8")
    return rows, actions[1], frames[2:]


def read_shards(paths: Sequence[str | Path]) -> PixelData:
    """Read shards, in the order given, into one `PixelData`: 21 KB a row, taken once.

    Raises:
        SyntherError: a file is missing, damaged or of another layout, shards differ in width, an
            episode does not begin with a first row, or a number is NaN or infinite.
    """
    files = [Path(path) for path in paths]
    if not files:
        raise SyntherError("no shards of a pixel dataset were given")
    shapes = {path: _shape_of(path) for path in files}
    rows, widths = sum(shape[0] for shape in shapes.values()), {s[1] for s in shapes.values()}
    if len(widths) > 1:
        raise SyntherError(f"shards differ in the width of their actions: {sorted(widths)}")
    if len(shapes) < len(files):
        raise SyntherError("a shard of a pixel dataset is given twice")
    if rows == 0:
        raise SyntherError(f"{files[0]} holds no rows: make it anew")
    size = shapes[files[0]][2]
    for path, (_, _, other) in shapes.items():
        if other != size:
            raise SyntherError(f"{path}: frames have another size than {size}")
    frames = np.empty((rows, 3, *size), dtype=np.uint8)
    actions = np.empty((rows, widths.pop()), dtype=np.float32)
    rewards, discounts = np.empty(rows, dtype=np.float32), np.empty(rows, dtype=np.float32)
    steps = np.empty(rows, dtype=np.int64)
    read: tuple[np.ndarray, ...] = (frames, actions, rewards, discounts, steps)
    offset = 0
    for path in files:
        with _opened(path) as arrays:
            number = len(arrays["reward"])
            for key, column in zip(KEYS, read, strict=True):  # straight into their place
                arrays[key].read_direct(column[offset : offset + number].reshape(arrays[key].shape))
        offset += number
    begins, ends = _episodes(steps, str(files[0]))
    actions[begins], rewards[begins], discounts[begins] = 0.0, 0.0, 1.0  # dummies, or even NaN
    lengths = ends - begins + 1
    first, last = np.repeat(begins, lengths), np.repeat(ends, lengths)
    data = PixelData(frames, actions, rewards, discounts, first, last)
    for name in ("actions", "rewards", "discounts"):
        if not np.isfinite(getattr(data, name)).all():
            raise SyntherError(f"{files[0]} and its like: {name} are NaN or infinite in some rows")
    return data


def _episodes(steps: np.ndarray, where: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the first and last row of every episode; a recording may break off in one."""
    begins = np.flatnonzero(steps == FIRST)
    if len(begins) == 0 or begins[0] != 0:
        raise SyntherError(f"{where}: its first row begins no episode (step_type 0)")
    ends = np.append(begins[1:] - 1, len(steps) - 1)
    inside = np.flatnonzero(steps == LAST)
    if not np.isin(inside, ends).all() or not np.isin(steps, (FIRST, MID, LAST)).all():
        raise SyntherError(f"{where}: step_type has rows behind an episode's last one")
    return begins, ends


class ShardWriter(PartsWriter):
    """Writes one shard episode by episode, in memory bounded by one episode.

    Frames are compressed (gzip), to a third and less.

    Attributes:
        metadata: attributes of the file: text and numbers.
    """

    metadata: Mapping[str, str | int | float] = MappingProxyType({})

    kinds: ClassVar[dict[str, Any]] = dict(
        zip(KEYS, (np.uint8, np.float32, np.float32, np.float32, np.int64), strict=True)
    )

    def append(self, frames: np.ndarray, actions: np.ndarray, rewards: np.ndarray) -> None:
        """Add an episode of T steps: frames (T + 1, 3, 84, 84), actions (T, a), rewards (T,).

        The suite's episodes have no terminal states: every discount is 1.
        """
        steps = len(rewards)
        types = np.full(steps + 1, MID)
        types[0], types[-1] = FIRST, LAST
        actions = np.concatenate([np.zeros_like(actions[:1]), actions])
        columns = (frames, actions, np.append(0.0, rewards), np.ones(steps + 1), types)
        self.add(dict(zip(KEYS, columns, strict=True)))

    def returns(self) -> list[tuple[int, float]]:
        """Return steps and return of every episode that is kept."""
        columns = self.columns()
        begins = np.flatnonzero(columns["step_type"] == FIRST)
        parts = [part[1:] for part in np.split(columns["reward"], begins[1:])]
        return [(len(part), float(part.sum(dtype=np.float64))) for part in parts]

    def _write(self, columns: dict[str, np.ndarray]) -> None:
        import h5py

        with atomic_path(self.path) as temporary, h5py.File(temporary, "w", locking=False) as file:
            for key, column in columns.items():
                frames = key == "observation"
                rows = min(64 if frames else 4096, len(column))
                packed: dict[str, Any] = {"compression": "gzip", "compression_opts": 1}
                file.create_dataset(
                    key,
                    data=column,
                    chunks=(rows, *column.shape[1:]),
                    track_times=False,
                    **(packed if frames else {}),
                )
            file.attrs.update(sorted(self.metadata.items()))


def pixel_files(name: str, root: str | Path = "data") -> list[Path]:
    """Return the shards of a pixel dataset, downloading V-D4RL's where they are not there.

    Raises:
        SyntherError: the dataset is no pixel dataset, a download fails, or it is yet to be
            collected.
    """
    if config.spec(name, "dataset")["kind"] == "rendered":
        remedy = f"make it with `synther render --dataset {name}`"
        return [require_file(path, remedy) for path in dataset_files(name, root)]
    from synther.datasets.download import download_shards

    return download_shards(name, root)
