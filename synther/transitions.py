"""`Transitions`: the one container that flows from datasets through generators to agents."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from synther.errors import SyntherError
from synther.jobs.files import atomic_path
from synther.jobs.npz import read_npz

FIELDS = ("observations", "actions", "rewards", "next_observations", "terminals")
LARGE = 100.0
"""Values no larger than this are taken for what a simulator may give."""
TIMES = {"rewards": 1e6}
"""How many times as large as all others one value is absurd; rewards may be rare and large."""


def _dwarfing(values: np.ndarray, times: float) -> tuple[int, str] | None:
    """Find the few of the values (N,) that make over 90% of their spread and dwarf all others.

    One that is `times` as large as the others is found, and up to a thousandth of them that are a
    million times as large.

    Returns:
        The row of the largest, and what to say of all.
    """
    distances = np.abs(values - np.median(values).astype(np.float64))
    for number, factor in ((1, times), (len(values) // 1000, 1e6)):
        if not 0 < number < len(values) // 8:
            continue
        order = np.argpartition(distances, -number)
        rest, top = distances[order[:-number]], distances[order[-number:]]
        bound, spread = float(rest.max()), float(np.square(top).sum())
        dwarfing = int((top > factor * max(1.0, bound)).sum())
        if dwarfing and (share := spread / (spread + float(np.square(rest).sum()))) > 0.9:
            return int(np.argmax(distances)), (
                f"others lie within {bound:g} of the median: {dwarfing} of {len(values)} values "
                f"make {share:.1%} of its spread"
            )
    return None


def flags_of(values: np.ndarray, threshold: float | None, where: str) -> np.ndarray:
    """Return which of the values (N,) are set: above a threshold, where not all are 0 or 1 already.

    Raises:
        SyntherError: they are not, and there is no threshold; it names `where`.
    """
    if values.dtype == np.bool_ or ((values == 0) | (values == 1)).all():
        return values.astype(bool, copy=False)
    if threshold is None:
        raise SyntherError(
            f"{where} are not all 0 or 1 (they go from {values.min():g} to {values.max():g}): "
            "--threshold-terminals 0.5 sets those above 0.5"
        )
    return values > threshold


class Span(NamedTuple):
    """What a row of transitions spans: one step, or n (`synther.datasets.subset.n_step`).

    Attributes:
        n_step: steps from its observation to its next observation.
        discount: gamma, by which its reward sums the rewards of these steps.
    """

    n_step: int = 1
    discount: float = 1.0

    @classmethod
    def said(cls, content: Mapping[str, Any], where: str) -> Span:
        """Return what a file says; one step where it says nothing, `where` is named in errors."""
        found = cls(content.get("n_step", 1), content.get("discount", 1.0))
        kinds = isinstance(found.n_step, int) and isinstance(found.discount, (int, float))
        if not (kinds and found.n_step >= 1 and 0 < found.discount <= 1):
            raise SyntherError(f"{where} says that its rows span {found}: make it anew")
        return found

    def __str__(self) -> str:
        return f"{self.n_step} steps (discount {self.discount})"


ONE_STEP = Span()


@dataclass(frozen=True)
class Transitions:
    """A set of transitions (s, a, r, s', terminal), all float32.

    Attributes:
        observations: (N, d), in the units of the environment (not normalised).
        actions: (N, a).
        rewards: (N,), the environment's own (not scaled).
        next_observations: (N, d).
        terminals: (N,), 1.0 where the episode ended in a terminal state; a time-out is 0.0.
        span: of every row; what is not one step is bootstrapped with gamma^n.
    """

    observations: np.ndarray
    actions: np.ndarray
    rewards: np.ndarray
    next_observations: np.ndarray
    terminals: np.ndarray
    span: Span = ONE_STEP

    def __post_init__(self) -> None:
        for name in FIELDS:
            array = np.asarray(getattr(self, name))
            if array.dtype.kind not in "biuf":
                raise SyntherError(f"{name} are of type {array.dtype}, not numbers")
            # What float32 can't hold becomes infinite, and `check_finite` finds it.
            with np.errstate(over="ignore"):
                array = np.ascontiguousarray(array, dtype=np.float32)
            object.__setattr__(self, name, array)
        n, d, a = len(self.rewards), self.observations.shape[1:2], self.actions.shape[1:2]
        expected = ((n, *d), (n, *a), (n,), self.observations.shape, (n,))
        for name, shape in zip(FIELDS, expected, strict=True):
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
        return replace(self, **{name: getattr(self, name)[rows] for name in FIELDS})

    def packed(self) -> np.ndarray:
        """Return (N, 2 d + a + 2): observations, actions, reward, next observations, terminal."""
        return np.column_stack([getattr(self, name) for name in FIELDS])

    @classmethod
    def unpack(cls, packed: np.ndarray, observation_dim: int, action_dim: int) -> Transitions:
        """Invert `packed`: (N, 2 d + a + 2) with d = observation_dim and a = action_dim."""
        d, a = observation_dim, action_dim
        if packed.shape[1] != 2 * d + a + 2:
            raise SyntherError(
                f"rows of width {packed.shape[1]} are not transitions with {d} observation and "
                f"{a} action dimensions (width {2 * d + a + 2})"
            )
        s, actions, rewards, following, ends = np.split(packed, np.cumsum([d, a, 1, d]), axis=1)
        return cls(s, actions, rewards[:, 0], following, ends[:, 0])

    @classmethod
    def concatenate(cls, parts: Iterable[Transitions]) -> Transitions:
        """Return all parts' rows, one after another; they span the same."""
        parts = list(parts)
        spans = sorted({part.span for part in parts})
        if len(spans) > 1:
            raise SyntherError(f"rows of {spans[0]} and of {spans[1]} can't be one set")
        arrays = {n: np.concatenate([getattr(p, n) for p in parts]) for n in FIELDS}
        return cls(**arrays, span=spans[0])

    def check_finite(self, where: str, outliers: bool = False) -> Transitions:
        """Return self if no value is NaN or infinite.

        Args:
            where: the rows are from, for errors.
            outliers: whether a value that dwarfs its column is refused as well: one of 1e30 leaves
                its standard deviation nothing of the others, and whatever standardises by that
                learns nothing.

        Raises:
            SyntherError: it names `where`, the row and the column.
        """
        for name in FIELDS:
            array = getattr(self, name)
            largest = max(array.max(), -array.min()) if array.size else 0.0  # NaN if one is NaN
            if not np.isfinite(largest):
                bad = ~np.isfinite(array.reshape(len(array), -1)).all(axis=1)
                raise SyntherError(
                    f"{where}: {name} are NaN or infinite in {int(bad.sum())} of {len(array)} "
                    f"rows (first: row {int(np.argmax(bad))}); drop these rows or rebuild the file"
                )
            if outliers and largest > LARGE:
                for column, values in enumerate(array.reshape(len(array), -1).T):
                    if found := _dwarfing(values, TIMES.get(name, LARGE)):
                        place = f"column {column} of {name}" if array.ndim > 1 else name
                        row, said = found
                        raise SyntherError(
                            f"{where}: row {row} of {place} is {values[row]:g}, where {said}; "
                            "correct or drop these rows"
                        )
        return self

    def with_flags(self, threshold: float | None, where: str) -> Transitions:
        """Return these, and where terminals are not all 0 or 1 those above `threshold` as 1.

        Raises:
            SyntherError: they are not, and there is no threshold; it names `where`.
        """
        return replace(self, terminals=flags_of(self.terminals, threshold, f"{where}: terminals"))

    def save(self, path: str | Path, task: str | None = None) -> None:
        """Write the authors' `.npz` (a key each field), atomically.

        Args:
            path: the file.
            task: whose rows these are; the file says so where readers of arrays do not look.
        """
        write_npz(path, {name: getattr(self, name) for name in FIELDS}, task, self.span)

    @classmethod
    def load(cls, path: str | Path, threshold_terminals: float | None = None) -> Transitions:
        """Read the authors' `.npz`; rewards and terminals may be (N,) or (N, 1).

        Args:
            path: the file.
            threshold_terminals: terminals above it are 1, the others 0; None wants them so already.

        Raises:
            SyntherError: the file is missing, cut short, not an `.npz`, lacks a key, holds no
                rows, arrays of unfitting shapes, values that are NaN, infinite or dwarf all others
                of their column, or terminals that are not 0 or 1.
        """
        arrays = read_npz(path, FIELDS, what="an .npz of transitions")
        for name in ("rewards", "terminals"):
            if arrays[name].ndim == 2 and arrays[name].shape[1] == 1:
                arrays[name] = arrays[name][:, 0]
        try:
            transitions = cls(**arrays, span=Span.said(npz_says(path), str(path)))
        except SyntherError as error:
            raise SyntherError(f"{path}: {error}") from error
        if not len(transitions):
            raise SyntherError(f"{path} holds no transitions: make it anew")
        return transitions.check_finite(str(path), True).with_flags(threshold_terminals, str(path))


def write_npz(
    path: str | Path, columns: Mapping[str, np.ndarray], task: str | None, span: Span = ONE_STEP
) -> None:
    """Write an `.npz`, atomically, that says of what task and span it is in its comment."""
    said = ({"task": task} if task else {}) | (span._asdict() if span != ONE_STEP else {})
    with atomic_path(path) as temporary:
        with open(temporary, "wb") as handle:
            np.savez(handle, **columns)  # type: ignore[arg-type]
        with zipfile.ZipFile(temporary, "a") as archive:
            archive.comment = json.dumps(said).encode() if said else b""


def npz_says(path: str | Path) -> dict[str, Any]:
    """Return what an `.npz` says in its comment: nothing where it is none of ours."""
    try:
        with zipfile.ZipFile(path) as archive:
            said = json.loads(archive.comment)
    except (OSError, ValueError, zipfile.BadZipFile):
        return {}
    return said if isinstance(said, dict) else {}
