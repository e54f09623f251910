"""Kinds of tables and figures: a folder each, found by being here.

A kind's folder has `plan.py` (what config/ asks for -> runs, files and a description), `numbers.py`
(rows of results -> `Numbers`, a tidy frame; `read`, if it takes other rows than
`scores.read_results` returns) and `sheet.py` (numbers -> `tables`, `plots` if it has any, and
`footnotes`: a list, or what a template beside it, `footnotes.j2`, says by name). A plan that
returns the description of another kind stands alone. Nothing elsewhere names a kind.

`measure(spec, rows)` of `numbers.py` is given a description and these rows; those of other
datasets, agents and sources than the description's are left aside. It raises `SyntherError` where
rows are of another preset, none belongs to it, or seeds of one run end at different steps.

Plans are asked for at every dry run: they import neither pandas nor what draws.
"""

import functools
import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType

from synther.errors import SyntherError, unknown_name
from synther.experiments.kinds.plan import Plan
from synther.experiments.kinds.spec import Numbers, Spec
from synther.sheets.figure import frame_columns
from synther.sheets.sheet import Note, Sheet

__all__ = ["Numbers", "Plan", "Spec", "make_sheet", "names", "plan_of", "sheet_of"]


def names() -> list[str]:
    """Return the names of all kinds, which `kind` in config/experiments.yaml can be."""
    return sorted(found.name for found in pkgutil.iter_modules(__path__) if found.ispkg)


def _part(kind: str, part: str) -> ModuleType:
    """Return a module of a kind's folder: one of this package's, or PACKAGE.FOLDER of one's own."""
    if "." not in kind and kind not in names():
        raise unknown_name("kind", kind, names(), "config/experiments.yaml")
    folder = kind if "." in kind else f"{__name__}.{kind}"
    try:
        return importlib.import_module(f"{folder}.{part}")
    except ImportError as error:
        raise SyntherError(f"kind '{kind}': {folder}.{part} can't be imported ({error})") from error


@functools.cache
def plan_of(kind: str) -> type[Plan]:
    """Return the class of a kind's plans.

    Raises:
        SyntherError: there is no such kind.
    """
    return _part(kind, "plan").Plan


def make_sheet(spec: Spec, paths: Sequence[str | Path]) -> Sheet:
    """Make a table or figure from result files.

    Args:
        spec: what to show, as a plan's `describe` returns it.
        paths: parquet files of results; which there must be is the kind's to say.

    Raises:
        SyntherError: a file is damaged, or the results don't belong to it.
    """
    from synther.statistics import scores

    numbers = _part(spec.kind, "numbers")
    read = getattr(numbers, "read", scores.read_results)
    made = sheet_of(numbers.measure(spec, read(paths)))
    return made if spec.is_evidence else made.without_agreement()


def sheet_of(found: Numbers) -> Sheet:
    """Return numbers as their kind's sheet; a table without rows is left out."""
    spec, part = found.spec, _part(found.spec.kind, "sheet")
    notes = part.footnotes(found) if hasattr(part, "footnotes") else {}
    if isinstance(notes, Mapping):
        from synther.sheets.notes import written

        notes = written(str(part.__file__), found, **notes)
    return Sheet(
        **{"name": spec.name, "kind": spec.kind, "title": spec.title, "preset": spec.preset},
        lines=tuple(spec.lines()),
        banner=spec.banner_text,
        tables=tuple(table for table in part.tables(found) if table.rows),
        plots=tuple(part.plots(found)) if hasattr(part, "plots") else (),
        notes=tuple(Note(note) if isinstance(note, str) else note for note in notes),
        tidy=frame_columns(found.tidy()),
    )
