"""What layouts of generators draw: a scatter, histograms of every column, scores by size."""

import numpy as np
import pandas as pd

from synther import sheets
from synther.experiments.kinds.fidelity.numbers import Fidelity
from synther.experiments.kinds.spec import DatasetRow

POINTS = 1000
"""Samples drawn of a source: more only make a stain."""
REAL = "real"
AGAINST = {
    "compression": ("bytes of data / bytes of denoiser", "log", ["compression"]),
    "memory": ("samples memorised (%)", "linear", ["memorised"]),
    "cost": ("seconds of fitting and sampling", "log", ["fit_s", "sample_s"]),
}
"""Layout -> what scores are drawn against: label, scale, and the measures that it is the sum of."""


def plots(found: Fidelity) -> tuple[sheets.Plot, ...]:
    """Return the plots of the sheet's layout, if it has any and there is something to draw."""
    if found.spec.layout == "marginals":
        there = {dataset for dataset, _ in found.samples}
        return tuple(_histograms(found, row) for row in found.spec.rows if row.name in there)
    if found.spec.layout == "diversity" and found.samples:
        return (_scatter(found),)
    return (_scores(found),) if found.spec.layout in AGAINST else ()


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


def _scatter(found: Fidelity) -> sheets.Plot:
    """Draw each sample's distance to the data against the error of its dynamics."""
    every = pd.concat(
        rows.assign(panel=dataset, series=source)
        for (dataset, source), (_, rows) in found.samples.items()
    ).rename(columns={"distance": "x", "mse": "y"})
    known = every[every["y"] > 0]
    sources = known.groupby(["panel", "series"], sort=False)
    medians = sources[["x", "y"]].median().reset_index()
    step = (sources["x"].transform("size") // POINTS).clip(lower=1)
    samples, panels = known[sources.cumcount() % step == 0], []
    for dataset in found.spec.rows:
        there = samples.loc[samples["panel"] == dataset.name, "x"]
        panels.append(
            sheets.Panel(
                dataset.name,
                dataset.label,
                x="least distance to the data (standard deviations)",
                y="dynamics MSE (squared units of the task)",
                x_limits=(0.0, 1.04 * there.max() or 1.0) if len(there) else (0.0, 1.0),
                y_scale="log" if len(there) else "linear",
            )
        )
    return sheets.Plot(
        sheets.layered(("dots", _rounded(samples)), ("points", _rounded(medians))),
        series=_series(found),
        panels=tuple(panels),
        panel_size=_panel_size(len(panels)),
    )


def _histograms(found: Fidelity, dataset: DatasetRow) -> sheets.Plot:
    """Draw every column's distribution: the data as an area, each source as steps."""
    data: dict[str, pd.DataFrame] = {}
    drawn = []
    for source in found.spec.sources:
        if (dataset.name, source) not in found.samples:
            continue
        record, _ = found.samples[dataset.name, source]
        bins = (record["histograms"][key] for key in ("edges", "real", "samples"))
        for name, edges, real, own in zip(record["columns"], *bins, strict=True):
            outline = pd.DataFrame({"panel": name, "x": np.repeat(edges, 2)[1:-1]})
            data.setdefault(name, outline.assign(series=REAL, low=0.0, high=np.repeat(real, 2)))
            drawn.append(outline.assign(series=source, y=np.repeat(own, 2)))
    areas, samples = _rounded(pd.concat(data.values())), _rounded(pd.concat(drawn))
    every = pd.concat([areas.assign(y=areas["high"]), samples])
    tops = every.groupby("panel", sort=False)["y"].max()
    return sheets.Plot(
        sheets.layered(("areas", areas), ("line", samples)),
        series=(sheets.Series(REAL, "real"), *_series(found)),
        panels=tuple(
            sheets.Panel(str(name), str(name).replace("_", " "), y_limits=(0.0, 1.05 * top or 1.0))
            for name, top in tops.items()
        ),
        columns=7,
        panel_size=(72.0, 42.0),
        title=dataset.label,
    )


def _scores(found: Fidelity) -> sheets.Plot:
    """Draw scores against how small the denoiser is, what is memorised, or what it took."""
    frame, spec, keys = found.frame, found.spec, ["dataset", "source"]
    label, scale, measures = AGAINST[spec.layout]
    own = frame[frame["measure"].isin(measures)].drop_duplicates([*keys, "measure"])
    ratios = own.groupby(keys)["value"].sum(min_count=len(measures))
    scores = frame[frame["measure"] == "score"].dropna(subset="value")
    scores = scores.join(ratios.rename("x"), on=keys).assign(
        panel=scores["dataset"] + "|" + scores["agent"],
        series=scores["source" if "" in spec.factors else "factor"],
        y=scores["value"],
        low=scores["value"] - scores["std"],
        high=scores["value"] + scores["std"],
    )
    scores = _rounded(scores)
    points = scores.dropna(subset="x")
    between = points.sort_values("x")[["panel", "x", "y"]].assign(series=REAL)
    if spec.layout == "cost":
        between = between[between["y"] >= between.groupby("panel")["y"].cummax()]
    real = scores[scores["source"] == REAL].assign(low=None, high=None)
    panels = [
        sheets.Panel(
            f"{dataset.name}|{agent}",
            dataset.label,
            title,
            x=label,
            y="normalised score",
            x_scale=scale,
        )
        for dataset in spec.rows
        for agent, title in spec.agents.items()
    ]
    varied = () if "" in spec.factors else tuple(sheets.Series(f, f) for f in spec.factors)
    return sheets.Plot(
        sheets.layered(
            ("levels", real),
            ("thin", between if spec.layout != "memory" else ()),
            ("ranges", points.dropna(subset="low")),
            ("line", points.sort_values("x") if varied else ()),
            ("points", points),
        ),
        series=(sheets.Series(REAL, "real", is_level=True), *(varied or _series(found))),
        panels=tuple(panels),
        panel_size=_panel_size(len(panels)),
    )
