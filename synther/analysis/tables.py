"""Tables and figures in every format: .csv, .md, .tex, .pdf and .png."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd

from synther.analysis import (
    claims_draw,
    claims_render,
    curve_draw,
    curve_render,
    draw,
    fidelity_draw,
    fidelity_render,
    online_draw,
    online_render,
    render,
    summary_draw,
    summary_render,
    wall_time,
)
from synther.analysis.claims import judge
from synther.analysis.claims_spec import ClaimsSpec
from synther.analysis.comparison import compare
from synther.analysis.curve import trace
from synther.analysis.curve_spec import CurveSpec
from synther.analysis.fidelity import collect
from synther.analysis.fidelity_spec import FidelitySpec
from synther.analysis.online_numbers import measure
from synther.analysis.online_spec import OnlineSpec
from synther.analysis.scores import read_results
from synther.analysis.spec import DatasetRow, PaperColumns, Scaling, TableSpec
from synther.analysis.summary import summarise
from synther.analysis.summary_spec import SummarySpec
from synther.files import atomic_path

__all__ = [
    "ClaimsSpec",
    "CurveSpec",
    "DatasetRow",
    "FidelitySpec",
    "OnlineSpec",
    "PaperColumns",
    "Scaling",
    "SummarySpec",
    "TableSpec",
    "build_claims",
    "build_comparison",
    "build_curve",
    "build_fidelity",
    "build_online",
    "build_summary",
    "read_results",
]

SUFFIXES = (".csv", ".md", ".tex", ".pdf", ".png")


def _save(made: Any, render: ModuleType, draw: ModuleType, out: Path) -> list[Path]:
    """Write what was made in all formats: `render` makes the texts of it, `draw` the pictures."""
    csv, md, tex, pdf, png = (out.with_name(out.name + suffix) for suffix in SUFFIXES)
    texts = {
        csv: render.tidy(made).to_csv(index=False, lineterminator="\n"),
        md: render.markdown(made),
        tex: render.latex(made),
    }
    for path, text in texts.items():
        with atomic_path(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return [*texts, *draw.save(made, pdf, png)]


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
    return _save(table, render, draw, out)


def build_fidelity(spec: FidelitySpec, results: pd.DataFrame, out: Path) -> list[Path]:
    """Make a table or figure of generators and write it in all formats.

    Args:
        spec: what to show.
        results: rows as `read_results` returns them; empty where it shows no agent.
        out: path without suffix, such as `figures/quick/generators`.

    Returns:
        The files written: `out` with each of `SUFFIXES`.

    Raises:
        SyntherError: a result is damaged or of another preset, or a file can't be written.
    """
    sheet = collect(spec, results)
    return _save(sheet, fidelity_render, fidelity_draw, out)


def build_online(spec: OnlineSpec, results: pd.DataFrame, out: Path) -> list[Path]:
    """Make a figure or table of online training and write it in all formats.

    Args:
        spec: what to show.
        results: rows as `read_results` returns them; wall time is read from the spec's records.
        out: path without suffix, such as `figures/quick/online`.

    Returns:
        The files written: `out` with each of `SUFFIXES`.

    Raises:
        SyntherError: the results don't belong to it, or a file can't be read or written.
    """
    if spec.layout == "wall_time":
        return _save(wall_time.collect(spec), wall_time, wall_time, out)
    return _save(measure(spec, results), online_render, online_draw, out)


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
    return _save(curve, curve_render, curve_draw, out)


def build_summary(spec: SummarySpec, results: pd.DataFrame, out: Path) -> list[Path]:
    """Make a summary over datasets and write it in all formats.

    Args:
        spec: what to show.
        results: rows as `read_results` returns them.
        out: path without suffix, such as `figures/quick/aggregates`.

    Returns:
        The files written: `out` with each of `SUFFIXES`.

    Raises:
        SyntherError: the results don't belong to the summary, or a file can't be written.
    """
    found = summarise(spec, results)
    return _save(found, summary_render, summary_draw, out)


def build_claims(spec: ClaimsSpec, finals: pd.DataFrame, out: Path) -> list[Path]:
    """Decide the paper's claims and write the verdicts in all formats.

    Args:
        spec: the claims.
        finals: a row a seed, as `evaluations.finals` returns them; may be empty.
        out: path without suffix, such as `figures/quick/claims`.

    Returns:
        The files written: `out` with each of `SUFFIXES`.

    Raises:
        SyntherError: results are of another preset, or a file can't be read or written.
    """
    court = claims_render.Court(spec, judge(spec, finals))
    return _save(court, claims_render, claims_draw, out)
