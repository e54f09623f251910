"""Draws a `Plot` as SVG: seaborn's objects interface, a panel at a time, and one legend above."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from synther.sheets.figure import Panel, Plot, Series

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FONT = "STIXGeneral"  # comes with matplotlib, so every machine draws the same
INK, GREY, GRID = "#111111", "#555555", "#e4e4e4"
TICK, BODY = 8.0, 9.0
SMALL = 100.0
"""Width in points below which a panel's letters are small."""
STAIN = 500
"""Dots from which on they are drawn as one picture."""
# Okabe and Ito's palette, told apart with any colour vision; marks and dashes tell in grey too
COLORS = ("#3b3b3b", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
SHAPES = ("s", "o", "^", "D", "v", "P", "X")
DASHES: tuple[Any, ...] = (
    *("-", "-", (0, (5, 1.5)), (0, (3, 1.5)), (0, (5, 1.5, 1, 1.5))),
    *((0, (1.5, 1.5)), (0, (6, 1.5, 1, 1.5, 1, 1.5))),
)
LEVEL = (0, (1.2, 1.6))
STYLE = {
    **{"font.family": FONT, "mathtext.fontset": "stix", "svg.hashsalt": "synther"},
    **{"font.size": BODY, "legend.fontsize": BODY, "figure.dpi": 72.0},
    **{"axes.edgecolor": INK, "axes.linewidth": 0.7, "axes.axisbelow": True},
    **{"axes.spines.top": False, "axes.spines.right": False},
    "lines.solid_capstyle": "butt",  # an interval ends where it ends
}
"""Of matplotlib, for all that is drawn."""
SERIES = ("line", "band", "points", "dots", "ranges", "levels")
MARKS = (*SERIES, "thin", "spans", "areas", "lines_across")
"""Kinds of marks: `line`, `thin` (grey) and `points` (x, y), `dots` (likewise, faint), `band`,
`ranges` and `areas` (x, low, high), `levels` (y over the whole width, with low and high as its
band), `lines_across` (x over the whole height), and lying `spans` (y, low, high)."""


def svg(plot: Plot) -> bytes:
    """Return the plot as SVG; the same plot gives the same bytes."""
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        figure = draw(plot)
        out = io.BytesIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None}, dpi=200)
        return out.getvalue()


def draw(plot: Plot) -> Figure:
    """Return the figure: a legend over all, then the panels."""
    import pandas as pd
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    columns = min(plot.columns, len(plot.panels))
    is_small = _is_small(plot)
    lines = math.ceil(len(plot.panels) / columns)
    entries = [series for series in plot.series if series.key in plot.data["series"]]
    width, height = plot.panel_size
    width += 14 if is_small else 46  # what stands left of the axes
    keys = _legend_columns(entries, columns * width)
    legend = 17.0 * math.ceil(len(entries) / keys) if len(entries) > 1 else 0.0
    around = 34.0 + 12.0 * sum(
        any(getattr(panel, name) for panel in plot.panels) for name in ("title", "subtitle")
    )
    size = (columns * width, lines * (height + (26.0 if is_small else around)) + legend)
    layout = ConstrainedLayoutEngine(w_pad=0.05, h_pad=0.04)
    figure = Figure(figsize=(size[0] / 72, size[1] / 72), layout=layout, facecolor="white")
    FigureCanvasSVG(figure)
    grid = figure.subplots(lines, columns, squeeze=False)
    data = pd.DataFrame(plot.data)
    for axes, panel in zip(grid.flat, plot.panels, strict=False):
        rows = data[data["panel"] == panel.key]
        for mark, own in rows.groupby("mark", sort=False):
            _layer(axes, plot, str(mark), own)
        _dress(axes, panel, is_small)
    for axes in grid.flat[len(plot.panels) :]:
        axes.set_axis_off()
    if len(entries) > 1:
        _legend(figure, plot, entries, keys)
    return figure


def _is_small(plot: Plot) -> bool:
    return plot.panel_size[0] < SMALL and not any(panel.grid == "x" for panel in plot.panels)


def _looks(plot: Plot) -> dict[str, tuple[str, str, Any]]:
    """Give each series a colour, a shape and a dash; one that is `like` another has its look."""
    own = [series.key for series in plot.series if not series.like]
    looks = {
        key: (COLORS[i % len(COLORS)], SHAPES[i % len(SHAPES)], DASHES[i % len(DASHES)])
        for i, key in enumerate(own)
    }
    return looks | {s.key: looks.get(s.like, looks[own[0]]) for s in plot.series if s.like}


def _layer(axes: Axes, plot: Plot, mark: str, rows: pd.DataFrame) -> None:
    """Draw rows with one kind of mark, by seaborn's objects where it has the mark."""
    import seaborn.objects as so

    looks = _looks(plot)
    if mark in ("levels", "lines_across"):
        for _, row in rows.iterrows():
            _level(axes, row, looks[row["series"]][0], across=mark == "lines_across")
        return
    place, ends = {"x": "x", "y": "y"}, {"x": "x", "ymin": "low", "ymax": "high"}
    width = 0.9 if _is_small(plot) else 1.5
    dot = so.Dot(pointsize=5.5, edgecolor="white", edgewidth=0.6)
    faint = so.Dot(pointsize=1.5 if len(rows) > STAIN else 2.4, alpha=0.4, edgewidth=0)
    made: dict[str, tuple[Any, dict[str, str]]] = {
        "thin": (so.Path(linewidth=0.8, color=GREY), place),
        "line": (so.Path(linewidth=width), place | {"linestyle": "series"}),
        "band": (so.Band(alpha=0.16), ends),
        "areas": (so.Band(alpha=0.4), ends),
        "points": (dot, place | {"marker": "series"}),
        "dots": (faint, place),
        "ranges": (so.Range(linewidth=1.2), ends),
        "spans": (so.Range(linewidth=3.4, alpha=0.4), {"y": "y", "xmin": "low", "xmax": "high"}),
    }
    shape, names = made[mark]
    orient = {"orient": "y"} if mark == "spans" else {}
    order = [series.key for series in reversed(plot.series)]  # the first in front
    if mark in ("line", "points"):
        rows = rows.iloc[rows["series"].map(order.index).argsort(kind="stable")]
    drawn = so.Plot(rows, color="series", **names).add(shape, legend=False, **orient)
    scales = {
        name: so.Nominal({key: looks[key][index] for key in order}, order=order)
        for index, name in enumerate(("color", "marker", "linestyle"))
        if name in ("color", *names)
    }
    drawn = drawn.scale(x=so.Continuous(), y=so.Continuous(), **scales)
    before = axes.get_xscale(), axes.get_yscale()
    drawn.on(axes).plot()
    axes.set_xscale(before[0])
    axes.set_yscale(before[1])
    if mark == "dots" and len(rows) > STAIN:
        axes.collections[-1].set_rasterized(True)


def _level(axes: Axes, row: pd.Series, color: str, across: bool) -> None:
    if across:
        axes.axvline(row["x"], color=color, linestyle=LEVEL, linewidth=1.3, zorder=1.5)
        return
    low = row.get("low", math.nan)
    if low is not None and low == low:
        axes.axhspan(low, row["high"], color=color, alpha=0.08, linewidth=0, zorder=1)
    axes.axhline(row["y"], color=color, linestyle=LEVEL, linewidth=1.3, zorder=1.5)


def _dress(axes: Axes, panel: Panel, is_small: bool) -> None:
    """Give axes the look that all panels have: a light grid, two spines, small ticks."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

    for name in ("x", "y"):
        scale, limits = getattr(panel, f"{name}_scale"), getattr(panel, f"{name}_limits")
        ticks = getattr(panel, f"{name}_ticks")
        getattr(axes, f"set_{name}scale")(scale)
        axis = getattr(axes, f"{name}axis")
        if ticks:
            axis.set_ticks([place for place, _ in ticks], [label for _, label in ticks])
            axis.set_minor_formatter(NullFormatter())
        elif scale == "linear":
            count = 3 if is_small else 5
            axis.set_major_locator(MaxNLocator(count, steps=[1, 2, 2.5, 5, 10]))
            if name == "x":
                axis.set_major_formatter(FuncFormatter(_short))
        if limits:
            getattr(axes, f"set_{name}lim")(*limits)
        if scale == "log" and not ticks:
            low, high = getattr(axes, f"get_{name}lim")()
            axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 1e3 * low else (1,)))
            axis.set_major_formatter(FuncFormatter(_short))
            axis.set_minor_formatter(NullFormatter())
    axes.grid(axis=panel.grid, color=GRID, linewidth=0.6)
    names_rows = panel.grid == "x"
    axes.spines["left"].set_visible(not names_rows)
    tick, body, weight = (6.0, 6.5, "normal") if is_small else (TICK, BODY, "bold")
    axes.tick_params(which="both", labelsize=tick, pad=2, color=INK, labelcolor=INK)
    axes.tick_params(width=0.6, length=3)
    if names_rows:
        axes.tick_params(axis="y", length=0)
    if is_small:
        axes.set_yticks([])
    axes.set_xlabel(panel.x, fontsize=TICK + 0.5, color=INK)
    axes.set_ylabel(panel.y, fontsize=TICK + 0.5, color=INK)
    above = 13 if panel.subtitle else 4
    axes.set_title(panel.title, loc="left", fontsize=body, fontweight=weight, color=INK, pad=above)
    if panel.subtitle:
        axes.annotate(
            *(panel.subtitle, (0, 1)),
            xycoords="axes fraction",
            xytext=(0, 3),
            textcoords="offset points",
            fontsize=TICK,
            color=GREY,
        )


def _short(value: float, _: int = 0) -> str:
    """Return a number as a tick's label: thousands as K, millions as M."""
    for unit, sign in ((1_000_000, "M"), (1000, "K")):
        if abs(value) >= unit:
            return f"{value / unit:g}{sign}"
    return f"{value:g}".replace("-", "−")


def _legend_columns(entries: Sequence[Series], width: float) -> int:
    """Return into how many columns the legend's entries go, the most that are no wider."""
    from matplotlib.textpath import TextPath

    def points(label: str) -> float:  # of a line, its words, and what stands between columns
        return 46.0 + float(TextPath((0, 0), label, size=BODY).get_extents().width)

    widths = [points(series.label) for series in entries]
    for columns in range(len(widths), 1, -1):
        least, longer = divmod(len(widths), columns)
        ends = [i * least + min(i, longer) for i in range(columns + 1)]  # as matplotlib fills them
        if sum(max(widths[i:j]) for i, j in pairwise(ends)) <= width:
            return columns
    return 1


def _legend(figure: Figure, plot: Plot, entries: Sequence[Series], keys: int) -> None:
    from matplotlib.lines import Line2D

    looks = _looks(plot)
    drawn: dict[str, set[str]] = {}
    for key, mark in zip(plot.data["series"], plot.data["mark"], strict=True):
        drawn.setdefault(key, set()).add(mark)
    handles = []
    for series in entries:
        color, shape, dash = looks[series.key]
        own = drawn[series.key]
        style: dict[str, Any] = {"linestyle": dash if "line" in own else "none", "linewidth": 1.5}
        if series.is_level:
            style = {"linestyle": LEVEL, "linewidth": 1.3}
        elif "points" in own:
            style |= {"marker": shape, "markeredgecolor": "white", "markeredgewidth": 0.6}
        elif "line" not in own:
            style |= {"marker": "s", "alpha": 0.4 if "areas" in own else 1.0}
        handles.append(Line2D([], [], color=color, markersize=5.5, label=series.label, **style))
    has_lines = any("line" in own for own in drawn.values())
    figure.legend(
        handles=handles,
        loc="outside upper left",
        ncols=keys,
        frameon=False,
        handlelength=2.6 if has_lines or any(s.is_level for s in entries) else 1.0,
        columnspacing=1.4,
        borderaxespad=0.0,
        borderpad=0.1,
    )
