"""The one description of a table or figure, in and out of JSON."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

from synther.errors import SyntherError
from synther.sheets.figure import Plot

MISSING = "—"
"""What stands in a cell without a number."""


@dataclass(frozen=True)
class Cell:
    """What stands in one place of a table.

    Attributes:
        text: what is printed: a number with its spread or interval and unit, or words.
        value: the number, and what a column is sorted by; None for words.
        std: standard deviation, where it is printed; likewise the ends of the interval.
        unit: of the value, where its column has none.
        mark: sign behind the text, of where a published number is known from.
        status: the same in words (`synther.statistics.published.STATUSES`), several joined by `;`.
        agreement: how a measured number stands to the published one (`AGREEMENTS`), or nothing.
        runs: keys of the runs behind it (`run_key`), or paths of records.
    """

    text: str = MISSING
    value: float | None = None
    std: float | None = None
    low: float | None = None
    high: float | None = None
    unit: str = ""
    mark: str = ""
    status: str = ""
    agreement: str = ""
    runs: tuple[str, ...] = ()


AGREEMENTS = {
    "close": ("≈", "agrees"),
    "noise": ("~", "within the noise of seeds"),
    "higher": ("▲", "higher than the paper's"),
    "lower": ("▼", "lower than the paper's"),
}
"""How a number stands to the published one: a sign and words, beside the colour."""


def run_key(dataset: str, source: str, agent: str) -> str:
    """Return the name of a run in a sheet's cells."""
    return f"{dataset}|{source}|{agent}"


@dataclass(frozen=True)
class Column:
    """A column: its head, the heads that span it and its neighbours, outermost first.

    Attributes:
        head: what stands above its cells.
        groups: heads that it shares with the columns beside it.
        is_name: whether its cells are words that name the row.
        is_published: whether its numbers were published and not measured here.
        width: in points, of a column whose words are wrapped; 0 for as wide as its cells.
    """

    head: str
    groups: tuple[str, ...] = ()
    is_name: bool = False
    is_published: bool = False
    width: float = 0.0


def columns(
    names: Iterable[str], heads: Iterable[str], published: Iterable[str] = ()
) -> tuple[Column, ...]:
    """Return columns of words that name rows, of numbers, and of published ones."""
    return (
        *(Column(head, is_name=True) for head in names),
        *map(Column, heads),
        *(Column(head, is_published=True) for head in published),
    )


@dataclass(frozen=True)
class Row:
    """A row: a cell a column.

    Attributes:
        cells: as many as the table has columns.
        section: what it stands under within the table, or nothing.
        is_total: whether it summarises the rows above; it stays below when they are sorted.
        verdict: of a claim; colours the row.
    """

    cells: tuple[Cell, ...]
    section: str = ""
    is_total: bool = False
    verdict: str = ""


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        title: heading, or nothing.
        columns: those of every row.
        rows: in order.
        is_drawn: whether it stands on the page (.pdf, .png) too, and not only in text formats,
            where it has the numbers behind a plot.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    is_drawn: bool = True

    def heads(self) -> list[list[tuple[str, int, bool]]]:
        """Return the lines of heads that span columns: (text, how many, whether published)."""
        lines = []
        for level in range(max(len(column.groups) for column in self.columns)):
            line = []
            for groups, own in groupby(self.columns, key=lambda c: c.groups[: level + 1]):
                published = [column.is_published for column in own]
                text = groups[level] if len(groups) > level else ""
                line.append((text, len(published), all(published)))
            lines.append(line)
        return lines


def table(
    title: str, columns: Iterable[Column], rows: Iterable[Any], is_drawn: bool = True
) -> Table:
    """Return a `Table` of rows: a `Row`, or its cells, each."""
    made = (each if isinstance(each, Row) else row(*each) for each in rows)
    return Table(title, tuple(columns), tuple(made), is_drawn)


def row(*cells: Cell | str, **known: Any) -> Row:
    """Return a row of cells, words among them as they stand; see `Row`."""
    return Row(tuple(Cell(c) if isinstance(c, str) else c for c in cells), **known)


Where = Literal["", "page", "text"]


@dataclass(frozen=True)
class Note:
    """A footnote; `where` keeps it to the page (.pdf, .png), or to formats of text alone."""

    text: str
    where: Where = ""


@dataclass(frozen=True)
class Sheet:
    """A table or figure.

    Attributes:
        name: the experiment's slug.
        kind: the experiment's.
        title: heading.
        preset: slug.
        lines: preset with its budget, and the simulator, a line each.
        banner: what keeps a preset's numbers from being taken for the paper's, or nothing.
        tables: in order.
        plots: in order; they stand above the tables.
        notes: footnotes.
        tidy: column -> values of everything in it, one number a row, for machines.
    """

    name: str
    kind: str
    title: str
    preset: str
    lines: tuple[str, ...]
    banner: str = ""
    tables: tuple[Table, ...] = ()
    plots: tuple[Plot, ...] = ()
    notes: tuple[Note, ...] = ()
    tidy: dict[str, list[Any]] = field(default_factory=dict)

    def with_cells(self, change: Callable[[Cell], Cell]) -> Sheet:
        """Return it with every cell of its tables changed."""

        def changed(row: Row) -> Row:
            return dataclasses.replace(row, cells=tuple(map(change, row.cells)))

        tables = (
            dataclasses.replace(table, rows=tuple(map(changed, table.rows)))
            for table in self.tables
        )
        return dataclasses.replace(self, tables=tuple(tables))

    def without_agreement(self) -> Sheet:
        """Return it with nothing said of how its numbers stand to published ones."""
        return self.with_cells(lambda cell: dataclasses.replace(cell, agreement=""))

    def plain(self, **known: Any) -> dict[str, Any]:
        """Return it as plain data, by pydantic's `dump_python`; NaN is None."""
        return _adapter().dump_python(self, mode="json", **known)

    def to_json(self) -> str:
        """Return it as JSON; what has its default value is left out, and NaN is null."""
        content = self.plain(exclude_defaults=True)
        return json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)

    @classmethod
    def read(cls, path: Path) -> Sheet:
        """Read a sheet's file.

        Raises:
            SyntherError: it is missing, damaged, or of another version.
        """
        try:
            return _adapter().validate_json(path.read_bytes())
        except (OSError, ValueError) as error:
            words = str(error).splitlines()[0]
            raise SyntherError(
                f"{path} is not what this version writes ({words}): remove it and make it again"
            ) from error


@functools.cache
def _adapter() -> Any:
    from pydantic import TypeAdapter  # here: it takes half a second

    return TypeAdapter(Sheet)
