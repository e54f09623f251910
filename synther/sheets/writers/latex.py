"""A sheet as a LaTeX `table`, by pandas' Styler; it needs the packages booktabs and xcolor."""

from itertools import accumulate

from synther.sheets.sheet import MISSING, Cell, Column, Row, Sheet, Table

SUFFIXES = (".tex",)
_SIGNS = {
    **{"±": r"$\pm$", "→": r"$\rightarrow$", "−": "-", "—": "---", "≈": r"$\approx$"},
    **{"†": r"\textdagger{}", "‡": r"\textdaggerdbl{}", "§": r"\textsection{}"},
    **{"¶": r"\textparagraph{}", "²": r"\textsuperscript{2}", "×": r"$\times$"},
}
_SPECIAL = {
    "\\": r"\textbackslash{}",
    **{sign: "\\" + sign for sign in "&%$#_{}"},
    **{"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}"},
    **{">": r"\textgreater{}", "[": "{[}", "]": "{]}", "*": "{*}"},
}
_TABLE = str.maketrans(_SPECIAL | _SIGNS)


def escaped(text: str) -> str:
    """Return text that LaTeX prints as it stands."""
    return text.translate(_TABLE)


def render(sheet: Sheet) -> dict[str, str]:
    """Return the table with its caption, banner and footnotes."""
    caption = " ".join(f"{line.rstrip('.')}." for line in [sheet.title, *sheet.lines])
    lines = ["% needs \\usepackage{booktabs,xcolor}", r"\begin{table}[t]", r"\centering\scriptsize"]
    lines += [rf"\caption{{{escaped(caption)}}}", rf"\label{{tab:{sheet.preset}-{sheet.name}}}"]
    if sheet.banner:
        lines.append(rf"{{\bfseries {escaped(sheet.banner)}}}\par\smallskip")
    for index, table in enumerate(sheet.tables):
        if index or table.title:
            title = rf"\emph{{{escaped(table.title)}}}\par\smallskip" if table.title else ""
            lines.append(rf"\par\medskip{title}")
        lines.append(_tabular(table))
    notes = r"\\ ".join(escaped(note.text) for note in sheet.notes if note.where != "page")
    lines += [r"\par\smallskip", rf"\parbox{{\linewidth}}{{\raggedright {notes}}}", r"\end{table}"]
    return {".tex": "\n".join(lines) + "\n"}


def _cell(cell: Cell, column: Column, row: Row) -> str:
    text = escaped(cell.text)
    if cell.mark:
        text += rf"\textsuperscript{{{escaped(cell.mark)}}}"
    if column.is_published and cell.text != MISSING:
        return rf"\textcolor{{gray}}{{{text}}}"
    return rf"\textbf{{{text}}}" if row.is_total and text else text


def _tabular(table: Table) -> str:
    import pandas as pd

    depth = max(len(column.groups) for column in table.columns)
    heads = [(*column.groups, *[""] * (depth - len(column.groups))) for column in table.columns]
    names = [
        (*map(escaped, own), escaped(c.head)) for own, c in zip(heads, table.columns, strict=True)
    ]
    # two columns of names: the first is printed once, and ruled off where it changes
    is_grouped = [c.is_name for c in table.columns[:2]] == [True, True]
    is_grouped = is_grouped and not any(row.section for row in table.rows)
    rows: list[list[str]] = []
    rules, section = set(), ""
    for above, row in zip((None, *table.rows), table.rows, strict=False):
        repeats = is_grouped and above is not None and above.cells[0].text == row.cells[0].text
        if above and not repeats and (is_grouped or row.is_total or above.is_total):
            rules.add(len(rows))
        if row.section != section and not row.is_total:
            rows.append([rf"\emph{{{escaped(row.section)}}}", *[""] * (len(names) - 1)])
            section = row.section
        cells = [_cell(c, k, row) for c, k in zip(row.cells, table.columns, strict=True)]
        rows.append(["", *cells[1:]] if repeats else cells)
    frame = pd.DataFrame(rows, columns=range(len(names)))
    frame.columns = pd.MultiIndex.from_tuples(names) if depth else pd.Index([n[0] for n in names])
    align = "".join(
        rf"p{{{column.width:g}pt}}" if column.width else "l" if column.is_name else "r"
        for column in table.columns
    )
    style = frame.style.hide(axis="index")
    lines = style.to_latex(hrules=True, column_format=align, multicol_align="c").splitlines()
    body = lines.index(r"\midrule") + 1
    for place in sorted(rules, reverse=True):
        lines.insert(body + place, r"\midrule")
    for level, spans in reversed(list(enumerate(table.heads()))):
        ends = accumulate(count for _, count, _ in spans)
        under = [
            rf"\cmidrule(lr){{{end - count + 1}-{end}}}"
            for end, (text, count, _) in zip(ends, spans, strict=True)
            if text
        ]
        lines.insert(lines.index(r"\toprule") + 2 + level, " ".join(under))
    return "\n".join(lines)
