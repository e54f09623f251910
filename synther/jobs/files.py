"""Files that are whole or absent: everything is written under a temporary name and renamed."""

import errno
import fcntl
import glob
import hashlib
import json
import os
import re
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from synther.errors import SyntherError


def _explained(error: OSError, path: Path) -> SyntherError:
    """Turn the operating system's refusal to write `path` into words with a remedy."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return SyntherError(f"no space left to write {path}: free some, or write elsewhere")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return SyntherError(f"{path} can't be written: {error.strerror}; choose another folder")
    if error.errno == errno.EFBIG:
        return SyntherError(f"{path} grows beyond the largest file allowed here: see `ulimit -f`")
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return SyntherError(f"{path} can't be written: a part of the path is a file, not a folder")
    return SyntherError(f"{path} can't be written: {error}")


def _refusal(error: Exception) -> OSError | None:
    """Return the operating system's refusal, which torch and h5py report in words of theirs."""
    text = str(error)
    if found := re.search(r"errno = (\d+)", text):  # h5py
        number = int(found[1])
        return OSError(number, os.strerror(number))
    # torch does not say why; what ends its writing half-way is a full disk or a quota
    if "inline_container" in text or "PytorchStreamWriter" in text or "iostream" in text:
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return error if isinstance(error, OSError) else None


_MACHINES = {
    *(errno.EACCES, errno.EAGAIN, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOLCK),
    *(errno.ENOMEM, errno.ENXIO, errno.EPERM, errno.EREMOTEIO, errno.ESTALE, errno.ETIMEDOUT),
}
"""What a system answers that can't read a file, whatever the file holds."""


def blame_machine(error: Exception, path: Path) -> None:
    """Raise in words an error of reading that says nothing of the file's content.

    Call it before a file is called damaged: what is whole need not be made again.

    Raises:
        MemoryError: there was too little memory.
        SyntherError: the system refused to read.
    """
    if isinstance(error, MemoryError):
        raise error
    refusal = _refusal(error)
    if refusal is not None and refusal.errno in _MACHINES:
        raise SyntherError(
            f"{path} can't be read here: {os.strerror(refusal.errno)}; the file may be whole: see "
            "to the disk, the file system or the limits of this machine, and try again"
        ) from error


@contextmanager
def explaining(path: Path) -> Iterator[None]:
    """Turn the operating system's refusal to write `path` inside the block into `SyntherError`."""
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:
        if (refusal := _refusal(error)) is None:
            raise
        raise _explained(refusal, path) from error


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` if the block succeeds.

    The folder is made where missing. The temporary file keeps the suffix of `path`, because some
    writers choose the format by it. Errors of the operating system become `SyntherError`.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.{uuid.uuid4().hex[:8]}.tmp{path.suffix}")
    try:
        with explaining(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            with open(temporary, "rb+") as handle:
                os.fsync(handle.fileno())
            os.replace(temporary, path)
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
    probe = path.with_name(f".{path.stem}.{uuid.uuid4().hex[:8]}.tmp")
    with explaining(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        probe.touch(exist_ok=False)
        probe.unlink(missing_ok=True)  # where the one who makes the file has cleaned up
    return path


def try_room(path: Path, size: int) -> None:
    """Allot so many bytes under a name that is free, and give them back.

    HDF5 may end the process where a disk is full: ask before it writes.

    Raises:
        OSError: there is no room, on the disk or in a quota.
    """
    with open(path, "xb") as handle:
        try:
            os.posix_fallocate(handle.fileno(), 0, size)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):  # of a disk that can't allot
                raise
        finally:
            path.unlink()


def try_lock(path: Path, wait: bool = False) -> int | None:
    """Lock a file, made where it is missing, until its descriptor is closed or the process ends.

    Another user's is opened for reading alone where it has to be, which is enough to lock it. File
    systems without locks are taken as they are. Return the descriptor, or None if another process
    has it, unless that is waited for.

    Raises:
        OSError: it can't be made, or not be read.
    """
    handle: int | None = None
    while handle is None:
        with suppress(FileNotFoundError):
            try:
                handle = os.open(path, os.O_RDWR)
            except PermissionError:
                handle = os.open(path, os.O_RDONLY)
            break
        with suppress(FileExistsError):  # made just now by another process, and opened next
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
            os.fchmod(handle, 0o666)  # other users', whatever the umask
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        os.close(handle)
        return None
    except OSError:  # no locks on this file system
        pass
    return handle


_TEMPORARY = re.compile(r"\.[0-9a-f]{8}\.tmp(\.\w+)?$")
"""The end of the names that `atomic_path` and `require_writable` give."""


@contextmanager
def claimed(path: str | Path, *beside: str, wait: bool = False) -> Iterator[Path]:
    """Yield `path`, which can be written, and keep other processes from making it meanwhile.

    Two workflows on one folder, or one that was started again while jobs of a killed one run on,
    would else train the same result twice over the same checkpoint. The lock is the system's: it
    goes with the process, however that ends.
    Temporary files that a killed process left are deleted.

    Args:
        *beside: stems of further files that are made with it.
        wait: for another process that is making it.

    Raises:
        SyntherError: the file can't be written, or another process is making it.
    """
    path = require_writable(path)
    lock = path.with_name(f".{path.name}.lock")
    while True:
        with explaining(path):
            handle = try_lock(lock, wait)
        if handle is None:
            holder = ""
            with suppress(OSError):
                holder = lock.read_text(encoding="utf-8", errors="replace")[:200]
            raise SyntherError(
                f"{path} is being made by {holder or 'another process'}: let it finish or end it, "
                "then run this again"
            )
        # The one who held the lock may have removed this very file meanwhile.
        with suppress(OSError):
            if os.path.samestat(os.fstat(handle), lock.stat()):
                break
        os.close(handle)
    try:
        with suppress(OSError):  # a full disk is for the work itself to find
            os.ftruncate(handle, 0)
            os.write(handle, f"process {os.getpid()} on {socket.gethostname()}".encode())
        with suppress(OSError):
            for stem in (path.stem, *beside):
                for left in path.parent.glob(f".{glob.escape(stem)}.*tmp*"):
                    if _TEMPORARY.search(left.name):
                        left.unlink()
        yield path
    finally:
        with suppress(OSError):  # while it is locked, or another process's new one could be removed
            lock.unlink()
        os.close(handle)


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


ALWAYS_READ = 1 << 28
"""Bytes of arrays that are read however small their file is."""
MOST_GROWTH = 100
"""Times that arrays may be larger than their file; of recorded data even flags stay below it."""


def require_bounded(path: Path, size: int) -> None:
    """Refuse a compressed file that would swell to `size` bytes of arrays, before it is read.

    Raises:
        SyntherError: they are more than `MOST_GROWTH` times the file, and not few.
    """
    if size > max(ALWAYS_READ, MOST_GROWTH * path.stat().st_size):
        raise SyntherError(
            f"{path} has {path.stat().st_size:,} bytes and claims to hold {size:,}: it is damaged, "
            "or made to fill the memory; get it anew from where it came"
        )


def read_json(path: str | Path, remedy: str = "make it anew", **known: Any) -> dict[str, Any]:
    """Read a JSON object, with these arguments of `json.loads`.

    Raises:
        SyntherError: the file is missing, or not one.
    """
    path = require_file(path, remedy)
    try:
        if path.stat().st_size > ALWAYS_READ:
            raise ValueError(f"{path.stat().st_size:,} bytes are too many")
        content = json.loads(path.read_text(encoding="utf-8"), **known)
    except (ValueError, RecursionError, OSError) as error:
        blame_machine(error, path)
        raise SyntherError(f"{path} is damaged ({error}): {remedy}") from error
    if not isinstance(content, dict):
        raise SyntherError(f"{path} is damaged (it holds no object): {remedy}")
    return content


def sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits, read in bounded memory."""
    with open(require_file(path), "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def describe_input(path: str | Path) -> dict[str, str]:
    """Return a file as records name it: where it lay, and its checksum.

    A folder stands for the fitted generator in it, model.pt.
    """
    file = Path(path) / "model.pt" if Path(path).is_dir() else path
    return {"path": str(path), "sha256": sha256(file)}


def write_json(path: str | Path, content: Any) -> None:
    """Write `content` as indented JSON, atomically."""
    with atomic_path(path) as temporary:
        text = json.dumps(content, indent=2, sort_keys=True) + "\n"
        temporary.write_text(text, encoding="utf-8")
