"""A curve as a figure: a panel a dataset and agent, on a page like the tables'."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from synther.analysis.curve import Curve, Panel
from synther.analysis.curve_legend import REFERENCE, Look, draw_keys, legend, looks_of
from synther.analysis.curve_render import footnotes, panel_name
from synther.analysis.curve_spec import CurveSpec
from synther.analysis.page import (
    BODY,
    INK,
    MARGIN,
    NOTE,
    Page,
    Style,
    fixed_style,
    heading,
    save_figure,
    text_width,
)
from synther.analysis.panels import GREY, TICK, plain
from synther.analysis.text import seeds_text

MOST_COLUMNS = 3
PANEL_HEIGHT, PANEL_WIDTHS = 138.0, (370.0, 195.0, 165.0)
LABEL_ROOM, TICK_ROOM, TITLE_ROOM, GUTTER = 32.0, 18.0, 28.0, 8.0
BELOW, BETWEEN = 32.0, 22.0
SPREAD = 0.55
"""The part of the least room between two ticks over which the series' dots are laid out."""


def _place(amount: float) -> float:
    return math.log10(amount)


def _room(spec: CurveSpec) -> float:
    """The least distance between two ticks."""
    places = [_place(amount) for amount in spec.amounts]
    return min((b - a for a, b in pairwise(places)), default=1.0)


def _range(spec: CurveSpec) -> float:
    """The distance from the first tick to the last."""
    return _place(spec.amounts[-1]) - _place(spec.amounts[0])


def _draw_series(axes: Axes, curve: Curve, panel: Panel, series: str, look: Look) -> None:
    spec = curve.spec
    order = list(spec.series).index(series)
    count = len(spec.series)
    only = len(spec.amounts) == 1
    step = (1.3 if only else SPREAD) * _room(spec) / max(count, 2)
    if not only:  # few amounts stand far apart, and their dots should still stand together
        step = min(step, 0.05 * _range(spec))
    aside = (order - (count - 1) / 2) * step
    for run in panel.runs(series, spec.amounts):
        alone = len(run) == 1
        xs = np.array([_place(amount) for amount, _ in run]) + (aside if only else 0.0)
        values = np.array([point.score.value for _, point in run])
        low = np.array([point.score.low for _, point in run])
        high = np.array([point.score.high for _, point in run])
        depth = 3 + look.front / 10
        if alone:
            if not np.isnan(low).any():
                axes.errorbar(
                    xs,
                    values,
                    yerr=[values - low, high - values],
                    fmt="none",
                    ecolor=look.color,
                    elinewidth=1.2,
                    capsize=3,
                    capthick=1.2,
                    zorder=depth,
                )
        else:
            axes.fill_between(xs, low, high, color=look.color, alpha=0.16, linewidth=0, zorder=2)
            axes.plot(
                xs, values, color=look.color, linestyle=look.dash, linewidth=1.5, zorder=depth
            )
        axes.plot(xs, values, **look.marker, zorder=depth + 0.01)
        if panel.dataset is None:
            continue  # an IQM's seeds are scores on many datasets
        for x, (amount, point) in zip(xs, run, strict=True):
            seeds = point.matrix[:, 0]
            beside = x + 0.3 * step if only else _place(amount) + aside
            axes.plot(
                np.full(len(seeds), beside),
                seeds,
                linestyle="none",
                marker="o",
                markersize=2.6,
                markerfacecolor=look.color,
                markeredgewidth=0,
                alpha=0.4,
                zorder=2.5,
            )


def _shown(panel: Panel) -> list[float]:
    """Return every height that a panel shows."""
    points = [*panel.points.values(), *panel.references.values()]
    heights = [v for p in points for v in (p.score.value, p.score.low, p.score.high)]
    if panel.dataset is not None:
        heights += [float(v) for p in panel.points.values() for v in p.matrix[:, 0]]
    return [height for height in heights if not math.isnan(height)]


def _limits(panel: Panel) -> tuple[float, float]:
    """Return the ends of the scale: zero is on it where that costs at most half of the height."""
    low, high = min(_shown(panel)), max(_shown(panel))
    if 0 < low < 0.5 * high:
        low = 0.0
    pad = 0.06 * max(high - low, 1.0)
    return (low if low == 0 else low - pad), high + pad


def _tick_labels(spec: CurveSpec, width: float, span: float) -> list[str]:
    """Return a label an amount; one that would touch the one before it is left blank."""
    labels, free = [], -math.inf
    for amount in spec.amounts:
        text = spec.number(amount)
        half = text_width(text, Style(TICK)) / 2
        x = _place(amount) / span * width
        fits = x - half > free
        labels.append(text if fits else "")
        free = x + half + 2 if fits else free
    return labels


def _draw_panel(axes: Axes, curve: Curve, panel: Panel, width: float) -> None:
    spec, looks = curve.spec, looks_of(curve.spec)
    places = [_place(amount) for amount in spec.amounts]
    whole = _range(spec)
    edge = min(max(0.6 * _room(spec), 0.06 * whole), 0.12 * whole) or 0.8
    start, end = places[0] - edge, places[-1] + edge
    axes.set_xlim(start, end)
    axes.set_ylim(*_limits(panel))
    for source, point in panel.references.items():
        look = looks[source]
        if not math.isnan(point.score.low):
            axes.axhspan(
                point.score.low, point.score.high, color=look.color, alpha=0.08, lw=0, zorder=1
            )
        axes.axhline(point.score.value, color=look.color, linestyle=REFERENCE, lw=1.3, zorder=1.5)
    for series in spec.series:
        _draw_series(axes, curve, panel, series, looks[series])
    if len(places) > 1:
        axes.set_xticks(places, _tick_labels(spec, width, end - start))
    else:
        axes.set_xticks([])  # the axis' label names the one amount
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    plain(axes)


@dataclass(frozen=True)
class _Box:
    """Where a panel's axes go: the left and upper end, and whether it is the first of its row."""

    left: float
    top: float
    panel: Panel
    is_first: bool


def _columns(panels: Sequence[Panel]) -> int:
    """Return the columns of the grid: agents side by side where they fit, a dataset a row."""
    agents = len({panel.agent for panel in panels})
    if 1 < agents <= MOST_COLUMNS:
        return agents
    return 2 if len(panels) == 4 else min(MOST_COLUMNS, len(panels))


def _lay_out(page: Page, curve: Curve, lefts: Sequence[float], width: float) -> list[_Box]:
    """Write the panels' titles and labels; return where their axes go."""
    spec, panels, columns = curve.spec, curve.panels, len(lefts)
    only = spec.number(spec.amounts[0]) if len(spec.amounts) == 1 else ""
    label = f"{only}{spec.kept}".strip()
    boxes = []
    for first in range(0, len(panels), columns):
        row = panels[first : first + columns]
        for index, (left, panel) in enumerate(zip(lefts, row, strict=False), start=first):
            page.text(left, panel_name(spec, panel), style=Style(BODY, "bold"))
            subtitle = f"{spec.agents[panel.agent]}, {seeds_text(panel.seeds)}"
            page.text(left, subtitle, style=Style(TICK, color=GREY), down=11)
            if index + columns >= len(panels):  # none below it
                down = TITLE_ROOM + PANEL_HEIGHT + (4 if only else 12)
                page.text(left + width / 2, label, "center", Style(TICK + 0.5), down)
            boxes.append(_Box(left, page.y + TITLE_ROOM, panel, index == first))
        page.y += TITLE_ROOM + PANEL_HEIGHT
        page.y += BELOW if first + 2 * columns > len(panels) else BETWEEN
    return boxes


def draw(curve: Curve) -> Figure:
    """Return the figure: heading, legend, panels in at most three columns, footnotes."""
    spec, columns = curve.spec, _columns(curve.panels)
    width = PANEL_WIDTHS[columns - 1]
    lefts = [MARGIN + LABEL_ROOM + i * (width + TICK_ROOM + GUTTER) for i in range(columns)]
    page = Page(lefts[-1] + width + MARGIN)
    heading(page, spec)
    page.y += 6
    keys = legend(page, spec, curve.panels)
    page.y += 4
    boxes = _lay_out(page, curve, lefts, width)
    for note in footnotes(curve, drawn=True):
        page.paragraph(note, Style(NOTE))
    figure = page.figure()
    height = page.y + MARGIN
    for box in boxes:
        bottom = 1 - (box.top + PANEL_HEIGHT) / height
        size = (width / page.width, PANEL_HEIGHT / height)
        axes = figure.add_axes((box.left / page.width, bottom, *size))
        _draw_panel(axes, curve, box.panel, width)
        if box.is_first:
            figure.text(
                (MARGIN + 6) / page.width,
                bottom + size[1] / 2,
                "normalised score" if box.panel.dataset else "IQM of normalised scores",
                rotation=90,
                ha="center",
                va="center",
                fontsize=TICK + 0.5,
                color=INK,
            )
    draw_keys(figure, page, height, keys, alone=len(spec.amounts) == 1)
    return figure


def save(curve: Curve, *paths: Path) -> list[Path]:
    """Draw the curve and write it to every path, .pdf or .png; return the paths."""
    with fixed_style():
        figure = draw(curve)
        return [save_figure(figure, path) for path in paths]
