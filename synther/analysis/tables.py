"""A comparison table in every format: .csv, .md, .tex, .pdf and .png."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from synther.analysis import draw, render
from synther.analysis.comparison import compare
from synther.analysis.scores import read_results
from synther.analysis.spec import DatasetRow, PaperColumns, TableSpec
from synther.files import atomic_path

__all__ = ["DatasetRow", "PaperColumns", "TableSpec", "build_comparison", "read_results"]

SUFFIXES = (".csv", ".md", ".tex", ".pdf", ".png")


def build_comparison(spec: TableSpec, results: pd.DataFrame, out: Path) -> list[Path]:
    """Make a comparison table and write it in all formats.

    Args:
        spec: what to print.
        results: rows as `read_results` returns them.
        out: path without suffix, such as `figures/quick/table1`.

    Returns:
        The files written: `out` with each of `SUFFIXES`.

    Raises:
        SyntherError: the results don't belong to the table, or a file can't be written.
    """
    table = compare(spec, results)
    csv, md, tex, pdf, png = (out.with_name(out.name + suffix) for suffix in SUFFIXES)
    texts = {
        csv: render.tidy(table).to_csv(index=False, lineterminator="\n"),
        md: render.markdown(table),
        tex: render.latex(table),
    }
    for path, text in texts.items():
        with atomic_path(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return [*texts, *draw.save(table, pdf, png)]
