"""What layouts of generators draw: a scatter, histograms of every column, scores by size."""

from __future__ import annotations

import numpy as np
import pandas as pd

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


def plots(found: Fidelity) -> tuple[sheets.Plot, ...]:
    """Return the plots of the sheet's layout, if it has any."""
    if found.spec.layout == "marginals":
        return tuple(_histograms(found, dataset) for dataset in found.spec.rows)
    if found.spec.layout == "diversity":
        return (_scatter(found),)
    return (_sizes(found),) if found.spec.layout == "compression" else ()


def _series(found: Fidelity) -> tuple[sheets.Series, ...]:
    measured = set(found.frame.loc[found.frame["state"] == "measured", "source"])
    titles = found.spec.sources.items()
    return tuple(sheets.Series(s, title) for s, title in titles if s in measured and s != REAL)


def _panel_size(count: int) -> tuple[float, float]:
    return (300.0, 190.0) if count == 1 else (180.0, 140.0)


def _rounded(frame: pd.DataFrame) -> pd.DataFrame:
    """Return rows of a plot with numbers of five digits: more are not to be seen."""
    numbers = frame.select_dtypes("number").map(lambda value: float(f"{value:.5g}"))
    return frame.assign(**numbers)


def _joined(frames: list[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(frames) if frames else pd.DataFrame(columns=["panel", "series", "x", "y"])


def _scatter(found: Fidelity) -> sheets.Plot:
    """Draw each sample's distance to the data against the error of its dynamics."""
    parts, panels = [], []
    for (dataset, source), (_, rows) in found.samples.items():
        known = rows[rows["mse"] > 0]
        parts.append(
            pd.DataFrame(
                {"panel": dataset, "series": source, "x": known["distance"], "y": known["mse"]}
            )
        )
    medians = [part.groupby(["panel", "series"], as_index=False).median() for part in parts]
    samples = _joined([part.iloc[:: max(1, len(part) // POINTS)] for part in parts])
    for dataset in found.spec.rows:
        there = samples.loc[samples["panel"] == dataset.name, "x"]
        panels.append(
            sheets.Panel(
                dataset.name,
                notes.label(dataset),
                x="least distance to the data (standard deviations)",
                y="dynamics MSE (squared units of the task)",
                x_limits=(0.0, 1.04 * there.max() or 1.0) if len(there) else (0.0, 1.0),
                y_scale="log" if len(there) else "linear",
            )
        )
    return sheets.Plot(
        sheets.layered(("dots", _rounded(samples)), ("points", _rounded(_joined(medians)))),
        series=_series(found),
        panels=tuple(panels),
        panel_size=_panel_size(len(panels)),
    )


def _histograms(found: Fidelity, dataset: DatasetRow) -> sheets.Plot:
    """Draw every column's distribution: the data as an area, each source as steps."""
    data: dict[str, pd.DataFrame] = {}
    drawn = []
    for source in found.spec.sources:
        record, _ = found.samples.get((dataset.name, source), ({}, None))
        for index, name in enumerate(record.get("columns", [])):
            heights = {key: values[index] for key, values in record["histograms"].items()}
            edges = heights["edges"]  # of which a histogram's outline has each twice
            outline = pd.DataFrame({"panel": name, "x": np.repeat(edges, 2)[1:-1]})
            of_data = outline.assign(series=REAL, low=0.0, high=np.repeat(heights["real"], 2))
            data.setdefault(name, of_data)
            drawn.append(outline.assign(series=source, y=np.repeat(heights["samples"], 2)))
    areas, samples = _rounded(_joined([*data.values()])), _rounded(_joined(drawn))
    heights = {name: areas.loc[areas["panel"] == name, "high"].tolist() for name in data}
    for name, own in samples.groupby("panel"):
        heights[name] += own["y"].tolist()
    return sheets.Plot(
        sheets.layered(("areas", areas), ("line", samples)),
        series=(sheets.Series(REAL, "real"), *_series(found)),
        panels=tuple(
            sheets.Panel(name, name.replace("_", " "), y_limits=(0.0, 1.05 * max(tops) or 1.0))
            for name, tops in heights.items()
        ),
        columns=7,
        panel_size=(72.0, 42.0),
        title=notes.label(dataset),
    )


def _sizes(found: Fidelity) -> sheets.Plot:
    """Draw scores against how many times smaller the denoiser is than its data."""
    frame, spec = found.frame, found.spec
    ratios = frame[frame["measure"] == "compression"].set_index(["dataset", "source"])["value"]
    scores = frame[(frame["measure"] == "score") & frame["value"].notna()]
    places = pd.MultiIndex.from_frame(scores[["dataset", "source"]])
    scores = _rounded(
        scores.assign(
            panel=scores["dataset"] + "|" + scores["agent"],
            series=scores["source"],
            x=ratios.reindex(places).to_numpy(),
            y=scores["value"],
            low=scores["value"] - scores["std"],
            high=scores["value"] + scores["std"],
        )
    )
    points = scores.dropna(subset="x")
    between = points.sort_values("x")[["panel", "x", "y"]].assign(series=REAL)
    real = scores[scores["source"] == REAL].assign(low=None, high=None)
    panels = [
        sheets.Panel(
            f"{dataset.name}|{agent}",
            notes.label(dataset),
            title,
            x="bytes of data / bytes of denoiser",
            y="normalised score",
            x_scale="log",
        )
        for dataset in spec.rows
        for agent, title in spec.agents.items()
    ]
    return sheets.Plot(
        sheets.layered(
            ("levels", real),
            ("thin", between),
            ("ranges", points.dropna(subset="low")),
            ("points", points),
        ),
        series=(sheets.Series(REAL, "real", is_level=True), *_series(found)),
        panels=tuple(panels),
        panel_size=_panel_size(len(panels)),
    )
