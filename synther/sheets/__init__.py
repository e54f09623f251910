"""Tables and figures: `sheet` describes one, `writers` has a module a format.

A sheet knows nothing of what it is about, and a writer nothing but sheets.
"""

from synther.sheets.figure import Panel as Panel
from synther.sheets.figure import Plot as Plot
from synther.sheets.figure import Series as Series
from synther.sheets.figure import curves as curves
from synther.sheets.figure import layered as layered
from synther.sheets.sheet import MISSING as MISSING
from synther.sheets.sheet import Cell as Cell
from synther.sheets.sheet import Column as Column
from synther.sheets.sheet import Note as Note
from synther.sheets.sheet import Row as Row
from synther.sheets.sheet import Sheet as Sheet
from synther.sheets.sheet import Table as Table
from synther.sheets.sheet import columns as columns
from synther.sheets.sheet import row as row
from synther.sheets.sheet import run_key as run_key
from synther.sheets.sheet import table as table
