"""A sheet in GitHub's Markdown."""

from synther.sheets.sheet import MISSING, Cell, Column, Row, Sheet, Table

SUFFIXES = (".md",)


def render(sheet: Sheet) -> dict[str, str]:
    """Return heading, tables and footnotes; published numbers are in italics."""
    lines = [f"# {sheet.title}", ""]
    if sheet.banner:
        lines += [f"> **{sheet.banner}**", ""]
    lines += [f"{line}  " for line in sheet.lines]
    for table in sheet.tables:
        lines += ["", *([_escaped(table.title), ""] if table.title else []), *_table(table)]
    notes = [f"- {_escaped(note.text)}" for note in sheet.notes if note.where != "page"]
    return {".md": "\n".join([*lines, "", *notes]) + "\n"}


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*")


def _cell(cell: Cell, column: Column, row: Row) -> str:
    text = _escaped(cell.text + cell.mark)
    if row.is_total and column.is_name:
        of = f", {row.section}" if row.section else ""
        return f"**{text}{of}**" if text else ""
    return f"*{text}*" if column.is_published and cell.text != MISSING else text


def _table(table: Table) -> list[str]:
    import pandas as pd

    rows = [
        [_cell(c, k, row) for c, k in zip(row.cells, table.columns, strict=True)]
        for row in table.rows
    ]
    heads = (": ".join([*column.groups, column.head]) for column in table.columns)
    frame = pd.DataFrame(rows, columns=list(map(_escaped, heads)))
    align = ["left" if column.is_name else "right" for column in table.columns]
    text = frame.to_markdown(index=False, tablefmt="pipe", disable_numparse=True, colalign=align)
    return text.splitlines()
