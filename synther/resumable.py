"""Samples written part by part, so that a job that is killed goes on at the next part."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar

from synther.checkpoint import Pace, require_same
from synther.errors import SyntherError
from synther.files import explain_os_error, write_json
from synther.transitions import Transitions, TransitionsWriter


class ResumableWriter(TransitionsWriter):
    """A `TransitionsWriter` whose parts stay, in `.NAME.parts` beside the file, until it is whole.

    From time to time what is written is made safe and counted; what comes after the count is cut
    off when a job goes on. Use it as a context manager.

    Args:
        path: the file.
        identity: JSON-ready, what the rows depend on; parts of another identity are refused.

    Attributes:
        parts: parts written so far, of this job or of one that was killed.
        rows: rows in them.
        before_s: seconds that killed runs of the job took for those that they left.
    """

    frees_columns: ClassVar[bool] = False

    def __init__(self, path: str | Path, identity: Mapping[str, Any]) -> None:
        super().__init__(path)
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

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pace.__exit__()
        self._keep_folder = (self._folder / "count.json").exists()
        super().__exit__(kind, error, trace)

    def _write_archive(self) -> None:
        super()._write_archive()
        self._keep_folder = False
