"""The page of several trees of results: their numbers side by side, and the tables of each."""

import contextlib
import os
import string
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from synther import sheets
from synther.errors import SyntherError
from synther.experiments import Experiments
from synther.experiments.kinds import make_sheet
from synther.experiments.trees import NAMES, Name, files_of, read_tree
from synther.jobs.archive import opened
from synther.jobs.files import sha256
from synther.report.page import written
from synther.report.provenance import Archive
from synther.sheets import MISSING, Cell, Sheet, columns, run_key


@contextlib.contextmanager
def _within(tree: Path) -> Iterator[Experiments]:
    """Yield a tree's experiments, with the folder that its paths are relative to as working one."""
    with opened(tree) as folder:
        root = Path(os.path.abspath(folder))
        if root.parent.name != "results":
            raise SyntherError(f"{tree} is neither an archive nor a folder results/PRESET")
        with contextlib.chdir(root.parents[1]):
            yield Experiments(root.name)


def _cells(matrix: Experiments) -> Iterator[tuple[Name, Cell]]:
    """Yield all numbers of a tree, each with the run or record that it was made from."""
    for name, own in read_tree(Path("results", matrix.preset)).items():
        dataset, source, agent, unit = name
        record = matrix.fidelity_file(dataset, source).replace(".parquet", ".json")
        runs = [run_key(dataset, source, agent) if agent else record]
        yield name, Cell(own.text(unit), own.mean, runs=tuple(runs))


def _sheets(matrix: Experiments, notes: list[str]) -> Iterator[Sheet]:
    """Yield every table that something is there of; `notes` takes why one can't be made."""
    for name in matrix.made():
        plan = matrix.plan(name)
        if any(Path(path).is_file() for path in plan.inputs()):
            there = [path for path in plan.results() if Path(path).is_file()]
            try:
                yield make_sheet(plan.describe(), there)
            except SyntherError as error:
                notes.append(f"{name} can't be made of {matrix.preset}: {error}")


def render(trees: Sequence[Path]) -> str:
    """Return the page of several trees as HTML that needs nothing besides itself.

    Args:
        trees: archives, and folders results/PRESET; 26 at most.

    Raises:
        SyntherError: one is damaged, or none; or there are more.
    """
    letters = string.ascii_uppercase[: len(trees)]
    if len(trees) > len(letters):
        raise SyntherError(
            f"a page shows {len(letters)} trees at most, not {len(trees)}: name fewer"
        )
    archive, notes, matrices = Archive(), list[str](), list[Experiments]()
    cells: dict[Name, dict[str, Cell]] = defaultdict(dict)
    origins, every = {"board": ""}, dict[str, Sheet]()
    for letter, tree in zip(letters, trees, strict=True):
        archive.prefix = f"{letter}: "
        line = f"{letter}: {tree}" + (f", sha256 {sha256(tree)}" if tree.is_file() else "")

        def named(cell: Cell, prefix: str = archive.prefix) -> Cell:
            return replace(cell, runs=tuple(prefix + key for key in cell.runs))

        with _within(tree) as matrix:
            matrices.append(matrix)
            archive.gather(*files_of(Path("results", matrix.preset)))
            for name, cell in _cells(matrix):
                cells[name][letter] = named(cell)
            for sheet in _sheets(matrix, notes):
                key, title = f"{sheet.name}-{letter.lower()}", f"{letter}: {sheet.title}"
                every[key] = replace(sheet.with_cells(named), name=key, title=title)
                origins[key] = line
        origins["board"] += f"{line}, preset {matrix.preset}. "
    rows = [
        (*(part or MISSING for part in name), *(own.get(letter, Cell()) for letter in letters))
        for name, own in sorted(cells.items())
    ]
    title = "Mean ± standard deviation (seeds) of the last evaluation"
    board = Sheet(
        name="board",
        kind="board",
        title="Results side by side",
        preset="",
        lines=(),
        tables=(sheets.table(title, columns(map(str.capitalize, NAMES), letters), rows),),
        notes=tuple(map(sheets.Note, notes)),
    )
    return written(matrices, {"board": board} | every, archive, origins, {})
