"""A summary over datasets as a figure: intervals side by side, or panels of lines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from synther.analysis.curve_legend import Look
from synther.analysis.page import (
    BODY,
    MARGIN,
    NOTE,
    Page,
    Style,
    fixed_style,
    heading,
    save_figure,
    wrap,
)
from synther.analysis.panels import GREY, TICK, draw_keys, looks, plain, thousands, write_keys
from synther.analysis.summary import IMPROVEMENT, Block, Summary
from synther.analysis.summary_render import footnotes, group_label, metric_heads

ROW, HEAD, LABEL, METRIC, GAP = 12.0, 13.0, 112.0, 78.0, 12.0
UNITS = {"optimality_gap": "fraction", IMPROVEMENT: "probability"}
Y_UNITS = {"profiles": "share of scores above", "curves": "IQM of scores"}
PANEL_WIDTH, PANEL_HEIGHT, MOST_COLUMNS = 142.0, 96.0, 4
LABEL_ROOM, TICK_ROOM, TITLE_ROOM, BELOW = 34.0, 26.0, 24.0, 34.0


@dataclass(frozen=True)
class _Place:
    """Where an estimate's row is, in points below the top of the plot."""

    block: Block
    source: str
    down: float


def _intervals(page: Page, found: Summary) -> tuple[list[_Place], float, float]:
    """Write the rows' names; return their places, and the plot's top and height."""
    spec, heads = found.spec, metric_heads(found)
    lines = {name: wrap(text, METRIC, Style(TICK, "bold")) for name, text in heads.items()}
    tall = max(map(len, lines.values()))
    for index, name in enumerate(heads):
        left = MARGIN + LABEL + index * (METRIC + GAP)
        for number, text in enumerate(lines[name], start=tall - len(lines[name])):
            page.text(left, text, style=Style(TICK, "bold"), down=10 * number)
    page.y += 10 * tall + 6
    top, places = page.y, []
    for block in found.blocks:
        words = f"{group_label(found, block)}, {block.seeds} seeds"
        page.text(MARGIN, spec.agents[block.agent], style=Style(BODY, "bold"))
        page.text(MARGIN + LABEL, words, style=Style(TICK, color=GREY))
        page.y += HEAD
        for source, label in spec.sources.items():
            if source in block.metrics:
                page.text(MARGIN + 8, label, style=Style(TICK + 0.5))
                places.append(_Place(block, source, page.y + ROW / 2 - top))
                page.y += ROW
        page.y += 3
    height = page.y - top
    for index, name in enumerate(heads):
        middle = MARGIN + LABEL + index * (METRIC + GAP) + METRIC / 2
        page.text(middle, UNITS.get(name, "normalised score"), "center", Style(TICK), 12)
    page.y += 30
    return places, top, height


def _draw_metric(axes: Axes, name: str, places: Sequence[_Place], each: dict[str, Look]) -> None:
    for place in places:
        estimate = place.block.metrics[place.source].get(name)
        if estimate is None:
            continue
        look = each[place.source]
        if not math.isnan(estimate.low):
            axes.plot(
                [estimate.low, estimate.high],
                [place.down] * 2,
                color=look.color,
                lw=3.4,
                alpha=0.35,
                solid_capstyle="butt",
            )
        axes.plot([estimate.value], [place.down], **look.marker)
    if name == IMPROVEMENT:
        axes.set_xlim(-0.04, 1.04)
        axes.axvline(0.5, color=GREY, lw=0.7, linestyle=(0, (2, 2)), zorder=0)
    axes.set_yticks([])
    axes.xaxis.set_major_locator(MaxNLocator(4))
    plain(axes, grid="x")
    axes.spines["left"].set_visible(False)


def _draw_lines(axes: Axes, found: Summary, block: Block, each: dict[str, Look]) -> None:
    for source, line in block.lines.items():
        look = each[source]
        xs = np.array(line.xs)
        low, high, value = (
            np.array([getattr(e, part) for e in line.values]) for part in ("low", "high", "value")
        )
        axes.fill_between(xs, low, high, color=look.color, alpha=0.18, linewidth=0, zorder=2)
        marker = look.marker if len(xs) < 12 else {"linestyle": "none"}
        axes.plot(xs, value, color=look.color, linestyle=look.dash, lw=1.4, zorder=3)
        axes.plot(xs, value, **marker, zorder=4)
    if found.spec.layout == "profiles":
        axes.set_ylim(-0.03, 1.03)
    else:
        axes.set_xlim(left=0)
        axes.xaxis.set_major_formatter(FuncFormatter(thousands))
    axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    plain(axes)


def _grid(page: Page, found: Summary) -> list[tuple[float, float, Block]]:
    """Write the panels' titles and units, an agent a row; return (left, top, block) of each."""
    spec, boxes = found.spec, []
    for agent in spec.agents:
        own = [block for block in found.blocks if block.agent == agent]
        for first in range(0, len(own), MOST_COLUMNS):
            for index, block in enumerate(own[first : first + MOST_COLUMNS]):
                left = MARGIN + LABEL_ROOM + index * (PANEL_WIDTH + TICK_ROOM + 6)
                page.text(left, spec.agents[agent], style=Style(BODY, "bold"))
                words = f"{group_label(found, block)}, {block.seeds} seeds"
                page.text(left, words, style=Style(TICK, color=GREY), down=10)
                down, middle = TITLE_ROOM + PANEL_HEIGHT + 11, left + PANEL_WIDTH / 2
                page.text(middle, block.unit, "center", Style(TICK), down)
                boxes.append((left, page.y + TITLE_ROOM, block))
            page.y += TITLE_ROOM + PANEL_HEIGHT + BELOW
    return boxes


def draw(found: Summary) -> Figure:
    """Return the figure: heading, legend, intervals or panels, footnotes."""
    spec, each = found.spec, looks(list(found.spec.sources))
    intervals = spec.layout == "aggregates"
    widest = max(sum(block.agent == agent for block in found.blocks) for agent in spec.agents)
    columns = min(MOST_COLUMNS, widest)
    inner = (
        LABEL + len(metric_heads(found)) * (METRIC + GAP)
        if intervals
        else max(400.0, columns * (LABEL_ROOM + PANEL_WIDTH + 6))
    )
    page = Page(inner + 2 * MARGIN)
    heading(page, spec)
    page.y += 6
    keys = write_keys(page, [(label, each[s], False) for s, label in spec.sources.items()])
    page.y += 6
    if intervals:
        places, top, tall = _intervals(page, found)
    else:
        boxes = _grid(page, found)
    for note in footnotes(found, drawn=True):
        page.paragraph(note, Style(NOTE))
    figure, height = page.figure(), page.y + MARGIN
    if intervals:
        for index, name in enumerate(metric_heads(found)):
            left = MARGIN + LABEL + index * (METRIC + GAP)
            box = (left / page.width, 1 - (top + tall) / height, METRIC / page.width, tall / height)
            axes = figure.add_axes(box)
            axes.set_ylim(tall, 0)
            axes.patch.set_alpha(0)
            _draw_metric(axes, name, places, each)
    else:
        for left, top, block in boxes:
            corner = (left / page.width, 1 - (top + PANEL_HEIGHT) / height)
            axes = figure.add_axes((*corner, PANEL_WIDTH / page.width, PANEL_HEIGHT / height))
            _draw_lines(axes, found, block, each)
            if left == boxes[0][0]:
                axes.annotate(
                    Y_UNITS[spec.layout],
                    (-LABEL_ROOM / PANEL_WIDTH, 0.5),
                    xycoords="axes fraction",
                    rotation=90,
                    ha="left",
                    va="center",
                    fontsize=TICK,
                )
    draw_keys(figure, page, height, keys, marked=intervals)
    return figure


def save(found: Summary, *paths: Path) -> list[Path]:
    """Draw the summary and write it to every path, .pdf or .png; return the paths."""
    with fixed_style():
        figure = draw(found)
        return [save_figure(figure, path) for path in paths]
