"""Where a plot's legend goes, and what stands in front of what."""

from __future__ import annotations

import dataclasses

import matplotlib as mpl
import pytest

from synther.sheets import Panel, Plot, Series
from synther.sheets.plot import STYLE, draw


def plot(labels: list[str], mark: str = "line") -> Plot:
    keys = [str(index) for index in range(len(labels))]
    every = keys * 2
    return Plot(
        data={
            "panel": ["p"] * len(every),
            "series": every,
            "mark": [mark] * len(every),
            "x": [0.0] * len(keys) + [1.0] * len(keys),
            "y": [float(key) for key in every],
        },
        series=tuple(Series(*entry) for entry in zip(keys, labels, strict=True)),
        panels=(Panel("p", "Title", "3 seeds"),),
        panel_size=(370.0, 150.0),
    )


@pytest.mark.parametrize(
    ("labels", "columns"),
    [
        (["SAC", "REDQ", "SAC (SynthER)"], 3),
        (["i" * 60, "ii"], 2),  # many letters and little room
        (["W" * 40, "W" * 40, "i"], 1),
        ([f"MMMMMMMMMM {index}" for index in range(9)], 3),
    ],
)
def test_a_legend_has_as_many_columns_as_fit(labels: list[str], columns: int) -> None:
    with mpl.rc_context(STYLE):
        figure = draw(plot(labels))
        figure.draw_without_rendering()
        (legend,) = figure.legends
        box, panel = (part.get_tightbbox() for part in (legend, figure.axes[0]))
    assert legend._ncols == columns
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.x1
    assert box.y0 >= panel.y1  # the panel's titles included


@pytest.mark.parametrize("mark", ["line", "points"])
def test_the_first_series_stands_in_front(mark: str) -> None:
    axes = draw(plot(["a", "b", "c"], mark)).axes[0]
    if mark == "line":
        heights = [line.get_ydata()[0] for line in axes.lines]
    else:
        heights = [float(height) for height in axes.collections[0].get_offsets()[:, 1]]
    assert heights[0] == 2.0
    assert heights[-1] == 0.0


def test_an_axis_that_names_rows_has_no_line_and_the_grid_stands_upright() -> None:
    made = dataclasses.replace(
        plot(["here", "there"], "spans"),
        panels=(Panel("p", y_ticks=((0.0, "first"), (1.0, "second")), grid="x"),),
        panel_size=(60.0, 100.0),  # small, and its letters are not
    )
    made.data["low"], made.data["high"] = [0.0] * 4, [20_000.0] * 4
    with mpl.rc_context(STYLE):
        figure = draw(made)
        figure.draw_without_rendering()
        axes = figure.axes[0]
        names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["first", "second"]
    assert not axes.spines["left"].get_visible()
    assert axes.xaxis.get_gridlines()[0].get_visible()
    assert not axes.yaxis.get_gridlines()[0].get_visible()
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert {"0", "10K", "20K"} <= set(labels)
