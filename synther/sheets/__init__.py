"""Tables and figures: `sheet` describes one, `writers` has a module a format.

A sheet knows nothing of what it is about, and a writer nothing but sheets.
"""

from synther.sheets.figure import LEVEL, Panel, Plot, Series, curves, frame_columns, layered, lines
from synther.sheets.sheet import (
    MISSING,
    Cell,
    Column,
    Note,
    Row,
    Sheet,
    Table,
    columns,
    row,
    run_key,
    table,
)

__all__ = [
    "LEVEL",
    "MISSING",
    "Cell",
    "Column",
    "Note",
    "Panel",
    "Plot",
    "Row",
    "Series",
    "Sheet",
    "Table",
    "columns",
    "curves",
    "frame_columns",
    "layered",
    "lines",
    "row",
    "run_key",
    "table",
]
