"""Tables and figures: `sheet` describes one, `writers` has a module a format.

A sheet knows nothing of what it is about, and a writer nothing but sheets.
"""

from synther.sheets.figure import Layer, Panel, Plot, Series, frame_columns, layered
from synther.sheets.sheet import MISSING, Cell, Column, Note, Row, Sheet, Table, columns, run_key

__all__ = [
    "MISSING",
    "Cell",
    "Column",
    "Layer",
    "Note",
    "Panel",
    "Plot",
    "Row",
    "Series",
    "Sheet",
    "Table",
    "columns",
    "frame_columns",
    "layered",
    "run_key",
]
