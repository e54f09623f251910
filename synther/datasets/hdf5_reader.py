"""HDF5 files of others: only arrays of numbers that lie in the file itself, of bounded size."""

import fcntl
import itertools
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from synther.errors import SyntherError
from synther.jobs.files import blame_machine, require_bounded, require_file

REBUILD = "download or collect the file again"


@contextmanager
def open_hdf5(path: str | Path, keys: Sequence[str], what: str) -> Iterator[Any]:
    """Yield an open HDF5 file that has `keys`; whatever h5py raises inside comes out in words.

    It is not locked: reading needs no lock, and some file systems have none. `what` has the keys,
    as errors say.

    Raises:
        SyntherError: the file is missing, damaged, still being written, or lacks a key.
    """
    import h5py  # here, because it loads slowly and `.npz` users never need it

    path = require_file(path, "check the path, or download it with `synther download`")
    try:
        with h5py.File(path, "r", locking=False) as file:
            missing = [key for key in keys if key not in file]
            if missing:
                raise SyntherError(
                    f"{path} lacks {', '.join(missing)}; {what} has {', '.join(keys)}: check that "
                    "it is one"
                )
            yield file
    except SyntherError:
        raise
    except Exception as error:  # h5py raises a dozen kinds for a damaged file
        raise _explained(error, path) from error


def _explained(error: Exception, path: Path) -> SyntherError:
    """Return the error of h5py in words: what the file is, or what stands between us and it."""
    text = str(error)
    if "unable to lock file" in text:  # the variable overrides what is asked for at opening
        return SyntherError(
            f"{path} can't be locked, as HDF5_USE_FILE_LOCKING="
            f"{os.environ.get('HDF5_USE_FILE_LOCKING')} demands: unset it, reading needs no lock"
        )
    if "already open for write" in text or _is_held(path):
        return SyntherError(
            f"{path} is open for writing in another process: let it end. If that process was "
            f"killed, run `h5clear -s {path}`, or {REBUILD}"
        )
    if "not registered" in text or "can't open directory" in text:  # where filters would lie
        return SyntherError(
            f"{path} is compressed in a way that the HDF5 here can't undo ({text}): rewrite it "
            "where it was made, `h5repack -f GZIP=4 FILE NEW`"
        )
    blame_machine(error, path)
    return SyntherError(f"{path} is not a whole HDF5 file ({text}): {REBUILD}")


def _is_held(path: Path) -> bool:
    """Return whether another process has the file locked, as HDF5 does to write it."""
    with suppress(OSError), open(path, "rb") as handle:  # no locks on this file system
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def own_array(file: Any, key: str, path: Path) -> Any:
    """Return a dataset of an open file, not yet read, that is numbers of the file's own.

    HDF5 can make a name stand for another file's content, or a file's raw bytes: never followed.

    Raises:
        SyntherError: it is none, or claims more than such a file can hold.
    """
    import h5py

    node = file[key] if isinstance(file.get(key, getlink=True), h5py.HardLink) else None
    if node is None or (isinstance(node, h5py.Dataset) and (node.external or node.is_virtual)):
        raise SyntherError(f"{path}: {key} lies outside the file, where nothing is read: {REBUILD}")
    if not isinstance(node, h5py.Dataset):
        raise SyntherError(f"{path}: {key} is a group, not an array: {REBUILD}")
    if node.dtype.kind not in "biuf":
        raise SyntherError(f"{path}: {key} are of type {node.dtype}, not numbers: {REBUILD}")
    if node.size is None or node.size == 0:
        raise SyntherError(f"{path}: {key} are empty: {REBUILD}")
    require_bounded(path, int(node.size) * node.dtype.itemsize)
    return node


def own_text(place: Any, key: str) -> str | None:
    """Return a word that a file, or its attributes, has under `key`; None where it has none."""
    import h5py

    if isinstance(place, h5py.File):
        steps = itertools.accumulate(key.split("/"), "{}/{}".format)
        if not all(isinstance(place.get(step, getlink=True), h5py.HardLink) for step in steps):
            return None  # none, or one that lies outside the file
        node = place[key]
        if not isinstance(node, h5py.Dataset) or node.shape != () or node.external:
            return None
        place = {key: node[()]}
    value = place.get(key)
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    return str(value) if isinstance(value, str) else None
