"""Tables and figures of generators on a page: scatter, histograms, compression, and the table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from synther.analysis.curve_legend import COLORS, DASHES, MARKS
from synther.analysis.draw import block_width, draw_block
from synther.analysis.fidelity import Sheet
from synther.analysis.fidelity_render import blocks, dataset_label, footnotes
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
from synther.analysis.spec import DatasetRow
from synther.analysis.text import MISSING

POINTS = 1000
"""Samples drawn of a source: more only make a stain."""
TICK, GRID, REAL = 7.5, "#e4e4e4", "#9a9a9a"
MOST_WIDE = 640.0

Drawer = Callable[[Axes, str], None]
"""Draws a panel's content; is given the axes and the panel's key."""


def _looks(sheet: Sheet) -> dict[str, tuple[str, str]]:
    """Return each source's colour and mark; they are the same in every panel."""
    return {
        source: (COLORS[i % len(COLORS)], MARKS[i % len(MARKS)])
        for i, source in enumerate(sheet.spec.sources)
    }


class _Panels:
    """A grid of axes on a page, whose places are known before the page's height is."""

    def __init__(self, page: Page, columns: int, size: tuple[float, float], gap: float) -> None:
        self.page, self.columns, self.size, self.gap = page, columns, size, gap
        self.boxes: list[tuple[float, float, Drawer, str]] = []

    def add(self, items: list[tuple[str, str]], draw: Drawer, below: float, title: Style) -> None:
        """Lay out panels (key, title) from the page's `y` on, with room `below` each."""
        width, tall = self.size
        for index, (key, text) in enumerate(items):
            left = MARGIN + self.gap + (index % self.columns) * (width + self.gap)
            self.page.text(left, text, style=title)
            self.boxes.append((left, self.page.y + title.size + 5, draw, key))
            if index % self.columns == self.columns - 1 or index == len(items) - 1:
                self.page.y += title.size + 5 + tall + below

    def fill(self, figure: Figure) -> None:
        """Draw every panel into the finished page."""
        width, tall = self.size
        high = self.page.y + MARGIN
        for left, top, draw, key in self.boxes:
            place = (left / self.page.width, 1 - (top + tall) / high)
            axes = figure.add_axes((*place, width / self.page.width, tall / high))
            draw(axes, key)
            for side in ("top", "right"):
                axes.spines[side].set_visible(False)
            for side in ("left", "bottom"):
                axes.spines[side].set(color=INK, linewidth=0.6)
            axes.tick_params(labelsize=TICK, width=0.5, length=2.5, pad=1.5, which="both")


def _dash(sheet: Sheet, source: str) -> tuple[float, tuple[float, ...]]:
    return DASHES[list(sheet.spec.sources).index(source) % len(DASHES)]


def _legend(page: Page, sheet: Sheet, lined: bool = False) -> list[Line2D]:
    """Write the legend's words; return its marks, whose y is still in points from the top.

    Args:
        page: at whose `y` it stands.
        sheet: whose sources are drawn.
        lined: as lines of histograms, beside the area of the data, and not as marks.
    """
    looks = _looks(sheet)
    has_any = {e.source for e in sheet.entries.values() if e.numbers}
    entries = [
        (sheet.spec.sources[s], *looks[s], _dash(sheet, s) if lined else None)
        for s in sheet.spec.sources
        if s in has_any and s != "real"
    ]
    marks, x = [], MARGIN
    for label, color, mark, dash in [("real", REAL, "s", None)] * lined + entries:
        room = 13 if dash is None else 23
        width = room + text_width(label, Style())
        if x > MARGIN and x + width > page.width - MARGIN:
            x = MARGIN
            page.y += LINE
        y = page.y + 0.5 * LINE
        at = [x + 5] if dash is None else [x, x + room - 5]
        style: dict[str, Any] = {"linestyle": dash, "linewidth": 1.2}
        if dash is None:
            style = {"marker": mark, "markersize": 5, "linestyle": "none"}
        xs = [place / page.width for place in at]
        marks.append(Line2D(xs, [y] * len(xs), color=color, markeredgewidth=0, **style))
        page.text(x + room, label)
        x += width + 14
    page.y += LINE + 4
    return marks


def _scatter(sheet: Sheet) -> Drawer:
    looks = _looks(sheet)

    def draw(axes: Axes, dataset: str) -> None:
        least = np.inf
        for source, (color, mark) in looks.items():
            rows = sheet.entries[dataset, source].rows
            if rows is None:
                continue
            known = rows[rows["mse"].notna()]
            shown = known.iloc[:: max(1, len(known) // POINTS)]
            x, y = shown["distance"].to_numpy(), shown["mse"].to_numpy()
            positive = y[y > 0]
            least = min(least, positive.min() if len(positive) else np.inf)
            axes.plot(x, y, ".", color=color, markersize=2.4, alpha=0.4, markeredgewidth=0)
            if len(known):
                middle = (known["distance"].median(), known["mse"].median())
                axes.plot(
                    *[[v] for v in middle],
                    marker=mark,
                    color=color,
                    markersize=7,
                    markeredgecolor="white",
                    zorder=5,
                )
        if np.isfinite(least):
            axes.set_yscale("log")
        axes.set_xlim(left=0)
        axes.grid(color=GRID, linewidth=0.5)
        axes.set_axisbelow(True)
        axes.set_xlabel("least distance to the data (standard deviations)", fontsize=TICK + 0.5)
        axes.set_ylabel("dynamics MSE (squared units of the task)", fontsize=TICK + 0.5)

    return draw


def _histogram(sheet: Sheet) -> Drawer:
    looks = _looks(sheet)

    def draw(axes: Axes, key: str) -> None:
        dataset, _, column = key.rpartition("/")
        is_first = True
        for source, (color, _) in looks.items():
            record = sheet.entries[dataset, source].record
            if not record:
                continue
            index = record["columns"].index(column)
            found = record["histograms"]
            edges = found["edges"][index]
            if is_first:
                axes.stairs(found["real"][index], edges, fill=True, color=REAL, alpha=0.45)
                is_first = False
            dash = _dash(sheet, source)
            axes.stairs(found["samples"][index], edges, color=color, linewidth=0.9, linestyle=dash)
        axes.set_yticks([])
        axes.locator_params(axis="x", nbins=3)
        axes.set_ylim(bottom=0)

    return draw


def _compression(sheet: Sheet) -> Drawer:
    looks = _looks(sheet)

    def draw(axes: Axes, dataset: str) -> None:
        for agent, line in zip(sheet.spec.agents, ("-", "--", ":", "-."), strict=False):
            points = []
            for source, (color, mark) in looks.items():
                numbers = sheet.entries[dataset, source].numbers
                score = numbers.get(("score", agent))
                ratio = numbers.get(("compression", ""))
                if score and ratio is None and source == "real":
                    axes.axhline(score.value, color=color, linestyle=(0, (1.2, 1.6)), linewidth=1.2)
                if score and ratio:
                    points.append((ratio.value, score.value))
                    bar = None if np.isnan(score.std) else score.std
                    axes.errorbar(
                        *points[-1], yerr=bar, color=color, marker=mark, markersize=5, capsize=2.5
                    )
            points.sort()
            axes.plot(
                *np.array(points).T, line, color=REAL, linewidth=0.8, zorder=0
            ) if points else 0
        axes.set_xscale("log")
        axes.grid(color=GRID, linewidth=0.5)
        axes.set_axisbelow(True)
        axes.set_xlabel("bytes of data / bytes of denoiser", fontsize=TICK + 0.5)
        axes.set_ylabel("normalised score", fontsize=TICK + 0.5)

    return draw


def _varying(sheet: Sheet, dataset: DatasetRow) -> list[tuple[str, str]]:
    """Return a dataset's columns as (key, title)."""
    records = [sheet.entries[dataset.name, s].record for s in sheet.spec.sources]
    names: list[str] = next((record["columns"] for record in records if record), [])
    return [(f"{dataset.name}/{name}", name.replace("_", " ")) for name in names]


def _add_panels(page: Page, sheet: Sheet) -> tuple[_Panels | None, list[Line2D]]:
    spec = sheet.spec
    if spec.layout == "marginals":
        marks = _legend(page, sheet, lined=True)
        panels = _Panels(page, 7, (72.0, 42.0), 12.0)
        for dataset in spec.rows:
            page.text(MARGIN, dataset_label(dataset), style=Style(BODY, "bold"))
            page.y += LINE
            panels.add(_varying(sheet, dataset), _histogram(sheet), 14.0, Style(6.5))
            page.y += 8
        return panels, marks
    if spec.layout not in ("diversity", "compression"):
        return None, []
    marks = _legend(page, sheet)
    columns = min(3, len(spec.rows))
    panels = _Panels(page, columns, ((170.0, 140.0) if columns > 1 else (300.0, 190.0)), 44.0)
    drawer = _scatter(sheet) if spec.layout == "diversity" else _compression(sheet)
    items = [(row.name, dataset_label(row)) for row in spec.rows]
    panels.add(items, drawer, 34.0, Style(BODY, "bold"))
    return panels, marks


def draw(sheet: Sheet) -> Figure:
    """Return the page: heading, panels where the layout has them, tables, footnotes."""
    tables = [
        (
            title,
            [
                [c.replace("-", "−") if i > 1 and c != MISSING else c for i, c in enumerate(row)]
                for row in rows
            ],
        )
        for title, rows in blocks(sheet)
    ]
    inner = max(420.0, *(block_width(rows) for _, rows in tables))
    if sheet.spec.layout == "marginals":
        inner = max(inner, 7 * (72.0 + 12.0))
    elif sheet.spec.layout in ("diversity", "compression"):
        inner = max(inner, min(3, len(sheet.spec.rows)) * (170.0 + 44.0))
    page = Page(inner + 2 * MARGIN)
    heading(page, sheet.spec)
    page.y += 7
    panels, marks = _add_panels(page, sheet)
    for title, rows in tables:
        draw_block(page, title, rows)
        page.y += 8
    for note in footnotes(sheet, drawn=True):
        page.paragraph(note, Style(NOTE))
    figure = page.figure()
    for mark in marks:
        mark.set_ydata(1 - np.asarray(mark.get_ydata()) / (page.y + MARGIN))
        figure.add_artist(mark)
    if panels:
        panels.fill(figure)
    return figure


def save(sheet: Sheet, *paths: Path) -> list[Path]:
    """Draw the sheet and write it to every path, .pdf or .png; return the paths."""
    with fixed_style():
        figure = draw(sheet)
        return [save_figure(figure, path) for path in paths]
