"""HDF5 files of others: only arrays of numbers that lie in the file itself, of bounded size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from synther.errors import SyntherError
from synther.files import require_bounded, require_file

REBUILD = "download or collect the file again"


@contextmanager
def open_hdf5(path: str | Path, keys: Sequence[str], what: str) -> Iterator[Any]:
    """Yield an open HDF5 file that has `keys`; whatever h5py raises inside comes out in words.

    Args:
        path: the file.
        keys: names that it must have.
        what: what has them, for the error.

    Raises:
        SyntherError: the file is missing, damaged, or lacks a key.
    """
    import h5py  # here, because it loads slowly and `.npz` users never need it

    path = require_file(path, "check the path, or download it with `synther download`")
    try:
        with h5py.File(path, "r") as file:
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
        raise SyntherError(f"{path} is not a whole HDF5 file ({error}): {REBUILD}") from error


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
