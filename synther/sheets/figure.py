"""The description of a plot: panels and layers of marks, drawn from one tidy frame."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Series:
    """What has one look in a plot, in the order of the legend.

    Attributes:
        key: what rows of the plot's data name it by.
        label: in the legend.
        is_level: whether it is a level line, dotted.
        like: key of another series whose colour it has.
    """

    key: str
    label: str
    is_level: bool = False
    like: str = ""


@dataclass(frozen=True)
class Panel:
    """One pair of axes.

    Attributes:
        key: what rows of the plot's data name it by.
        title: above it.
        subtitle: below the title.
        x: label of the horizontal axis.
        y: label of the vertical one.
        x_ticks: (place, label) pairs; the axis chooses where there are none.
        y_ticks: likewise.
        x_limits: ends of the axis; of the data where None.
        y_limits: likewise.
        x_scale: linear or log.
        y_scale: likewise.
        grid: the axis across which lines are drawn; x where the vertical one names rows.
    """

    key: str
    title: str = ""
    subtitle: str = ""
    x: str = ""
    y: str = ""
    x_ticks: tuple[tuple[float, str], ...] = ()
    y_ticks: tuple[tuple[float, str], ...] = ()
    x_limits: tuple[float, float] | None = None
    y_limits: tuple[float, float] | None = None
    x_scale: str = "linear"
    y_scale: str = "linear"
    grid: Literal["x", "y"] = "y"


PLACES = ("panel", "series", "x", "y", "low", "high")
"""What a plot's data say of a row beside its mark."""


@dataclass(frozen=True)
class Plot:
    """Panels that share a legend, drawn from one tidy frame.

    Attributes:
        data: column -> values: `mark` (of `synther.sheets.plot.MARKS`; the first is drawn lowest),
            `panel`, `series`, `x`, `y`, and where a mark has them `low` and `high`.
        series: in the legend's order.
        panels: in reading order.
        columns: most panels side by side.
        panel_size: width and height of the axes, in points; below 100, letters are small.
        title: above it, where a sheet has several.
    """

    data: dict[str, list[Any]]
    series: tuple[Series, ...]
    panels: tuple[Panel, ...]
    columns: int = 3
    panel_size: tuple[float, float] = (170.0, 138.0)
    title: str = ""


def frame_columns(frame: Any) -> dict[str, list[Any]]:
    """Return a pandas frame as column -> plain values; what is missing is None."""
    as_objects = frame.astype(object).where(frame.notna(), None)
    return {str(name): as_objects[name].tolist() for name in frame}


def layered(*layers: tuple[str, Any]) -> dict[str, list[Any]]:
    """Return `data` of a plot.

    Args:
        layers: (mark, pandas frame) of each, the lowest first.
    """
    import pandas as pd

    drawn = [frame.assign(mark=mark).astype(object) for mark, frame in layers if len(frame)]
    rows = pd.concat(drawn) if drawn else pd.DataFrame(columns=PLACES)
    return frame_columns(rows.reindex(columns=["mark", *(p for p in PLACES if p in rows)]))


LEVEL = "level "
"""Before the key of a level line, whose series may have a line of the same key."""


def curves(
    points: Any,
    series: Mapping[str, str],
    panels: Iterable[Panel],
    levels: Any,
    labels: Mapping[str, str],
    *,
    alone: Any = False,
    marked: Any = False,
    **known: Any,
) -> Plot:
    """Return a plot of a line a series with its band, level lines, and dots of single seeds.

    Args:
        points: pandas frame, a row a point: `panel`, `series`, `x`, `value`, `low`, `high`; dots
            are drawn where it has the values of seeds, `each`, and beside them where it has
            `dots_x`.
        series: key -> label of the lines, in the legend's order.
        panels: the axes.
        levels: likewise a row a level line; one has the colour of the line of its series.
        labels: key -> label of these.
        alone: which points are no part of a line: their interval is a bar.
        marked: which points have a mark.
        known: further fields of the plot.
    """
    panels = tuple(panels)
    levels = levels[levels["panel"].isin([panel.key for panel in panels])]
    levels = levels.assign(x=points["x"].min(), y=levels["value"], series=LEVEL + levels["series"])
    points, dots = points.assign(y=points["value"], alone=alone, marked=marked), ()
    alone, marked, bounded = points["alone"], points["marked"], points["low"].notna()
    if "each" in points:
        dots = points.assign(x=points.get("dots_x", points["x"]), y=points["each"])
        dots = dots.explode("y").dropna(subset="y")
    return Plot(
        layered(
            ("levels", levels),
            ("band", points[bounded & ~alone]),
            ("dots", dots),
            ("ranges", points[bounded & alone]),
            ("line", points[~alone]),
            ("points", points[marked]),
        ),
        series=(
            *(Series(*entry) for entry in series.items()),
            *(
                Series(LEVEL + key, label, is_level=True, like=key if key in series else "")
                for key, label in labels.items()
            ),
        ),
        panels=panels,
        **known,
    )
