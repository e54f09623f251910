"""Files that are whole or absent: everything is written under a temporary name and renamed."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synther.errors import SyntherError

if TYPE_CHECKING:
    import numpy as np


def explain_os_error(error: OSError, path: Path) -> SyntherError:
    """Turn the operating system's refusal to write `path` into words with a remedy."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return SyntherError(f"no space left to write {path}: free some, or write elsewhere")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return SyntherError(f"{path} can't be written: {error.strerror}; choose another folder")
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return SyntherError(f"{path} can't be written: a part of the path is a file, not a folder")
    return SyntherError(f"{path} can't be written: {error}")


def _os_error_within(error: RuntimeError) -> OSError | None:
    """Return the refusal of the operating system that torch or h5py reports as RuntimeError."""
    text = str(error)
    if found := re.search(r"errno = (\d+)", text):  # h5py
        number = int(found[1])
        return OSError(number, os.strerror(number))
    # torch does not say why; what ends its writing half-way is a full disk or a quota
    if "inline_container" in text or "PytorchStreamWriter" in text or "iostream" in text:
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return None


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
    except RuntimeError as error:
        refusal = _os_error_within(error)
        if refusal is None:
            raise
        raise explain_os_error(refusal, path) from error
    finally:
        with suppress(OSError):  # a folder that can't be written can't be cleaned either
            temporary.unlink(missing_ok=True)


def require_writable(path: str | Path) -> Path:
    """Return `path` if a file can be written there; ask before the work whose result it takes.

    The folder is made where missing.

    Raises:
        SyntherError: it can't, or there is a folder of that name.
    """
    path = Path(path)
    if path.is_dir():
        raise SyntherError(f"{path} can't be written: it is a folder; name a file")
    probe = path.with_name(f".{path.stem}.{uuid.uuid4().hex[:8]}.probe")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        probe.touch(exist_ok=False)
        probe.unlink()
    except OSError as error:
        raise explain_os_error(error, path) from error
    return path


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


def read_npz(
    path: str | Path, required: Sequence[str], optional: Sequence[str] = (), what: str = "file"
) -> dict[str, np.ndarray]:
    """Read the named arrays of an `.npz`; nothing in it is ever unpickled.

    Args:
        path: the file.
        required: names of arrays that it must have.
        optional: names of arrays that are read where it has them.
        what: what the file is, for the errors.

    Raises:
        SyntherError: the file is missing, cut short, not an `.npz`, or lacks an array.
    """
    import numpy as np  # here, because the command line's help needs none

    path = require_file(path)
    try:
        with open(path, "rb") as handle, np.load(handle, allow_pickle=False) as archive:
            names = set(archive.files)
            missing = [name for name in required if name not in names]
            if not missing:
                return {name: archive[name] for name in (*required, *optional) if name in names}
    except Exception as error:  # zipfile, zlib and numpy raise a dozen kinds for a damaged file
        reason = f"{type(error).__name__}: {error}"
        raise SyntherError(f"{path} is not a whole .npz file ({reason}): make it anew") from error
    raise SyntherError(f"{path} lacks {', '.join(missing)}; {what} has {', '.join(required)}")


def sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits, read in bounded memory."""
    with open(require_file(path), "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def write_json(path: str | Path, content: Any) -> None:
    """Write `content` as indented JSON, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")
