"""What layouts of generators draw: a scatter, histograms of every column, scores by size."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

from synther import sheets
from synther.experiments.kinds.fidelity.numbers import Fidelity
from synther.experiments.kinds.spec import DatasetRow
from synther.sheets import notes

POINTS = 1000
"""Samples drawn of a source: more only make a stain."""
REAL = "real"
DRAWN = {
    "diversity": "Points: up to 1,000 samples of each source; large marks: medians.",
    "marginals": "Histograms: shares of all rows (upwards) in bins of the column's own unit, over "
    "the middle 99.8% of real values; grey areas are the data.",
    "compression": "Bars: one standard deviation over seeds; the dotted line is the real data.",
}


class _Rows:
    """A plot's data, a row at a time."""

    def __init__(self) -> None:
        self.data: dict[str, list[Any]] = defaultdict(list)

    def add(self, layer: str, panel: str, series: str, **places: float) -> None:
        row = {"layer": layer, "panel": panel, "series": series}
        for name in ("layer", "panel", "series"):
            self.data[name].append(row[name])
        for name in ("x", "y", "low", "high"):
            value = places.get(name)
            self.data[name].append(None if value is None else float(f"{value:.5g}"))


def plots(found: Fidelity) -> tuple[sheets.Plot, ...]:
    """Return the plots of the sheet's layout, if it has any."""
    if found.spec.layout == "marginals":
        return tuple(_histograms(found, dataset) for dataset in found.spec.rows)
    if found.spec.layout == "diversity":
        return (_scatter(found),)
    return (_sizes(found),) if found.spec.layout == "compression" else ()


def _series(found: Fidelity) -> tuple[sheets.Series, ...]:
    measured = {entry.source for entry in found.entries.values() if entry.numbers}
    titles = found.spec.sources.items()
    return tuple(sheets.Series(s, title) for s, title in titles if s in measured and s != REAL)


def _panel_size(count: int) -> tuple[float, float]:
    return (300.0, 190.0) if count == 1 else (180.0, 140.0)


def _scatter(found: Fidelity) -> sheets.Plot:
    """Draw each sample's distance to the data against the error of its dynamics."""
    rows, panels = _Rows(), []
    for dataset in found.spec.rows:
        ends = [0.0]
        scale = "linear"
        for source in found.spec.sources:
            frame = found.entries[dataset.name, source].rows
            if frame is None or not (known := frame[frame["mse"] > 0]).size:
                continue
            scale = "log"
            for _, row in known.iloc[:: max(1, len(known) // POINTS)].iterrows():
                rows.add("sample", dataset.name, source, x=row["distance"], y=row["mse"])
                ends.append(row["distance"])
            middle = {"x": known["distance"].median(), "y": known["mse"].median()}
            rows.add("median", dataset.name, source, **middle)
        panels.append(
            sheets.Panel(
                dataset.name,
                notes.label(dataset),
                x="least distance to the data (standard deviations)",
                y="dynamics MSE (squared units of the task)",
                x_limits=(0.0, 1.04 * max(ends) or 1.0),
                y_scale=scale,
            )
        )
    return sheets.Plot(
        data=dict(rows.data),
        series=_series(found),
        panels=tuple(panels),
        layers=(sheets.Layer("sample", "dots"), sheets.Layer("median", "points")),
        panel_size=_panel_size(len(panels)),
    )


def _histograms(found: Fidelity, dataset: DatasetRow) -> sheets.Plot:
    """Draw every column's distribution: the data as an area, each source as steps."""
    rows, names = _Rows(), []
    for source in found.spec.sources:
        record = found.entries[dataset.name, source].record
        for index, name in enumerate(record.get("columns", [])):
            drawn = record["histograms"]
            edges = drawn["edges"][index]
            if name not in names:
                names.append(name)
                for x, y in _steps(edges, drawn["real"][index]):
                    rows.add("data", name, REAL, x=x, low=0.0, high=y)
            for x, y in _steps(edges, drawn["samples"][index]):
                rows.add("samples", name, source, x=x, y=y)
    return sheets.Plot(
        data=dict(rows.data),
        series=(sheets.Series(REAL, "real"), *_series(found)),
        panels=tuple(
            sheets.Panel(name, name.replace("_", " "), y_limits=(0.0, _top(rows, name)))
            for name in names
        ),
        layers=(sheets.Layer("data", "areas"), sheets.Layer("samples", "line")),
        columns=7,
        panel_size=(72.0, 42.0),
        title=notes.label(dataset),
    )


def _steps(edges: list[float], heights: list[float]) -> list[tuple[float, float]]:
    """Return the corners of a histogram's outline."""
    pairs = zip(edges[:-1], edges[1:], heights, strict=True)
    return [(x, y) for left, right, y in pairs for x in (left, right)]


def _top(rows: _Rows, panel: str) -> float:
    tops = [
        max(y or 0.0, high or 0.0)
        for name, y, high in zip(rows.data["panel"], rows.data["y"], rows.data["high"], strict=True)
        if name == panel
    ]
    return 1.05 * max(tops) or 1.0


def _sizes(found: Fidelity) -> sheets.Plot:
    """Draw scores against how many times smaller the denoiser is than its data."""
    rows, panels, spec = _Rows(), [], found.spec
    for dataset in spec.rows:
        for agent, title in spec.agents.items():
            key, points = f"{dataset.name}|{agent}", []
            for source in spec.sources:
                numbers = found.entries[dataset.name, source].numbers
                score, ratio = numbers.get(("score", agent)), numbers.get(("compression", ""))
                if score and source == REAL:
                    rows.add("real", key, REAL, y=score.value)
                if score and ratio:
                    place = {"x": ratio.value, "y": score.value}
                    points.append((ratio.value, score.value))
                    if not math.isnan(score.std):
                        ends = {"low": score.value - score.std, "high": score.value + score.std}
                        rows.add("deviation", key, source, **place, **ends)
                    rows.add("score", key, source, **place)
            for x, y in sorted(points):
                rows.add("between", key, REAL, x=x, y=y)
            panels.append(
                sheets.Panel(
                    key,
                    notes.label(dataset),
                    title,
                    x="bytes of data / bytes of denoiser",
                    y="normalised score",
                    x_scale="log",
                )
            )
    return sheets.Plot(
        data=dict(rows.data),
        series=(sheets.Series(REAL, "real", is_level=True), *_series(found)),
        panels=tuple(panels),
        layers=(
            sheets.Layer("real", "levels"),
            sheets.Layer("between", "thin"),
            sheets.Layer("deviation", "ranges"),
            sheets.Layer("score", "points"),
        ),
        panel_size=_panel_size(len(panels)),
    )
