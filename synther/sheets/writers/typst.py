"""A sheet as a page, .pdf and .png: `page.typ` beside this lays it out, typst sets it.

typst and its fonts come as a wheel; matplotlib's letters are used in text and plots alike. The same
sheet gives the same bytes with the same versions of the libraries.
"""

import json
import shutil
import tempfile
from pathlib import Path

from synther.sheets.sheet import Sheet

SUFFIXES = (".pdf", ".png")
PIXELS_PER_INCH = 200.0


def render(sheet: Sheet) -> dict[str, bytes]:
    """Return the page: heading, plots, tables and footnotes."""
    import matplotlib as mpl
    import typst

    from synther.sheets.plot import svg

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        content = sheet.plain()
        for plain, table in zip(content["tables"], sheet.tables, strict=True):
            plain["heads"] = table.heads()
        (folder / "sheet.json").write_text(json.dumps(content), encoding="utf-8")
        for index, plot in enumerate(sheet.plots):
            (folder / f"plot-{index}.svg").write_bytes(svg(plot))
        compiler = typst.Compiler(
            str(shutil.copy(Path(__file__).with_name("page.typ"), folder)),
            root=str(folder),
            font_paths=[str(Path(mpl.get_data_path()) / "fonts" / "ttf")],
            ignore_system_fonts=True,
        )
        pdf = compiler.compile(format="pdf")
        png = compiler.compile(format="png", ppi=PIXELS_PER_INCH)
    assert isinstance(pdf, bytes)  # a page alone
    assert isinstance(png, bytes)
    return {".pdf": pdf, ".png": png}
