"""`Transitions`: the one container that flows from datasets through generators to agents."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar

import numpy as np

from synther.errors import SyntherError
from synther.files import atomic_path, explain_os_error, read_npz

FIELDS = ("observations", "actions", "rewards", "next_observations", "terminals")


@dataclass(frozen=True)
class Transitions:
    """A set of transitions (s, a, r, s', terminal), all float32.

    Attributes:
        observations: (N, d), in the units of the environment (not normalised).
        actions: (N, a).
        rewards: (N,), the environment's own (not scaled).
        next_observations: (N, d).
        terminals: (N,), 1.0 where the episode ended in a terminal state; a time-out is 0.0.
    """

    observations: np.ndarray
    actions: np.ndarray
    rewards: np.ndarray
    next_observations: np.ndarray
    terminals: np.ndarray

    def __post_init__(self) -> None:
        for name in FIELDS:
            array = np.asarray(getattr(self, name))
            if array.dtype.kind not in "biuf":
                raise SyntherError(f"{name} are of type {array.dtype}, not numbers")
            # What float32 can't hold becomes infinite, and `check_finite` finds it.
            with np.errstate(over="ignore"):
                array = np.ascontiguousarray(array, dtype=np.float32)
            object.__setattr__(self, name, array)
        n = len(self.rewards)
        expected: dict[str, tuple[int, ...]] = {
            "observations": (n, *self.observations.shape[1:2]),
            "actions": (n, *self.actions.shape[1:2]),
            "rewards": (n,),
            "next_observations": self.observations.shape,
            "terminals": (n,),
        }
        for name, shape in expected.items():
            found = getattr(self, name).shape
            wide = len(shape) == 2 or name in ("rewards", "terminals")
            if found != shape or not wide:
                raise SyntherError(
                    f"{name} have shape {found}, expected {shape}: observations and "
                    "next_observations are (N, d), actions (N, a), rewards and terminals (N,)"
                )

    def __len__(self) -> int:
        return len(self.rewards)

    @property
    def observation_dim(self) -> int:
        """Width d of an observation."""
        return int(self.observations.shape[1])

    @property
    def action_dim(self) -> int:
        """Width a of an action."""
        return int(self.actions.shape[1])

    def __getitem__(self, rows: Any) -> Transitions:
        """Return the transitions at `rows`: a slice, an index array or a boolean mask."""
        return Transitions(**{name: getattr(self, name)[rows] for name in FIELDS})

    def packed(self) -> np.ndarray:
        """Return (N, 2 d + a + 2): observations, actions, reward, next observations, terminal."""
        return np.concatenate(
            [
                self.observations,
                self.actions,
                self.rewards[:, None],
                self.next_observations,
                self.terminals[:, None],
            ],
            axis=1,
        )

    @classmethod
    def unpack(cls, packed: np.ndarray, observation_dim: int, action_dim: int) -> Transitions:
        """Invert `packed`: (N, 2 d + a + 2) with d = observation_dim and a = action_dim."""
        d, a = observation_dim, action_dim
        if packed.shape[1] != 2 * d + a + 2:
            raise SyntherError(
                f"rows of width {packed.shape[1]} are not transitions with {d} observation and "
                f"{a} action dimensions (width {2 * d + a + 2})"
            )
        return cls(
            observations=packed[:, :d],
            actions=packed[:, d : d + a],
            rewards=packed[:, d + a],
            next_observations=packed[:, d + a + 1 : 2 * d + a + 1],
            terminals=packed[:, 2 * d + a + 1],
        )

    @classmethod
    def concatenate(cls, parts: Iterable[Transitions]) -> Transitions:
        """Return all parts' rows, one after another."""
        parts = list(parts)
        return cls(**{n: np.concatenate([getattr(p, n) for p in parts]) for n in FIELDS})

    def check_finite(self, where: str) -> Transitions:
        """Return self; raise a `SyntherError` naming `where` if a value is NaN or infinite."""
        for name in FIELDS:
            array = getattr(self, name)
            # A sum is finite only if every term is (or terms overflow): one pass, no mask.
            with np.errstate(invalid="ignore"):  # infinity minus infinity
                total = array.sum(dtype=np.float64)
            if not np.isfinite(total):
                bad = ~np.isfinite(array.reshape(len(array), -1)).all(axis=1)
                raise SyntherError(
                    f"{where}: {name} are NaN or infinite in {int(bad.sum())} of {len(array)} "
                    f"rows (first: row {int(np.argmax(bad))}); drop these rows or rebuild the file"
                )
        return self

    def save(self, path: str | Path) -> None:
        """Write the authors' `.npz` (a key each field), atomically."""
        with atomic_path(path) as temporary, open(temporary, "wb") as handle:
            np.savez(handle, **{name: getattr(self, name) for name in FIELDS})

    @classmethod
    def load(cls, path: str | Path) -> Transitions:
        """Read the authors' `.npz`; rewards and terminals may be (N,) or (N, 1).

        Raises:
            SyntherError: the file is missing, cut short, not an `.npz`, lacks a key, holds no
                rows, arrays of unfitting shapes, or values that are NaN or infinite.
        """
        arrays = read_npz(path, FIELDS, what="an .npz of transitions")
        for name in ("rewards", "terminals"):
            if arrays[name].ndim == 2 and arrays[name].shape[1] == 1:
                arrays[name] = arrays[name][:, 0]
        try:
            transitions = cls(**arrays)
        except SyntherError as error:
            raise SyntherError(f"{path}: {error}") from error
        if not len(transitions):
            raise SyntherError(f"{path} holds no transitions: make it anew")
        return transitions.check_finite(str(path))


class TransitionsWriter:
    """Writes an `.npz` of transitions part by part, in memory bounded by one part.

    Use it as a context manager; the file appears under its name only when the block ends well.
    """

    frees_columns: ClassVar[bool] = True
    """Whether a column's own file goes as soon as it is in the archive."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._rows = 0
        self._widths: tuple[int, int] | None = None
        self._keep_folder = False

    def _make_folder(self) -> Path:
        """Return the folder where the columns grow."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=".npz-", dir=self.path.parent))

    def __enter__(self) -> TransitionsWriter:
        try:
            self._folder = self._make_folder()
            self._handles = {
                name: open(self._folder / name, "ab")  # noqa: SIM115
                for name in FIELDS
            }
        except OSError as error:
            raise explain_os_error(error, self.path) from error
        return self

    def append(self, part: Transitions) -> None:
        """Add a part's rows.

        Raises:
            SyntherError: its widths differ from the first part's, or the disk is full.
        """
        widths = (part.observation_dim, part.action_dim)
        if self._widths not in (None, widths):
            raise SyntherError(f"a part with widths {widths} can't follow {self._widths}")
        self._widths = widths
        self._rows += len(part)
        try:
            for name, handle in self._handles.items():
                handle.write(getattr(part, name).reshape(-1).view(np.uint8))
        except OSError as error:
            raise explain_os_error(error, self.path) from error

    def _write_archive(self) -> None:
        d, a = self._widths or (0, 0)
        shapes = {"observations": (d,), "actions": (a,), "next_observations": (d,)}
        with (
            atomic_path(self.path) as temporary,
            zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive,
        ):
            for name in FIELDS:
                header = {
                    "descr": np.lib.format.dtype_to_descr(np.dtype(np.float32)),
                    "fortran_order": False,
                    "shape": (self._rows, *shapes.get(name, ())),
                }
                member = zipfile.ZipInfo(f"{name}.npy")  # a fixed date: same rows, same bytes
                with (
                    archive.open(member, "w", force_zip64=True) as target,
                    open(self._folder / name, "rb") as source,
                ):
                    np.lib.format.write_array_header_1_0(target, header)
                    shutil.copyfileobj(source, target, 1 << 22)
                if self.frees_columns:
                    (self._folder / name).unlink()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            for handle in self._handles.values():
                handle.close()  # writes what is still buffered
            if kind is None:
                self._write_archive()
        except OSError as failure:
            if kind is None:  # else the block's own error is the one to show
                raise explain_os_error(failure, self.path) from failure
        finally:
            if not self._keep_folder:
                shutil.rmtree(self._folder, ignore_errors=True)
