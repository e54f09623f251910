"""A page of texts and rules, as high as its content; the same bytes each time it is written.

Positions and sizes are in points (1/72 inch), x to the right and y downwards from the top left.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.textpath import text_to_path

from synther.analysis.spec import Spec
from synther.files import atomic_path

FONT = "STIXGeneral"  # comes with matplotlib, so every machine draws the same
BODY, LINE, MARGIN = 9.0, 14.0, 16.0
TITLE, NOTE = 12.0, 7.5
DPI = 200
INK = "#111111"
BANNER_INK, BANNER_FILL = "#8a2f00", "#fdebd3"


@dataclass(frozen=True)
class Style:
    """Letters: size in points, weight, slant and colour."""

    size: float = BODY
    weight: str = "normal"
    slant: Literal["normal", "italic"] = "normal"
    color: str = INK


@functools.lru_cache(maxsize=4096)
def text_width(text: str, style: Style) -> float:
    """Width of a text in points, free of any output's hinting."""
    font = FontProperties(family=FONT, size=style.size, weight=style.weight, style=style.slant)
    return float(text_to_path.get_text_width_height_descent(text, font, ismath=False)[0])


def wrap(text: str, width: float, style: Style) -> list[str]:
    """Break a text into lines no wider than `width` points (but for longer words)."""
    # word by word, because words come again and lines don't: measuring is what takes the time
    space = text_width("n n", style) - 2 * text_width("n", style)
    lines: list[str] = []
    used = 0.0
    for word in text.split():
        size = text_width(word, style)
        if lines and used + space + size <= width:
            lines[-1] += f" {word}"
            used += space + size
        else:
            lines.append(word)
            used = size
    return lines


@dataclass
class Page:
    """What to draw, collected while the height is still unknown; `y` is where it goes on."""

    width: float
    y: float = MARGIN
    texts: list[tuple[float, float, str, str, Style]] = field(default_factory=list)
    rules: list[tuple[float, float, float, float]] = field(default_factory=list)
    fills: list[tuple[float, float, float, float, str]] = field(default_factory=list)

    def text(
        self, x: float, text: str, align: str = "left", style: Style = Style(), down: float = 0.0
    ) -> None:
        """Put a text into the line at `y`, or `down` from it, by its left, centre or right."""
        self.texts.append((x, self.y + down + 0.72 * LINE, text, align, style))

    def rule(self, start: float, end: float, weight: float) -> None:
        """Draw a horizontal rule at `y`."""
        self.rules.append((start, end, self.y, weight))

    def paragraph(self, text: str, style: Style) -> None:
        """Write a text over the page's width, as many lines as it takes."""
        for line in wrap(text, self.width - 2 * MARGIN, style):
            self.text(MARGIN, line, style=style)
            self.y += style.size * 1.35

    def figure(self) -> Figure:
        """Return the figure, as high as what is on it."""
        height = self.y + MARGIN
        figure = Figure(figsize=(self.width / 72, height / 72), dpi=DPI, facecolor="white")
        FigureCanvasAgg(figure)
        for x, y, width, tall, color in self.fills:
            corner = (x / self.width, 1 - (y + tall) / height)
            size = (width / self.width, tall / height)
            figure.add_artist(Rectangle(corner, *size, facecolor=color, linewidth=0, zorder=0))
        for start, end, y, weight in self.rules:
            xs = [start / self.width, end / self.width]
            figure.add_artist(Line2D(xs, [1 - y / height] * 2, color=INK, linewidth=weight))
        for x, y, text, align, style in self.texts:
            figure.text(
                x / self.width,
                1 - y / height,
                text,
                ha=align,
                va="baseline",
                color=style.color,
                fontsize=style.size,
                fontweight=style.weight,
                fontstyle=style.slant,
                parse_math=False,
            )
        return figure


def heading(page: Page, spec: Spec) -> None:
    """Write title, banner, preset and physics at the top of a page."""
    page.paragraph(spec.title, Style(TITLE, "bold"))
    page.y += 3
    if spec.banner_text:
        style = Style(BODY + 1, "bold", color=BANNER_INK)
        inner = page.width - 2 * MARGIN
        lines = wrap(spec.banner_text, inner - 12, style)
        page.fills.append((MARGIN, page.y, inner, len(lines) * LINE + 4, BANNER_FILL))
        page.y += 2
        for line in lines:
            page.text(MARGIN + 6, line, style=style)
            page.y += LINE
        page.y += 6
    for line in spec.provenance_lines:
        page.paragraph(line, Style(NOTE + 0.5))


@contextmanager
def fixed_style() -> Iterator[None]:
    """Draw with matplotlib's defaults and our font, whatever style the user has set."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        # hinted letters are wider than measured, and differ between .png and .pdf
        matplotlib.rcParams.update(
            {"font.family": FONT, "pdf.fonttype": 42, "text.hinting": "none"}
        )
        yield


def save_figure(figure: Figure, path: Path) -> Path:
    """Write a figure as .pdf or .png, atomically, without dates or versions in it.

    The same figure gives the same bytes with the same versions of the libraries.
    """
    if path.suffix == ".pdf":
        metadata = dict.fromkeys(("CreationDate", "Creator", "Producer"))
    else:
        metadata = {"Software": None}
    with atomic_path(path) as temporary:
        figure.savefig(temporary, metadata=metadata)
    return path
