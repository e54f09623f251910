"""Files that are whole or absent: everything is written under a temporary name and renamed."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from synther.errors import SyntherError


def explain_os_error(error: OSError, path: Path) -> SyntherError:
    """Turn the operating system's refusal to write `path` into words with a remedy."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return SyntherError(f"no space left to write {path}: free some, or write elsewhere")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return SyntherError(f"{path} can't be written: {error.strerror}; choose another folder")
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return SyntherError(f"{path} can't be written: a part of the path is a file, not a folder")
    return SyntherError(f"{path} can't be written: {error}")


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` if the block succeeds.

    The folder is made where missing. The temporary file keeps the suffix of `path`, because some
    writers choose the format by it. Errors of the operating system become `SyntherError`.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.{uuid.uuid4().hex[:8]}.tmp{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with open(temporary, "rb+") as handle:
            os.fsync(handle.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise explain_os_error(error, path) from error
    finally:
        with suppress(OSError):  # a folder that can't be written can't be cleaned either
            temporary.unlink(missing_ok=True)


def require_file(path: str | Path, remedy: str = "check the path") -> Path:
    """Return `path` if it is a readable file.

    Raises:
        SyntherError: it is missing, a folder, or unreadable.
    """
    path = Path(path)
    if not path.is_file():
        raise SyntherError(f"{path} does not exist or is not a file; {remedy}")
    if not os.access(path, os.R_OK):
        raise SyntherError(f"{path} can't be read: change its permissions")
    return path


def sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits, read in bounded memory."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def write_json(path: str | Path, content: Any) -> None:
    """Write `content` as indented JSON, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")
