"""The description of a plot: panels and layers of marks, drawn from one tidy frame."""

from __future__ import annotations

import itertools
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


@dataclass(frozen=True)
class Layer:
    """Rows of the plot's data that are drawn with one kind of mark.

    Attributes:
        name: of the rows, in their column `layer`.
        mark: one of `synther.sheets.plot.MARKS`.
    """

    name: str
    mark: str


PLACES = ("panel", "series", "x", "y", "low", "high")
"""What a plot's data say of a row beside its layer."""


@dataclass(frozen=True)
class Plot:
    """Panels that share a legend, drawn from one tidy frame.

    Attributes:
        data: column -> values; `panel`, `series`, `layer`, `x`, `y`, and where a mark has them
            `low`, `high`, `width`.
        series: in the legend's order.
        panels: in reading order.
        layers: the lowest first.
        columns: most panels side by side.
        panel_size: width and height of the axes, in points; below 100, letters are small.
        title: above it, where a sheet has several.
    """

    data: dict[str, list[Any]]
    series: tuple[Series, ...]
    panels: tuple[Panel, ...]
    layers: tuple[Layer, ...]
    columns: int = 3
    panel_size: tuple[float, float] = (170.0, 138.0)
    title: str = ""


def frame_columns(frame: Any) -> dict[str, list[Any]]:
    """Return a pandas frame as column -> plain values; what is missing is None."""
    as_objects = frame.astype(object).where(frame.notna(), None)
    return {str(name): as_objects[name].tolist() for name in frame}


def layered(*layers: tuple[str, str, Any]) -> dict[str, Any]:
    """Return `data` and `layers` of a plot.

    Args:
        layers: (name, mark, pandas frame) of each, the lowest first; one without rows is left out.
    """
    kept = [(name, mark, frame) for name, mark, frame in layers if len(frame)]
    places = [name for name in PLACES if any(name in frame for *_, frame in kept)]
    parts = [frame_columns(frame.reindex(columns=places)) for *_, frame in kept]
    named = [[name] * len(frame) for name, _, frame in kept]
    columns = {"layer": named, **{place: [part[place] for part in parts] for place in places}}
    return {
        "data": {name: list(itertools.chain(*lists)) for name, lists in columns.items()},
        "layers": tuple(Layer(name, mark) for name, mark, _ in kept),
    }
