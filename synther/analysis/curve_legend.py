"""How the series of a curve look, and the legend that says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from synther.analysis.curve import Panel
from synther.analysis.curve_spec import CurveSpec
from synther.analysis.page import LINE, MARGIN, Page, Style, text_width

# Okabe and Ito's palette, told apart with any colour vision; marks and dashes tell in grey too
COLORS = ("#3b3b3b", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKS = ("s", "o", "^", "D", "v", "P", "X")
DASHES: tuple[tuple[float, tuple[float, ...]], ...] = (
    (0, ()),
    (0, ()),
    (0, (5, 1.5)),
    (0, (3, 1.5)),
    (0, (5, 1.5, 1, 1.5)),
    (0, (1.5, 1.5)),
    (0, (6, 1.5, 1, 1.5, 1, 1.5)),
)
REFERENCE = (0, (1.2, 1.6))
KEY, KEY_GAP = 24.0, 14.0


@dataclass(frozen=True)
class Look:
    """How a series is drawn."""

    color: str
    mark: str
    dash: tuple[float, tuple[float, ...]]
    front: int

    @property
    def marker(self) -> dict[str, Any]:
        """Matplotlib's settings of the mark without a line."""
        return {
            "linestyle": "none",
            "marker": self.mark,
            "markersize": 5,
            "markerfacecolor": self.color,
            "markeredgecolor": "white",
            "markeredgewidth": 0.6,
        }


def looks_of(spec: CurveSpec) -> dict[str, Look]:
    """Give each series its look; a reference has that of the series of the same name."""
    names = [*spec.series, *(name for name in spec.reference if name not in spec.series)]
    return {
        name: Look(
            COLORS[i % len(COLORS)], MARKS[i % len(MARKS)], DASHES[i % len(DASHES)], len(names) - i
        )
        for i, name in enumerate(names)
    }


@dataclass(frozen=True)
class Key:
    """A place in the legend: the left end and width of its line, and the middle of its height."""

    x: float
    width: float
    y: float
    look: Look
    is_reference: bool


def legend(page: Page, spec: CurveSpec, panels: Sequence[Panel]) -> list[Key]:
    """Write the legend's words, over as many lines as they take; return where its lines go."""
    looks = looks_of(spec)
    drawn = {series for panel in panels for series, _ in panel.points}
    whole = {source for panel in panels for source in panel.references}
    entries = [(label, looks[name], False) for name, label in spec.series.items() if name in drawn]
    entries += [
        (label, looks[name], True) for name, label in spec.reference.items() if name in whole
    ]
    keys, x = [], MARGIN
    for label, look, is_reference in entries:
        key = KEY if is_reference or len(spec.amounts) > 1 else 8.0
        width = key + 5 + text_width(label, Style())
        if x > MARGIN and x + width > page.width - MARGIN:
            x = MARGIN
            page.y += LINE
        keys.append(Key(x, key, page.y + 0.5 * LINE, look, is_reference))
        page.text(x + key + 5, label)
        x += width + KEY_GAP
    page.y += LINE
    return keys


def draw_keys(figure: Figure, page: Page, height: float, keys: Sequence[Key], alone: bool) -> None:
    """Draw the legend's lines and marks; only the marks where points stand `alone`."""
    for key in keys:
        y = 1 - key.y / height
        ends = [key.x / page.width, (key.x + key.width) / page.width]
        look = key.look
        if key.is_reference:
            line = Line2D(ends, [y, y], color=look.color, linestyle=REFERENCE, linewidth=1.3)
            figure.add_artist(line)
            continue
        if not alone:
            line = Line2D(ends, [y, y], color=look.color, linestyle=look.dash, linewidth=1.5)
            figure.add_artist(line)
        figure.add_artist(Line2D([sum(ends) / 2], [y], **look.marker))
