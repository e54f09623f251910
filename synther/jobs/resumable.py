"""Rows written part by part, so that a job that is killed goes on at the next part."""

import json
import math
import os
import shutil
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from synther.errors import SyntherError
from synther.jobs.checkpoint import Pace, require_same
from synther.jobs.files import explaining, write_json
from synther.transitions import FIELDS, ONE_STEP, Span, Transitions, write_npz


class PartsWriter(ABC):
    """Writes a file of columns part by part, in memory bounded by one part.

    Columns grow in `.NAME.parts` beside the file. What is written is made safe and counted by
    `keep`; what comes after the count is cut off when a job goes on. Use it as a context manager:
    the file appears under its name only when the block ends well, and the parts go unless some were
    counted.

    Args:
        identity: JSON-ready, what the rows depend on; parts of another identity are refused.

    Attributes:
        kinds: the columns' types by name.
        parts: parts written so far, of this job or of one that was killed.
        rows: rows in them.
        before_s: seconds that killed runs of the job took for those that they left.
    """

    kinds: ClassVar[dict[str, Any]]

    def __init__(self, path: str | Path, identity: Mapping[str, Any] | None = None) -> None:
        self.path = Path(path)
        self._folder = self.path.with_name(f".{self.path.name}.parts")
        self._count = self._folder / "count.json"
        self._identity = json.dumps(dict(identity or {}), sort_keys=True)
        self._shapes: dict[str, tuple[int, ...]] = {}  # of a row's columns, once there is one
        self._span = ONE_STEP
        self._pace = Pace()
        self.parts, self.rows, self.before_s = 0, 0, 0.0
        self._started = time.monotonic()

    @abstractmethod
    def _write(self, columns: dict[str, np.ndarray]) -> None:
        """Write the file of all rows, atomically."""

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            with explaining(self.path):
                self._folder.mkdir(parents=True, exist_ok=True)
                self._handles = {
                    name: stack.enter_context(open(self._folder / name, "ab"))
                    for name in self.kinds
                }
            stack.enter_context(self._pace)
            self._go_on()
            self._open = stack.pop_all()
        return self

    def _go_on(self) -> None:
        """Take over what a killed job counted."""
        saved: dict[str, Any] = {"identity": self._identity, "parts": 0, "rows": 0, "seconds": 0.0}
        if self._count.exists():
            try:
                saved |= json.loads(self._count.read_text(encoding="utf-8"))
                rows, self.before_s = int(saved["rows"]), float(saved["seconds"])
                self._shapes = {n: tuple(map(int, saved["shapes"][n])) for n in self.kinds}
                self._span = Span.said(saved, str(self._count))
            except (ValueError, TypeError, LookupError) as error:
                raise SyntherError(
                    f"{self._count} is damaged ({error}): delete {self._folder}"
                ) from error
            require_same(self._folder, str(saved["identity"]), self._identity)
            self.rows, self.parts = rows, int(saved["parts"])
        for name, handle in self._handles.items():
            size = np.dtype(self.kinds[name]).itemsize
            wanted = size * self.rows * math.prod(self._shapes.get(name, ()))
            if os.fstat(handle.fileno()).st_size < wanted:
                raise SyntherError(f"{self._folder} lacks rows that it counts: delete it")
            handle.truncate(wanted)

    def add(self, columns: Mapping[str, np.ndarray]) -> None:
        """Add a part's rows.

        Raises:
            SyntherError: the disk is full.
        """
        self.rows += len(next(iter(columns.values())))
        self.parts += 1
        self._shapes = {name: columns[name].shape[1:] for name in self.kinds}
        with explaining(self.path):
            for name, handle in self._handles.items():
                column = np.ascontiguousarray(columns[name], dtype=self.kinds[name])
                handle.write(column.reshape(-1).view(np.uint8).data)

    def keep(self) -> None:
        """Make what is written safe, and count it.

        Raises:
            SyntherError: the disk is full.
            Stopped: a signal told the process to end, and what is written is safe.
        """
        with self._pace.saving(self._folder):
            with explaining(self.path):
                for handle in self._handles.values():
                    handle.flush()
                    os.fsync(handle.fileno())
            content = {
                "identity": self._identity,
                "parts": self.parts,
                "rows": self.rows,
                "shapes": self._shapes,
                **self._span._asdict(),
                "seconds": self.before_s + time.monotonic() - self._started,
            }
            write_json(self._count, content)

    def columns(self) -> dict[str, np.ndarray]:
        """Return all rows, kept before, a column each; they are read where they are used."""
        return {
            name: np.memmap(self._folder / name, self.kinds[name], "r", shape=(self.rows, *shape))
            for name, shape in self._shapes.items()
        }

    def __exit__(self, kind: Any, *rest: Any) -> None:
        keep = self._count.exists()
        try:
            # Of a block that failed, its own error is the one to show
            with explaining(self.path) if kind is None else suppress(OSError):
                self._open.close()  # writes what is still buffered
                if kind is None:
                    self._write(self.columns())
                    keep = False
        finally:
            if not keep:
                shutil.rmtree(self._folder, ignore_errors=True)


class TransitionsWriter(PartsWriter):
    """Writes an `.npz` of transitions part by part.

    Args:
        task: whose rows these are, as `Transitions.save` takes it.
    """

    kinds: ClassVar[dict[str, Any]] = dict.fromkeys(FIELDS, np.float32)

    def __init__(
        self, path: str | Path, task: str | None = None, identity: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(path, identity)
        self.task = task

    def _write(self, columns: dict[str, np.ndarray]) -> None:
        write_npz(self.path, columns, self.task, self._span)

    def append(self, part: Transitions) -> None:
        """Add a part's rows, and make them safe where that is due.

        Raises:
            SyntherError: its widths differ from the first part's, or the disk is full.
            Stopped: a signal told the process to end, and what is written is safe.
        """
        widths = (part.observation_dim, part.action_dim)
        before = tuple(shape[0] for shape in list(self._shapes.values())[:2])
        if before and before != widths:
            raise SyntherError(f"a part with widths {widths} can't follow {before}")
        self._span = part.span
        self.add({name: getattr(part, name) for name in FIELDS})
        if self._pace.due():
            self.keep()
