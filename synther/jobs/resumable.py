"""Samples written part by part, so that a job that is killed goes on at the next part."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from synther.errors import SyntherError
from synther.jobs.checkpoint import Pace, require_same
from synther.jobs.files import atomic_path, explain_os_error, write_json
from synther.transitions import FIELDS, Transitions, npz_comment


class TransitionsWriter:
    """Writes an `.npz` of transitions part by part, in memory bounded by one part.

    Use it as a context manager; the file appears under its name only when the block ends well.

    Args:
        path: the file.
        task: whose rows these are, as `Transitions.save` takes it.
    """

    frees_columns: ClassVar[bool] = True
    """Whether a column's own file goes as soon as it is in the archive."""

    def __init__(self, path: str | Path, task: str | None = None) -> None:
        self.path, self.task = Path(path), task
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
            archive.comment = npz_comment(self.task)

    def __exit__(self, kind: Any, *rest: Any) -> None:
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


class ResumableWriter(TransitionsWriter):
    """A `TransitionsWriter` whose parts stay, in `.NAME.parts` beside the file, until it is whole.

    From time to time what is written is made safe and counted; what comes after the count is cut
    off when a job goes on. Use it as a context manager.

    Args:
        path: the file.
        identity: JSON-ready, what the rows depend on; parts of another identity are refused.
        task: whose rows these are, as `Transitions.save` takes it.

    Attributes:
        parts: parts written so far, of this job or of one that was killed.
        rows: rows in them.
        before_s: seconds that killed runs of the job took for those that they left.
    """

    frees_columns: ClassVar[bool] = False

    def __init__(
        self, path: str | Path, identity: Mapping[str, Any], task: str | None = None
    ) -> None:
        super().__init__(path, task)
        self._identity = json.dumps(dict(identity), sort_keys=True)
        self._pace = Pace()
        self.parts, self.before_s = 0, 0.0
        self._started = time.monotonic()

    @property
    def rows(self) -> int:
        """Rows written so far."""
        return self._rows

    def _make_folder(self) -> Path:
        folder = self.path.with_name(f".{self.path.name}.parts")
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def __enter__(self) -> ResumableWriter:
        super().__enter__()
        self._pace.__enter__()
        try:
            self._go_on()
        except BaseException:
            for handle in self._handles.values():
                handle.close()
            self._pace.__exit__()
            raise
        return self

    def _go_on(self) -> None:
        """Take over what a killed job counted."""
        count = self._folder / "count.json"
        saved: dict[str, Any] = {"identity": self._identity, "parts": 0, "rows": 0, "seconds": 0.0}
        if count.exists():
            try:
                saved |= json.loads(count.read_text(encoding="utf-8"))
                rows, widths = int(saved["rows"]), saved.get("widths")
                self.before_s = float(saved["seconds"])
                self._widths = (int(widths[0]), int(widths[1])) if widths else None
            except (ValueError, TypeError, LookupError) as error:
                raise SyntherError(
                    f"{count} is damaged ({error}): delete {self._folder}"
                ) from error
            require_same(self._folder, str(saved["identity"]), self._identity)
            self._rows, self.parts = rows, int(saved["parts"])
        d, a = self._widths or (0, 0)
        sizes = {"observations": d, "next_observations": d, "actions": a}
        for name, handle in self._handles.items():
            wanted = 4 * self._rows * sizes.get(name, 1)
            if os.fstat(handle.fileno()).st_size < wanted:
                raise SyntherError(f"{self._folder} lacks rows that it counts: delete it")
            handle.truncate(wanted)

    def append(self, part: Transitions) -> None:
        """Add a part's rows, and make them safe where that is due.

        Raises:
            SyntherError: its widths differ from the first part's, or the disk is full.
            Stopped: a signal told the process to end, and what is written is safe.
        """
        super().append(part)
        self.parts += 1
        if self._pace.due():
            with self._pace.saving(self._folder):
                self._keep()

    def _keep(self) -> None:
        try:
            for handle in self._handles.values():
                handle.flush()
                os.fsync(handle.fileno())
        except OSError as error:
            raise explain_os_error(error, self.path) from error
        content = {
            "identity": self._identity,
            "parts": self.parts,
            "rows": self._rows,
            "widths": self._widths,
            "seconds": self.before_s + time.monotonic() - self._started,
        }
        write_json(self._folder / "count.json", content)

    def __exit__(self, kind: Any, *rest: Any) -> None:
        self._pace.__exit__()
        self._keep_folder = (self._folder / "count.json").exists()
        super().__exit__(kind, *rest)

    def _write_archive(self) -> None:
        super()._write_archive()
        self._keep_folder = False
