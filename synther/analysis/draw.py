"""A comparison table as a figure, in the style of booktabs, without TeX."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from synther.analysis.comparison import Cell, Comparison
from synther.analysis.notes import footnotes
from synther.analysis.page import (
    BODY,
    INK,
    LINE,
    MARGIN,
    NOTE,
    Page,
    Style,
    fixed_style,
    heading,
    save_figure,
    text_width,
)
from synther.analysis.render import PAPER, blocks, row_label, spans
from synther.analysis.text import MISSING, number

GAP, AGENT_GAP = 13.0, 24.0
MIN_WIDTH = 400.0
PAPER_INK, ZEBRA = "#7a7a7a", "#f4f4f4"


def _signed(value: float) -> str:
    return number(value).replace("-", "−")


def _halves(cell: Cell) -> tuple[str, str]:
    spread = "" if math.isnan(cell.std) else f" ± {_signed(cell.std)}"
    return _signed(cell.mean), spread


def _mark_style(style: Style) -> Style:
    return Style(style.size * 0.75, style.weight, "normal", style.color)


class _Main:
    """The table of cells: columns as wide as their numbers, aligned at the ± sign."""

    def __init__(self, table: Comparison) -> None:
        self.table = table
        self.agents = spans(table, by_origin=False)
        self.origins = spans(table, by_origin=True)
        self.has_paper = any(column.is_paper for column in table.columns)
        labels = [(row_label(table, row), self.style(row.kind, False)) for row in table.rows]
        labels += [(f"{group} ", Style(weight="bold")) for group in table.spec.groups]
        self.label_width = max(text_width(text, style) for text, style in labels)
        self.lefts: list[float] = []
        self.widths: list[float] = []
        for index, column in enumerate(table.columns):
            left = right = 0.0
            for row in table.rows:
                if cell := row.cells[index]:
                    style = self.style(row.kind, column.is_paper)
                    mean, spread = _halves(cell)
                    left = max(left, text_width(mean, style))
                    tail = text_width(spread, style) + text_width(cell.mark, _mark_style(style))
                    right = max(right, tail)
            head = text_width(column.label, self.style("head", column.is_paper))
            self.lefts.append(left + max(0.0, head - left - right) / 2)
            self.widths.append(max(left + right, head))
        self._make_room(self.agents)
        if self.has_paper:
            self._make_room(self.origins)
        firsts = {start for _, start, _ in self.agents}
        self.gaps = [AGENT_GAP if i in firsts else GAP for i in range(len(self.widths))]
        self.width = self.label_width + sum(self.gaps) + sum(self.widths)

    def _make_room(self, heads: Sequence[tuple[str, int, int]]) -> None:
        """Widen columns whose common head is wider than they are."""
        for text, start, count in heads:
            room = sum(self.widths[start : start + count]) + GAP * (count - 1)
            lacking = max(0.0, text_width(text, Style(weight="bold")) - room) / count
            for index in range(start, start + count):
                self.widths[index] += lacking
                self.lefts[index] += lacking / 2

    @staticmethod
    def style(kind: str, is_paper: bool) -> Style:
        """The letters of a row's kind, and of measured or published numbers."""
        weight = "bold" if kind in ("average", "overall") and not is_paper else "normal"
        return Style(
            BODY, weight, "italic" if is_paper else "normal", PAPER_INK if is_paper else INK
        )

    def draw(self, page: Page) -> None:
        """Draw it at the page's `y` over the page's whole width."""
        end = page.width - MARGIN
        spare = (end - MARGIN - self.width) / len(self.gaps)
        x = MARGIN + self.label_width
        starts = []
        for gap, width in zip(self.gaps, self.widths, strict=True):
            x += gap + spare
            starts.append(x)
            x += width
        page.rule(MARGIN, end, 1.1)
        page.y += 2
        self._spanning(page, starts, self.agents, Style(weight="bold"))
        if self.has_paper:
            self._spanning(page, starts, self.origins, Style())
        page.text(MARGIN, "Dataset")
        for start, width, column in zip(starts, self.widths, self.table.columns, strict=True):
            style = self.style("head", column.is_paper)
            page.text(start + width / 2, column.label, "center", style)
        page.y += LINE + 2
        page.rule(MARGIN, end, 0.7)
        page.y += 2
        self._body(page, starts, end)
        page.rule(MARGIN, end, 1.1)

    def _spanning(
        self,
        page: Page,
        starts: Sequence[float],
        heads: Sequence[tuple[str, int, int]],
        style: Style,
    ) -> None:
        for text, start, count in heads:
            left, right = starts[start], starts[start + count - 1] + self.widths[start + count - 1]
            published = text == PAPER
            page.text(
                (left + right) / 2, text, "center", self.style("head", True) if published else style
            )
        page.y += LINE + 1
        for _, start, count in heads:
            page.rule(
                starts[start], starts[start + count - 1] + self.widths[start + count - 1], 0.5
            )
        page.y += 2

    def _body(self, page: Page, starts: Sequence[float], end: float) -> None:
        groups = self.table.spec.groups
        previous, stripe = "", 0
        for position, row in enumerate(self.table.rows):
            if row.kind == "cell" and row.group != previous and len(groups) > 1:
                page.text(MARGIN, row.group, style=Style(weight="bold"))
                page.y += LINE
                stripe = 0
            previous = row.group
            if row.kind == "cell" and stripe % 2:
                page.fills.append((MARGIN, page.y, end - MARGIN, LINE, ZEBRA))
            stripe += 1
            if row.kind != "cell" and self.table.rows[position - 1].kind == "cell":
                page.rule(MARGIN, end, 0.4)
            page.text(MARGIN, row_label(self.table, row), style=self.style(row.kind, False))
            for index, column in enumerate(self.table.columns):
                style = self.style(row.kind, column.is_paper)
                self._cell(page, starts[index], index, row.cells[index], style)
            page.y += LINE
            if row.kind == "average" and position + 1 < len(self.table.rows):
                page.y += 2
                page.rule(MARGIN, end, 0.4)
                page.y += 2
        page.y += 2

    def _cell(self, page: Page, start: float, index: int, cell: Cell | None, style: Style) -> None:
        pivot = start + self.lefts[index]
        if cell is None:
            page.text(start + self.widths[index] / 2, MISSING, "center", style)
            return
        mean, spread = _halves(cell)
        page.text(pivot, mean, "right", style)
        page.text(pivot, spread, "left", style)
        if cell.mark:
            page.y -= 2.5
            page.text(pivot + text_width(spread, style), cell.mark, "left", _mark_style(style))
            page.y += 2.5


def _block_widths(rows: Sequence[Sequence[str]]) -> list[float]:
    return [max(text_width(row[i], Style()) for row in rows) for i in range(len(rows[0]))]


def block_width(rows: Sequence[Sequence[str]]) -> float:
    """Return the least width of a block under its title, in points."""
    widths = _block_widths(rows)
    return sum(widths) + GAP * (len(widths) - 1)


def draw_block(page: Page, title: str, rows: Sequence[Sequence[str]]) -> None:
    """Draw a titled block of rows (a head first) at the page's `y`; two columns are names."""
    widths = _block_widths(rows)
    natural = sum(widths) + GAP * (len(widths) - 1)
    # over a much wider table the columns would stand too far apart to be read together
    end = MARGIN + min(page.width - 2 * MARGIN, natural * 1.6)
    gap = (end - MARGIN - sum(widths)) / (len(widths) - 1)
    if title:
        page.text(MARGIN, title, style=Style(weight="bold"))
        page.y += LINE + 2
    page.rule(MARGIN, end, 1.1)
    page.y += 2
    agent = ""
    for position, row in enumerate(rows):
        if position > 1 and row[0] != agent:
            page.y += 2
            page.rule(MARGIN, end, 0.4)
            page.y += 2
        shown = ["" if position > 1 and row[0] == agent else row[0], *row[1:]]
        agent = row[0]
        x = MARGIN
        for index, text in enumerate(shown):
            if index < 2:
                page.text(x, text)
            else:
                page.text(x + widths[index] / 2, text, "center")
            x += widths[index] + gap
        page.y += LINE
        if position == 0:
            page.y += 2
            page.rule(MARGIN, end, 0.7)
            page.y += 2
    page.y += 2
    page.rule(MARGIN, end, 1.1)


def draw(table: Comparison) -> Figure:
    """Return the table as a figure sized to its content.

    Measured numbers are upright and black, published ones italic and grey.
    """
    main = _Main(table)
    below = [
        (
            title,
            [
                [text.replace("-", "−") if i > 1 else text for i, text in enumerate(row)]
                for row in rows
            ],
        )
        for title, rows in blocks(table)
    ]
    inner = max(main.width, MIN_WIDTH)
    for _, rows in below:
        inner = max(inner, block_width(rows))
    page = Page(inner + 2 * MARGIN)
    heading(page, table.spec)
    page.y += 7
    main.draw(page)
    page.y += 12
    for title, rows in below:
        draw_block(page, title, rows)
        page.y += 8
    for note in footnotes(table):
        page.paragraph(note, Style(NOTE))
    return page.figure()


def save(table: Comparison, *paths: Path) -> list[Path]:
    """Draw the table and write it to every path, .pdf or .png; return the paths."""
    with fixed_style():
        figure = draw(table)
        return [save_figure(figure, path) for path in paths]
