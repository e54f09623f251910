"""A sheet as a part of an HTML page: what the page of a preset puts together.

Numbers carry what they are sorted by and the runs behind them, which the page's script opens.
"""

import base64
import functools
from pathlib import Path
from typing import Any

from synther.sheets.sheet import AGREEMENTS, Sheet, Table


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
    made.filters |= {"slug": slug, "heads": Table.heads}
    made.globals["AGREEMENTS"] = AGREEMENTS
    return made


def fragment(sheet: Sheet) -> str:
    """Return banner, budget, tables, plots and footnotes; plots are SVG within it."""
    from synther.sheets.plot import svg

    images = [base64.b64encode(svg(plot)).decode() for plot in sheet.plots]
    return environment().get_template("sheet.html.j2").render(sheet=sheet, images=images)


def slug(text: str) -> str:
    """Return text as part of an id."""
    return "-".join("".join(c if c.isalnum() else " " for c in text.lower()).split())
