"""A module a format, found by being here: `SUFFIXES`, and `render(sheet)` -> suffix -> content.

Modules import heavy libraries in their functions, so that asking for the formats costs nothing.
"""

import importlib
import pkgutil
from pathlib import Path
from types import ModuleType

from synther.jobs.files import atomic_path
from synther.sheets.sheet import Sheet


def writers() -> list[ModuleType]:
    """Return the modules of this folder, by name."""
    names = sorted(found.name for found in pkgutil.iter_modules(__path__))
    return [importlib.import_module(f"{__name__}.{name}") for name in names]


def suffixes() -> list[str]:
    """Return the suffixes of all files that a sheet is written to."""
    return [suffix for writer in writers() for suffix in writer.SUFFIXES]


def write(sheet: Sheet, out: Path) -> list[Path]:
    """Write a sheet in all formats, each file atomically.

    Args:
        sheet: what to write.
        out: path without suffix, such as `figures/quick/table1`.

    Returns:
        The files: `out` with each of `suffixes()`.
    """
    found: list[Path] = []
    for writer in writers():
        for suffix, content in writer.render(sheet).items():
            path = out.with_name(out.name + suffix)
            data = content if isinstance(content, bytes) else content.encode("utf-8")
            with atomic_path(path) as temporary:
                temporary.write_bytes(data)
            found.append(path)
    return found
