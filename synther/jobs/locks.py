"""Files that are there to be locked."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def open_lock(path: Path) -> int:
    """Open such a file, whichever user made it; make it where it is missing.

    Returns:
        Its descriptor, which may be for reading alone: that is enough to lock it.

    Raises:
        OSError: it can't be made, or not be read.
    """
    while True:
        with suppress(FileNotFoundError):
            try:
                return os.open(path, os.O_RDWR)
            except PermissionError:
                return os.open(path, os.O_RDONLY)
        with suppress(FileExistsError):  # made just now by another process, and opened next
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
            os.fchmod(handle, 0o666)  # other users', whatever the umask
            return handle
