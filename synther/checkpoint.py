"""Checkpoints: a long job that is killed goes on where it was, to the very same result."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from synther.errors import SyntherError
from synther.files import atomic_path

INTERVAL_S = 120.0


class Checkpoint:
    """The saved state of one job, bound to the settings that it was made under.

    Args:
        path: the file; it stands beside the job's output and goes when the job is done.
        identity: JSON-ready settings, inputs and version. A checkpoint of another identity is
            refused, because going on from it would mix two experiments in one result.
    """

    def __init__(self, path: str | Path, identity: dict[str, Any]) -> None:
        self.path = Path(path)
        self.identity = json.dumps(identity, sort_keys=True)
        self._saved = time.monotonic()

    def load(self, device: str = "cpu") -> dict[str, Any] | None:
        """Return the saved state, or None where there is none.

        Raises:
            SyntherError: the file is damaged, or belongs to other settings.
        """
        if not self.path.exists():
            return None
        import torch

        try:
            saved = torch.load(self.path, map_location=device, weights_only=True)
            identity, state = saved["identity"], saved["state"]
        except Exception as error:  # torch raises many kinds for a damaged file
            raise SyntherError(f"checkpoint {self.path} is damaged: delete it ({error})") from error
        if identity != self.identity:
            raise SyntherError(
                f"checkpoint {self.path} was made with other settings, inputs or version: "
                "delete it to start anew, or go back to those settings"
            )
        return state

    def due(self) -> bool:
        """Return whether the last save (or the start) is longer ago than the interval."""
        return time.monotonic() - self._saved >= INTERVAL_S

    def save(self, state: dict[str, Any]) -> None:
        """Write `state` (tensors, numbers, strings, lists, dicts), atomically."""
        import torch

        with atomic_path(self.path) as temporary:
            torch.save({"identity": self.identity, "state": state}, temporary)
        self._saved = time.monotonic()

    def remove(self) -> None:
        """Delete the file; the job's output is whole now."""
        self.path.unlink(missing_ok=True)
