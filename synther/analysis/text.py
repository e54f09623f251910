"""Numbers and tables as text: rounding, Markdown, and LaTeX with booktabs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_UP, Decimal

from synther.analysis.bootstrap import Estimate
from synther.analysis.spec import Spec

MISSING = "—"


def number(value: float, digits: int = 1) -> str:
    """Format a number, halves rounded up as in print; what rounds to zero has no sign."""
    # first to six places, because a mean of printed numbers falls a hair beside its half
    exact = Decimal(repr(round(float(value), 6)))
    text = str(exact.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP))
    return text.lstrip("-") if float(text) == 0 else text


def estimate_text(estimate: Estimate | None, digits: int) -> str:
    """Return `value [low, high]`, without the interval if there is none."""
    if estimate is None:
        return MISSING
    value = number(estimate.value, digits)
    if math.isnan(estimate.low):
        return value
    return f"{value} [{number(estimate.low, digits)}, {number(estimate.high, digits)}]"


def seeds_text(counts: Sequence[int]) -> str:
    """Return how many seeds there are, where places differ the least and the most."""
    low, high = min(counts), max(counts)
    listed = f"{low} to {high}" if low != high else f"{high}"
    return f"{listed} {'seed' if high == 1 else 'seeds'}"


def pipe(cells: Iterable[str]) -> str:
    """Return a row of a Markdown table."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def markdown_table(rows: Sequence[Sequence[str]], names: int = 2) -> list[str]:
    """Return the lines of a Markdown table of a head and rows; `names` columns are not numbers."""
    head, *body = rows
    lines = [pipe(head), pipe(["---"] * names + ["---:"] * (len(head) - names))]
    return lines + [pipe(row) for row in body]


def markdown_head(spec: Spec) -> list[str]:
    """Return the lines above a table: title, banner, preset."""
    lines = [f"# {spec.title}", ""]
    if spec.banner_text:
        lines += [f"> **{spec.banner_text}**", ""]
    return [*lines, *(line + "  " for line in spec.provenance_lines)]


def markdown_notes(notes: Iterable[str]) -> list[str]:
    """Return footnotes as a list."""
    return ["- " + note.replace("*", "\\*") for note in notes]


_TEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        **{sign: "\\" + sign for sign in "&%$#_{}"},
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "[": "{[}",  # behind \\ a bracket or a star would be read as its argument
        "]": "{]}",
        "*": "{*}",
        "±": r"$\pm$",
        "→": r"$\rightarrow$",
        "−": "-",
        "—": "---",
        "†": r"\textdagger{}",
        "‡": r"\textdaggerdbl{}",
        "§": r"\textsection{}",
        "¶": r"\textparagraph{}",
    }
)


def escape_tex(text: str) -> str:
    """Return text that LaTeX prints as it stands."""
    return text.translate(_TEX)


def tex_head(spec: Spec) -> list[str]:
    """Return the lines that begin a LaTeX `table`: caption, label, banner."""
    caption = " ".join(f"{line.rstrip('.')}." for line in [spec.title, *spec.provenance_lines])
    lines = ["% needs \\usepackage{booktabs,xcolor}", r"\begin{table}[t]", r"\centering\scriptsize"]
    lines.append(rf"\caption{{{escape_tex(caption)}}}")
    lines.append(rf"\label{{tab:{spec.preset}-{spec.name}}}")
    if spec.banner_text:
        lines.append(rf"{{\bfseries {escape_tex(spec.banner_text)}}}\par\smallskip")
    return lines


def tex_tabular(rows: Sequence[Sequence[str]], names: int = 2) -> list[str]:
    """Return the lines of a `tabular` of a head and rows; `names` columns are not numbers.

    A row whose first cell is neither blank nor that of the row before is set off by a rule.
    """
    head, *body = rows
    columns = "l" * names + "r" * (len(head) - names)
    lines = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule"]
    lines += [" & ".join(map(escape_tex, head)) + r" \\", r"\midrule"]
    for position, row in enumerate(body):
        if position and row[0] and row[0] != body[position - 1][0]:
            lines.append(r"\midrule")
        lines.append(" & ".join(map(escape_tex, row)) + r" \\")
    return [*lines, r"\bottomrule", r"\end{tabular}"]


def tex_foot(notes: Iterable[str]) -> list[str]:
    """Return the lines that end a LaTeX `table`: footnotes."""
    joined = r"\\ ".join(map(escape_tex, notes))
    return [r"\par\smallskip", rf"\parbox{{\linewidth}}{{\raggedright {joined}}}", r"\end{table}"]
