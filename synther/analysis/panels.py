"""What panels of all figures share: the look of their axes, and a legend of lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from synther.analysis.curve_legend import COLORS, DASHES, KEY, KEY_GAP, MARKS, REFERENCE, Look
from synther.analysis.page import INK, LINE, MARGIN, Page, Style, text_width

TICK, GRID, GREY = 8.0, "#e4e4e4", "#555555"


def looks(names: Sequence[str]) -> dict[str, Look]:
    """Give each name a colour, a mark and a dash; the first is in front."""
    return {
        name: Look(
            COLORS[i % len(COLORS)], MARKS[i % len(MARKS)], DASHES[i % len(DASHES)], len(names) - i
        )
        for i, name in enumerate(names)
    }


def plain(axes: Axes, grid: Literal["x", "y"] = "y") -> None:
    """Give axes the look that all panels have: a light grid, two spines, small ticks."""
    axes.grid(axis=grid, color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set(color=INK, linewidth=0.7)
    axes.tick_params(labelsize=TICK, width=0.6, length=3, pad=2, color=INK, labelcolor=INK)


def thousands(value: float, _: int = 0) -> str:
    """Return a number of steps as a tick's label."""
    return f"{value / 1000:g}K" if abs(value) >= 1000 else f"{value:g}"


@dataclass(frozen=True)
class Key:
    """A place in the legend: the left end of its line, the middle of its height, its look."""

    x: float
    y: float
    look: Look
    is_level: bool


def write_keys(page: Page, entries: Iterable[tuple[str, Look, bool]]) -> list[Key]:
    """Write a legend's words, over as many lines as they take; return where its lines go.

    Args:
        page: at whose `y` it stands.
        entries: (label, look, whether it is drawn as a level line).
    """
    keys, x = [], MARGIN
    for label, look, is_level in entries:
        width = KEY + 5 + text_width(label, Style())
        if x > MARGIN and x + width > page.width - MARGIN:
            x, page.y = MARGIN, page.y + LINE
        keys.append(Key(x, page.y + 0.5 * LINE, look, is_level))
        page.text(x + KEY + 5, label)
        x += width + KEY_GAP
    page.y += LINE
    return keys


def draw_keys(
    figure: Figure, page: Page, height: float, keys: Sequence[Key], marked: bool = False
) -> None:
    """Draw the lines of a legend, and the marks on them where the figure has any."""
    for key in keys:
        y, ends = 1 - key.y / height, [key.x / page.width, (key.x + KEY) / page.width]
        dash, weight = (REFERENCE, 1.3) if key.is_level else (key.look.dash, 1.5)
        figure.add_artist(
            Line2D(ends, [y, y], color=key.look.color, linestyle=dash, linewidth=weight)
        )
        if marked and not key.is_level:
            figure.add_artist(Line2D([sum(ends) / 2], [y], **key.look.marker))
