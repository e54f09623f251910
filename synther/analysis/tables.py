"""Tables and figures in every format: .csv, .md, .tex, .pdf and .png."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from synther.analysis import curve_draw, curve_render, draw, render
from synther.analysis.comparison import compare
from synther.analysis.curve import trace
from synther.analysis.curve_spec import CurveSpec
from synther.analysis.scores import read_results
from synther.analysis.spec import DatasetRow, PaperColumns, Scaling, TableSpec
from synther.files import atomic_path

__all__ = [
    "CurveSpec",
    "DatasetRow",
    "PaperColumns",
    "Scaling",
    "TableSpec",
    "build_comparison",
    "build_curve",
    "read_results",
]

SUFFIXES = (".csv", ".md", ".tex", ".pdf", ".png")


def _paths(out: Path) -> list[Path]:
    return [out.with_name(out.name + suffix) for suffix in SUFFIXES]


def _write(texts: dict[Path, str]) -> list[Path]:
    for path, text in texts.items():
        with atomic_path(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return list(texts)


def _csv(frame: pd.DataFrame) -> str:
    return frame.to_csv(index=False, lineterminator="\n")


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
    csv, md, tex, pdf, png = _paths(out)
    texts = {csv: _csv(render.tidy(table)), md: render.markdown(table), tex: render.latex(table)}
    return [*_write(texts), *draw.save(table, pdf, png)]


def build_curve(spec: CurveSpec, results: pd.DataFrame, out: Path) -> list[Path]:
    """Make a curve and write it in all formats: the figure, and its numbers as tables.

    Args:
        spec: what to show.
        results: rows as `read_results` returns them.
        out: path without suffix, such as `figures/quick/small_data`.

    Returns:
        The files written: `out` with each of `SUFFIXES`.

    Raises:
        SyntherError: the results don't belong to the curve, or a file can't be written.
    """
    curve = trace(spec, results)
    csv, md, tex, pdf, png = _paths(out)
    texts = {
        csv: _csv(curve_render.tidy(curve)),
        md: curve_render.markdown(curve),
        tex: curve_render.latex(curve),
    }
    return [*_write(texts), *curve_draw.save(curve, pdf, png)]
