"""Folders of results, looked through: every file below one, behind links too."""

import fnmatch
import os
from collections.abc import Iterator
from pathlib import Path

from synther.errors import SyntherError


def walk(folder: str | Path, _above: tuple[tuple[int, int], ...] = ()) -> Iterator[Path]:
    """Yield every file and folder below a folder by name, through links; the one way to walk trees.

    Results may lie elsewhere, behind links, at any depth. A link to a folder above it is yielded
    and not followed, one that leads nowhere is yielded. Nothing is yielded of what is not there.

    Raises:
        SyntherError: a folder can't be read.
    """
    folder = Path(folder)
    try:
        status, entries = os.stat(folder), sorted(folder.iterdir())
    except OSError as error:
        if not os.path.lexists(folder):  # or not any more
            return
        raise SyntherError(
            f"{folder} can't be read: {error.strerror}; see where it leads, and its permissions"
        ) from error
    if (own := (status.st_dev, status.st_ino)) in _above:
        return
    for path in entries:
        yield path
        if os.path.isdir(path):
            yield from walk(path, (*_above, own))


NOWHERE = "is a link that leads nowhere: mount what it points to, or mend it"


def leads_nowhere(path: Path) -> bool:
    """Return whether a path is a link to what is not there."""
    return path.is_symlink() and not path.exists()


def files_below(folder: str | Path, pattern: str) -> list[Path]:
    """Return the files below a folder whose names match a pattern, at any depth, through links.

    Hidden files and folders, such as what a job is about to write, are left out.

    Raises:
        SyntherError: a folder can't be read, or a link leads nowhere: what is behind it would be
            left out in silence.
    """
    found = []
    for path in walk(folder):
        if any(part.startswith(".") for part in path.relative_to(folder).parts):
            continue
        if leads_nowhere(path):
            raise SyntherError(f"{path} {NOWHERE}")
        if path.is_file() and fnmatch.fnmatchcase(path.name, pattern):
            found.append(path)
    return found
