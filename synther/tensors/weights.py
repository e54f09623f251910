"""torch's files: written with the same bytes for the same content, read without running any of it.

A file of tensors is a zip archive with a pickle in it. Here it is read only if every member is
whole (by their checksums, which torch does not look at) and stored as it is (none can swell), and
the pickle only by torch's reader of plain data.
"""

import errno
import zipfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from synther.errors import SyntherError
from synther.jobs.files import atomic_path, blame_machine, require_file

_PIECE = 1 << 22
_BEGINNINGS = {
    b"version https://git-lfs": "it is a pointer of Git LFS, not the file itself",
    b"<": "it is a web page, as of a download that was refused",
    b"\x80": "it is in the format of torch before 1.6: torch.load it, and torch.save it anew",
}
"""What a file that is no zip archive is instead, by its first bytes."""
_LONGEST = max(map(len, _BEGINNINGS))
MOST_INDEX = 2**26
"""Bytes of the pickled part of a file that is mapped, which names the tensors and holds none."""


class Unfit(ValueError):
    """What a file of torch's may not have, in words."""


def save(path: str | Path, content: Any) -> None:
    """Write tensors, numbers, strings, lists and dicts, atomically; same content, same bytes."""
    import torch

    # Given a path, torch would write the temporary file's random name into the file.
    with atomic_path(path) as temporary, open(temporary, "wb") as handle:
        torch.save(content, handle)


def load(
    path: str | Path,
    remedy: str,
    device: str = "cpu",
    required: Iterable[str] = (),
    classes: Iterable[Any] = (),
    missing: str = "check the path",
) -> dict[str, Any]:
    """Read what `save` wrote.

    Args:
        path: the file.
        remedy: what to do about a damaged one, for the error.
        device: where the tensors go.
        required: keys that it must have.
        classes: further classes and functions that its pickle may name.
        missing: what to do about one that is not there, for the error.

    Raises:
        SyntherError: the file is missing, damaged, of another kind, or names what it may not.
    """
    path = require_file(path, missing)
    try:
        content = read(path, device, classes)
        if lacking := [name for name in required if name not in content]:
            raise Unfit(f"it lacks {', '.join(lacking)}")
    except Unfit as unfit:
        raise SyntherError(f"{path} is damaged: {remedy} ({unfit})") from unfit
    return content


def read(
    path: Path, device: str = "cpu", classes: Iterable[Any] = (), mapped: bool = False
) -> dict[str, Any]:
    """Return the dictionary in a file of torch's.

    Args:
        path: the file, which is there.
        device: where the tensors go.
        classes: further classes and functions that its pickle may name.
        mapped: tensors are read where they are used, and their checksums are not looked at: for a
            large file of which a part is wanted.

    Raises:
        Unfit: it is no such file, damaged, or names what it may not.
        SyntherError: it can't be read for want of memory, or for a fault of the disk or device.
    """
    import torch

    try:
        _require_whole(path, index_only=mapped)
        with torch.serialization.safe_globals(list(classes)):
            content = torch.load(path, map_location=device, weights_only=True, mmap=mapped)
        if not mapped:
            _require_own_values(content)
    except Exception as error:  # torch and zipfile raise many kinds for a damaged file
        raise Unfit(_why(error, path, classes)) from error
    if not isinstance(content, dict):
        raise Unfit(f"it holds a {type(content).__name__}, not names and tensors")
    return content


def _why(error: Exception, path: Path, classes: Iterable[Any]) -> str:
    """Say what is wrong with a file that could not be read; torch's own words are of its API.

    Raises:
        SyntherError: nothing is wrong with the file, but with the disk, the memory or the device.
    """
    import torch

    if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
        raise SyntherError(f"{path} can't be read: {error.strerror}") from error
    if not isinstance(error, MemoryError):
        blame_machine(error, path)
    said = str(error)
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "t allocate memory" in said:
        raise SyntherError(f"{path} does not fit the memory that is left: free some") from error
    if isinstance(error, torch.AcceleratorError) or "CUDA" in said:
        raise SyntherError(f"{path}: its tensors can't go to the device: try cpu") from error
    if isinstance(error, zipfile.BadZipFile):
        with open(path, "rb") as file:
            start = file.read(_LONGEST)
        found = (text for begin, text in _BEGINNINGS.items() if start.startswith(begin))
        return next(found, "it was cut short, or is no file that torch.save wrote")
    if isinstance(error, Unfit):
        return said
    names: list[str] = []
    with suppress(Exception), torch.serialization.safe_globals(list(classes)):
        # of a damaged pickle, which can't be listed either, there are none
        names = sorted(torch.serialization.get_unsafe_globals_in_checkpoint(path))
    if names:
        return f"it names {', '.join(names[:3])}: no tensor, number or text, and code is never run"
    return "its parts do not fit together"


def _require_whole(path: Path, index_only: bool) -> None:
    """Raise unless every member is stored as it is and, if they are all read, has its checksum."""
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if member.compress_type != zipfile.ZIP_STORED:
                raise Unfit(f"{member.filename} is compressed, which torch's files never are")
            if index_only and member.filename.endswith(".pkl") and member.file_size > MOST_INDEX:
                raise Unfit(
                    f"{member.filename}, which names its tensors, is of {member.file_size:,} bytes"
                )
            if index_only:
                continue
            with archive.open(member) as part:
                while part.read(_PIECE):
                    pass


def _require_own_values(content: Any) -> None:
    """Raise for a tensor of more values than its file holds, which a copy would make real."""
    import torch

    if isinstance(content, torch.Tensor):
        values = content.numel() * content.element_size()
        if content.layout == torch.strided and values > content.untyped_storage().nbytes():
            raise Unfit(f"a tensor of shape {tuple(content.shape)} repeats its values")
    elif isinstance(content, Mapping):
        for value in content.values():
            _require_own_values(value)
    elif isinstance(content, (list, tuple)):
        for value in content:
            _require_own_values(value)
