"""torch's files: written with the same bytes for the same content, read without running any of it.

A file of tensors is a zip archive with a pickle in it. Here it is read only if every member is
whole (by their checksums, which torch does not look at) and stored as it is (none can swell), and
the pickle only by torch's reader of plain data.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from synther.errors import SyntherError
from synther.files import atomic_path, blame_machine, require_file

_PIECE = 1 << 22


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
    import torch

    try:
        _require_whole(path)
        with torch.serialization.safe_globals(list(classes)):
            content = torch.load(path, map_location=device, weights_only=True)
        for name in required:
            content[name]
        _require_own_values(content)
    except Exception as error:  # torch and zipfile raise many kinds for a damaged file
        blame_machine(error, path)
        # Of torch's long advice, the line that says what it met
        said = str(error).partition("WeightsUnpickler error:")[2].strip() or str(error)
        reason = said.splitlines()[0] if said else type(error).__name__
        raise SyntherError(f"{path} is damaged: {remedy} ({reason})") from error
    if not isinstance(content, dict):
        raise SyntherError(f"{path} is damaged: {remedy} (it holds a {type(content).__name__})")
    return content


def _require_whole(path: Path) -> None:
    """Raise unless every member is stored as it is and has its checksum."""
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if member.compress_type != zipfile.ZIP_STORED:
                raise ValueError(f"{member.filename} is compressed, which torch's files never are")
            with archive.open(member) as part:
                while part.read(_PIECE):
                    pass


def _require_own_values(content: Any) -> None:
    """Raise for a tensor of more values than its file holds, which a copy would make real."""
    import torch

    if isinstance(content, torch.Tensor):
        values = content.numel() * content.element_size()
        if content.layout == torch.strided and values > content.untyped_storage().nbytes():
            raise ValueError(f"a tensor of shape {tuple(content.shape)} repeats its values")
    elif isinstance(content, Mapping):
        for value in content.values():
            _require_own_values(value)
    elif isinstance(content, (list, tuple)):
        for value in content:
            _require_own_values(value)
