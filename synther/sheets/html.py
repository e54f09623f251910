"""A sheet as a part of an HTML page: what the page of a preset puts together.

Numbers carry what they are sorted by and the runs behind them, which the page's script opens.
"""

import base64
import functools
from pathlib import Path
from typing import Any

from synther.sheets.notes import environment
from synther.sheets.sheet import AGREEMENTS, Sheet, Table


@functools.cache
def template(name: str, *folders: Path) -> Any:
    """Return a template for HTML, of these folders or of those beside this."""
    made = environment(*folders, is_html=True)
    made.filters |= {"slug": slug, "heads": Table.heads}
    made.globals["AGREEMENTS"] = AGREEMENTS
    return made.get_template(name)


def fragment(sheet: Sheet) -> str:
    """Return banner, budget, tables, plots and footnotes; plots are SVG within it."""
    from synther.sheets.plot import svg

    images = [base64.b64encode(svg(plot)).decode() for plot in sheet.plots]
    return template("sheet.html.j2").render(sheet=sheet, images=images)


def slug(text: str) -> str:
    """Return text as part of an id."""
    return "-".join("".join(c if c.isalnum() else " " for c in text.lower()).split())
