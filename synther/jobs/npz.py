"""Reading NumPy archives that may be damaged, or made to do harm."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from synther.errors import SyntherError
from synther.jobs.files import blame_machine, require_bounded, require_file

if TYPE_CHECKING:
    import numpy as np


def read_npz(
    path: str | Path, required: Sequence[str], optional: Sequence[str] = (), what: str = "file"
) -> dict[str, np.ndarray]:
    """Read the named arrays of an `.npz`; nothing in it is ever unpickled.

    Args:
        required: names of arrays that it must have.
        optional: names of arrays that are read where it has them.
        what: what the file is, for the errors.

    Raises:
        SyntherError: the file is missing, cut short, not an `.npz`, or lacks an array.
    """
    import numpy as np  # here, because the command line's help needs none

    with _opened(path) as archive:
        members = {name.removesuffix(".npy"): name for name in archive.namelist()}
        wanted = [name for name in (*required, *optional) if name in members]
        if missing := [name for name in required if name not in members]:
            raise SyntherError(
                f"{path} lacks {', '.join(missing)}; {what} has {', '.join(required)}"
            )
        sizes = [archive.getinfo(members[name]).file_size for name in wanted]
        require_bounded(Path(path), sum(sizes))
        found = {}
        for name, size in zip(wanted, sizes, strict=True):
            with archive.open(members[name]) as member:
                _require_shape(member, name, size)
                member.seek(0)
                found[name] = np.lib.format.read_array(member, allow_pickle=False)
    return found


def npz_shapes(path: str | Path, names: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the named arrays of an `.npz`, by their headers; the rest is not read.

    Raises:
        SyntherError: the file is missing, damaged, or lacks an array.
    """
    shapes = {}
    with _opened(path) as archive:
        for name in names:
            with archive.open(f"{name}.npy") as member:
                size = archive.getinfo(f"{name}.npy").file_size
                shapes[name] = _require_shape(member, name, size)
    return shapes


@contextmanager
def _opened(path: str | Path) -> Iterator[zipfile.ZipFile]:
    """Yield an archive; whatever zipfile, zlib and numpy raise inside comes out in words."""
    path = require_file(path)
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except SyntherError:
        raise
    except Exception as error:  # a dozen kinds for a damaged file
        blame_machine(error, path)
        reason = f"{type(error).__name__}: {error}"
        raise SyntherError(f"{path} is not a whole .npz file ({reason}): make it anew") from error


def _require_shape(member: IO[bytes], name: str, size: int) -> tuple[int, ...]:
    """Return the shape that an array's header gives, if the bytes that follow it are as many."""
    import numpy as np

    version = np.lib.format.read_magic(member)
    read = {1: np.lib.format.read_array_header_1_0, 2: np.lib.format.read_array_header_2_0}
    if version[0] not in read:
        raise ValueError(f"{name} has a header of version {version}")
    shape, _, kind = read[version[0]](member)
    wanted = math.prod(shape) * kind.itemsize
    if kind.hasobject or min(shape, default=0) < 0 or wanted != size - member.tell():
        raise ValueError(f"{name} claims shape {shape} of {kind}, and holds {size:,} bytes")
    return shape
