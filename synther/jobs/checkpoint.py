"""Checkpoints: a long job that is killed goes on where it was, to the very same result."""

from __future__ import annotations

import importlib.metadata
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from synther.config.settings import flat
from synther.errors import SyntherError
from synther.jobs import signals
from synther.jobs.bucket import Copy
from synther.tensors import weights

INTERVAL_S = 120.0
"""Seconds between saves, unless $SYNTHER_CHECKPOINT_INTERVAL says otherwise."""
MOST_TIME = 0.05
"""Of a job's time that saving may take: a state that takes long to write is written less often."""
_SHOWN = 4
"""Differences that an error names."""


def _interval() -> float:
    given = os.environ.get("SYNTHER_CHECKPOINT_INTERVAL")
    try:
        seconds = INTERVAL_S if given is None else float(given)
    except ValueError:
        seconds = -1.0
    if not seconds >= 0:
        raise SyntherError(
            f"SYNTHER_CHECKPOINT_INTERVAL is '{given}': set it to seconds, 0 or more"
        )
    return seconds


class Pace:
    """When a job should save its state, and whether it should end then.

    Use it as a context manager around the loop that asks `due()`: inside, a signal to end waits for
    the next save.
    """

    def __init__(self) -> None:
        self._interval = _interval()
        self._since = time.monotonic()

    def __enter__(self) -> Self:
        signals.hold(1)
        return self

    def __exit__(self, *error: Any) -> None:
        signals.hold(-1)

    def due(self) -> bool:
        """Return whether to save now: the last save is long ago, or the job was told to end."""
        return signals.told() is not None or time.monotonic() - self._since >= self._interval

    @contextmanager
    def saving(self, where: Path) -> Iterator[None]:
        """Save inside the block, and end behind it if the job was told to.

        Raises:
            Stopped: a signal told the process to end.
        """
        started = time.monotonic()
        yield
        ended = self._since = time.monotonic()
        if self._interval:
            self._interval = max(_interval(), (ended - started) / MOST_TIME)
        if (number := signals.told()) is not None:
            raise signals.Stopped(number, str(where))


def computed_on(device: str) -> dict[str, str]:
    """Return what a state says of where it was computed: another torch draws or rounds otherwise.

    Of a device it is the kind: states of cuda:1 go on on cuda:0, and none of them on a cpu.
    """
    return {"device": device.partition(":")[0], "torch": importlib.metadata.version("torch")}


def require_same(path: Path | str, theirs: str, mine: str) -> None:
    """Refuse a saved state whose identity, as JSON, is not this job's.

    Raises:
        SyntherError: it says what differs.
    """
    if theirs == mine:
        return
    try:
        before, now = flat(json.loads(theirs)), flat(json.loads(mine))
    except (ValueError, RecursionError):
        before, now = {"identity": "unknown"}, {"identity": "this job's"}
    keys = [key for key in {**now, **before} if before.get(key) != now.get(key)]
    changes = [f"{key} was {before.get(key)}, is {now.get(key)}" for key in keys[:_SHOWN]]
    if len(keys) > _SHOWN:
        changes.append(f"and {len(keys) - _SHOWN} more")
    raise SyntherError(
        f"checkpoint {path} was made with other settings, inputs or version "
        f"({'; '.join(changes)}): delete it to start anew, or go back to those"
    )


class Checkpoint(Pace):
    """The saved state of one job, bound to the settings that it was made under.

    Args:
        path: the file; it stands beside the job's output and goes when the job is done, and its
            copy in a bucket (`bucket.Copy`) with it.
        identity: JSON-ready settings, inputs and version. A checkpoint of another identity is
            refused, because going on from it would mix two experiments in one result.
        device: on which the job computes; its kind and torch's version belong to the identity.

    Attributes:
        before_s: seconds that killed runs of the job took up to the state that was loaded.
    """

    def __init__(
        self, path: str | Path, identity: Mapping[str, Any], device: str | None = None
    ) -> None:
        super().__init__()
        self.path = Path(path)
        self._copy = Copy(self.path)
        self._whole = {**identity, **({} if device is None else computed_on(device))}
        self._parts = list[Checkpoint]()
        self.identity = json.dumps(self._whole, sort_keys=True)
        self.before_s = 0.0
        self._started = time.monotonic()

    def load(self, device: str = "cpu") -> dict[str, Any] | None:
        """Return the saved state, or None where there is none.

        Raises:
            SyntherError: the file is damaged, or belongs to other settings.
        """
        self._copy.fetch()
        if not self.path.exists():
            return None
        try:
            saved = weights.load(
                self.path, "delete it", device=device, required=("identity", "state")
            )
        except SyntherError as error:
            raise SyntherError(f"checkpoint {error}") from error
        require_same(f"{self.path}{self._copy}", str(saved["identity"]), self.identity)
        self.before_s = float(saved.get("seconds", 0.0))
        return saved["state"]

    def save(self, state: dict[str, Any]) -> None:
        """Write `state` (tensors, numbers, strings, lists, dicts), atomically.

        Raises:
            SyntherError: it can't be written.
            Stopped: a signal told the process to end, and the state is saved now.
        """
        with self.saving(self.path):
            seconds = self.before_s + time.monotonic() - self._started
            content = {"identity": self.identity, "seconds": seconds, "state": state}
            weights.save(self.path, content)
            self._copy.update()

    def part(self, name: str) -> Checkpoint:
        """Return the checkpoint of a part of the job, in a file of its own that goes with this."""
        path = self.path.with_suffix(f".{name}{self.path.suffix}")
        self._parts.append(Checkpoint(path, {**self._whole, "part": name}))
        return self._parts[-1]

    def remove(self) -> None:
        """Delete the file; the job's output is whole now."""
        for part in self._parts:
            part.remove()
        self.path.unlink(missing_ok=True)
        self._copy.update()
