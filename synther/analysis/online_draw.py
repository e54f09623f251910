"""Online training as a figure: a panel a task, and one over all of them."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from synther.analysis.curve_legend import REFERENCE, Look
from synther.analysis.online_numbers import Line, Online, Panel
from synther.analysis.online_render import footnotes, panel_name
from synther.analysis.page import (
    BODY,
    MARGIN,
    NOTE,
    Page,
    Style,
    fixed_style,
    heading,
    save_figure,
)
from synther.analysis.panels import GREY, TICK, draw_keys, looks, plain, thousands, write_keys
from synther.analysis.text import seeds_text

MOST_COLUMNS, PANEL_HEIGHT = 3, 128.0
PANEL_WIDTHS = (370.0, 195.0, 165.0)
LABEL_ROOM, TICK_ROOM, GUTTER = 34.0, 26.0, 8.0
TITLE_ROOM, BELOW = 26.0, 40.0


def _looks(found: Online) -> dict[str, Look]:
    names = list(found.spec.agents)
    if found.spec.layout == "sweep":
        names = [found.spec.swept, *found.spec.reference]
    return looks(names)


def _entries(found: Online, each: dict[str, Look]) -> list[tuple[str, Look, bool]]:
    """Return the legend's entries: what is drawn in any panel, and how."""
    drawn = {name for panel in found.panels for name in (*panel.lines, *panel.levels)}
    levels = {name for panel in found.panels for name in panel.levels}
    return [
        (found.spec.agents.get(name, name), look, name in levels)
        for name, look in each.items()
        if name in drawn
    ]


def _draw_line(axes: Axes, line: Line, look: Look, places: list[float], marked: bool) -> None:
    values, low, high = (
        np.array([getattr(v, name) for v in line.values]) for name in ("value", "low", "high")
    )
    axes.fill_between(places, low, high, color=look.color, alpha=0.16, linewidth=0, zorder=2)
    front = 3 + look.front / 10
    axes.plot(places, values, color=look.color, linestyle=look.dash, linewidth=1.4, zorder=front)
    if marked:
        axes.plot(places, values, **look.marker, zorder=front + 0.01)
        for place, matrix in zip(places, line.matrices, strict=True):
            if matrix.shape[1] == 1:
                xs = np.full(len(matrix), place)
                axes.plot(xs, matrix[:, 0], "o", ms=2.6, mec="none", mfc=look.color, alpha=0.4)


def _draw_panel(axes: Axes, found: Online, panel: Panel, each: dict[str, Look]) -> None:
    sweep = found.spec.layout == "sweep"
    for agent, line in panel.levels.items():
        look, value = each[agent], line.values[0]
        if not math.isnan(value.low):
            axes.axhspan(value.low, value.high, color=look.color, alpha=0.08, lw=0, zorder=1)
        axes.axhline(value.value, color=look.color, linestyle=REFERENCE, lw=1.3, zorder=1.5)
    for name, line in panel.lines.items():
        few = len(line.xs) < 12
        places = [math.log2(x) for x in line.xs] if sweep else list(line.xs)
        _draw_line(axes, line, each[name], places, marked=sweep or few)
        if sweep:
            axes.set_xticks(places, [f"{x:g}" for x in line.xs])
    if not sweep:
        axes.set_xlim(left=0)
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.xaxis.set_major_formatter(FuncFormatter(thousands))
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    plain(axes)


def _x_label(found: Online, panel: Panel) -> str:
    if found.spec.layout == "sweep":
        return "critic updates an environment step"
    return "environment steps" if panel.task else "% of the environment steps"


def draw(found: Online) -> Figure:
    """Return the figure: heading, legend, panels in at most three columns, footnotes."""
    panels, each = found.panels, _looks(found)
    columns = 2 if len(panels) == 4 else min(MOST_COLUMNS, len(panels))
    width = PANEL_WIDTHS[columns - 1]
    lefts = [MARGIN + LABEL_ROOM + i * (width + TICK_ROOM + GUTTER) for i in range(columns)]
    page = Page(lefts[-1] + width + MARGIN)
    heading(page, found.spec)
    page.y += 6
    keys = write_keys(page, _entries(found, each))
    page.y += 4
    boxes = []
    for index, panel in enumerate(panels):
        left = lefts[index % columns]
        if index and index % columns == 0:
            page.y += TITLE_ROOM + PANEL_HEIGHT + BELOW
        page.text(left, panel_name(found, panel), style=Style(BODY, "bold"))
        what = "return" if panel.task else "IQM of normalised scores"
        words = f"{what}, {seeds_text(panel.seeds)}"
        page.text(left, words, style=Style(TICK, color=GREY), down=11)
        down = TITLE_ROOM + PANEL_HEIGHT + 13
        page.text(left + width / 2, _x_label(found, panel), "center", Style(TICK + 0.5), down)
        boxes.append((left, page.y + TITLE_ROOM, panel))
    page.y += TITLE_ROOM + PANEL_HEIGHT + BELOW
    for note in footnotes(found, drawn=True):
        page.paragraph(note, Style(NOTE))
    figure, height = page.figure(), page.y + MARGIN
    for left, top, panel in boxes:
        place = (left / page.width, 1 - (top + PANEL_HEIGHT) / height)
        axes = figure.add_axes((*place, width / page.width, PANEL_HEIGHT / height))
        _draw_panel(axes, found, panel, each)
    draw_keys(figure, page, height, keys)
    return figure


def save(found: Online, *paths: Path) -> list[Path]:
    """Draw the figure and write it to every path, .pdf or .png; return the paths."""
    with fixed_style():
        figure = draw(found)
        return [save_figure(figure, path) for path in paths]
