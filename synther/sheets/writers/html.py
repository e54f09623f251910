"""A sheet as a part of an HTML page: what the page of a preset puts together.

It writes no file of its own. Numbers carry what they are sorted by and the runs behind them, which
the page's script opens.
"""

import base64
import functools
from itertools import groupby
from pathlib import Path
from typing import Any

from synther.sheets.sheet import AGREEMENTS, Row, Sheet, Table

SUFFIXES: tuple[str, ...] = ()
TEMPLATE = "sheet.html.jinja"


def render(sheet: Sheet) -> dict[str, str]:
    """Return nothing: `fragment` is asked for instead."""
    return {}


@functools.cache
def environment(*folders: Path) -> Any:
    """Return jinja's environment, with the templates of these folders besides."""
    import jinja2

    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader([Path(__file__).parent, *folders]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    made.filters |= {"slug": slug, "heads": heads, "has_agreement": has_agreement}
    made.globals["AGREEMENTS"] = AGREEMENTS
    return made


def fragment(sheet: Sheet) -> str:
    """Return banner, budget, tables, plots and footnotes; plots are SVG within it."""
    from synther.sheets.plot import svg

    images = [base64.b64encode(svg(plot)).decode() for plot in sheet.plots]
    text: str = environment().get_template(TEMPLATE).render(sheet=sheet, images=images)
    return text


def slug(text: str) -> str:
    """Return text as part of an id."""
    return "-".join("".join(c if c.isalnum() else " " for c in text.lower()).split())


def heads(table: Table) -> list[list[tuple[str, int, bool]]]:
    """Return the lines of heads that span columns: (text, columns, whether they are published)."""
    depth = max(len(column.groups) for column in table.columns)
    lines = []
    for level in range(depth):
        line = []
        for groups, members in groupby(table.columns, key=lambda c: c.groups[: level + 1]):
            own = list(members)
            text = groups[level] if len(groups) > level else ""
            line.append((text, len(own), all(column.is_published for column in own)))
        lines.append(line)
    return lines


def has_agreement(rows: tuple[Row, ...]) -> bool:
    """Return whether any number stands beside a published one."""
    return any(cell.agreement for row in rows for cell in row.cells)
