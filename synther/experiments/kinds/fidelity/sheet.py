"""A table or figure of generators as a sheet."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from synther import sheets
from synther.experiments.kinds.fidelity.numbers import MEASURES, NOT_INSTALLED
from synther.experiments.kinds.spec import DatasetRow, Numbers
from synther.sheets import printed
from synther.statistics import published

POINTS = 1000
"""Samples drawn of a source: more only make a stain."""
REAL = "real"
AGAINST = {
    "compression": ("bytes of data / bytes of denoiser", "log", ["compression"]),
    "memory": ("samples memorised (%)", "linear", ["memorised"]),
    "cost": ("seconds of fitting and sampling", "log", ["fit_s", "sample_s"]),
}
"""Layout -> what scores are drawn against: label, scale, and the measures that it is the sum of."""
LARGEST_RATIO = "largest ratio"
"""The paper's claim of how much smaller a denoiser is than its dataset."""
TOLERANCE = 0.02
"""Within which marginals and correlations, which run from 0 to 1, agree with published ones."""
LEFT_OUT = ("terminal", "undetermined", "diverged")
"""Why samples have no true outcome."""


def plots(found: Numbers) -> tuple[sheets.Plot, ...]:
    """Return the plots of the sheet's layout, if it has any and there is something to draw."""
    if found.spec.layout == "marginals":
        there = {dataset for dataset, _ in found.more}
        return tuple(_histograms(found, row) for row in found.spec.rows if row.name in there)
    if found.spec.layout == "diversity" and found.more:
        return (_scatter(found),)
    return (_scores(found),) if found.spec.layout in AGAINST else ()


def _series(found: Numbers) -> tuple[sheets.Series, ...]:
    measured = set(found.frame.loc[found.frame["state"] == "measured", "source"])
    titles = found.spec.sources.items()
    return tuple(sheets.Series(s, title) for s, title in titles if s in measured and s != REAL)


def _panel_size(count: int) -> tuple[float, float]:
    return (300.0, 190.0) if count == 1 else (180.0, 140.0)


def _rounded(frame: pd.DataFrame) -> pd.DataFrame:
    """Return rows of a plot with numbers of five digits: more are not to be seen."""
    numbers = frame.select_dtypes("number").map(lambda value: float(f"{value:.5g}"))
    return frame.assign(**numbers)


def _scatter(found: Numbers) -> sheets.Plot:
    """Draw each sample's distance to the data against the error of its dynamics."""
    every = pd.concat(
        rows.assign(panel=dataset, series=source)
        for (dataset, source), (_, rows) in found.more.items()
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


def _histograms(found: Numbers, dataset: DatasetRow) -> sheets.Plot:
    """Draw every column's distribution: the data as an area, each source as steps."""
    data: dict[str, pd.DataFrame] = {}
    drawn = []
    for source in found.spec.sources:
        if (dataset.name, source) not in found.more:
            continue
        record, _ = found.more[dataset.name, source]
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


def _scores(found: Numbers) -> sheets.Plot:
    """Draw scores against how small the denoiser is, what is memorised, or what it took.

    Against what it took, the error of the dynamics is drawn too.
    """
    frame, spec, keys = found.frame, found.spec, ["dataset", "source"]
    label, scale, measures = AGAINST[spec.layout]
    own = frame[frame["measure"].isin(measures)].drop_duplicates([*keys, "measure"])
    ratios = own.groupby(keys)["value"].sum(min_count=len(measures))
    drawn = ("score", "mse") if spec.layout == "cost" else ("score",)
    scores = frame[frame["measure"].isin(drawn)].dropna(subset="value")
    scores = scores.join(ratios.rename("x"), on=keys).assign(
        panel=scores["dataset"] + "|" + scores["agent"],
        series=scores["source" if "" in spec.factors else "factor"],
        y=scores["value"],
        low=scores["value"] - scores["std"],
        high=scores["value"] + scores["std"],
    )
    scores = _rounded(scores)
    points = scores.dropna(subset="x")
    varied = () if "" in spec.factors else tuple(sheets.Series(f, f) for f in spec.factors)
    series = varied or _series(found)
    # a grey line, whichever series it is of
    between = points.sort_values("x").assign(series=series[0].key if series else REAL)
    if spec.layout == "cost":
        gain = between["y"].where(between["measure"] == "score", -between["y"])
        between = between[gain >= gain.groupby(between["panel"]).cummax()]
    real = scores[scores["source"] == REAL].assign(low=None, high=None)
    panels = [
        sheets.Panel(
            f"{dataset.name}|{agent}",
            dataset.label,
            title,
            x=label,
            y="normalised score" if agent else "dynamics MSE",
            x_scale=scale,
            y_scale="linear" if agent else "log",
        )
        for dataset in spec.rows
        for agent, title in [*spec.agents.items(), *[("", "samples")] * ("mse" in drawn)]
    ]
    return sheets.Plot(
        sheets.layered(
            ("levels", real),
            ("thin", between if spec.layout != "memory" else ()),
            ("ranges", points.dropna(subset="low")),
            ("line", points.sort_values("x") if varied else ()),
            ("points", points),
        ),
        series=(*[sheets.Series(REAL, "real", is_level=True)] * len(real[:1]), *series),
        panels=tuple(panels),
        panel_size=_panel_size(len(panels)),
    )


def tables(found: Numbers) -> Iterator[sheets.Table]:
    """Yield one table of all datasets, or, where something is varied, one a dataset."""
    spec, frame = found.spec, found.frame
    varied = list(spec.factors) != [""]
    columns = [*sheets.columns(("Varied", "SynthER with") if varied else ("Dataset", "Data"), ())]
    published_too = []
    for (measure, agent), theirs in frame.groupby(["measure", "agent"], sort=False)["paper_value"]:
        head = MEASURES[measure]["head"]
        text = f"{spec.agents[agent]} {head}" if agent else head
        columns.append(sheets.Column(text))
        if theirs.notna().any():
            columns.append(sheets.Column(f"{text} (paper)", is_published=True))
            published_too.append((measure, agent))
    labels = {row.name: row.label for row in spec.rows}
    rows: dict[str, list[Any]] = {}
    for (dataset, factor, source), own in frame.groupby(
        ["dataset", "factor", "source"], sort=False
    ):
        cells = []
        for row in own.itertuples():
            cells.append(_measured(found, row))
            if (row.measure, row.agent) in published_too:
                cells.append(_published(row))
        if source in spec.not_installed:
            cells[0] = sheets.Cell(NOT_INSTALLED)
        title, name = (labels[dataset], factor) if varied else ("", labels[dataset])
        rows.setdefault(title, []).append((name, spec.sources[source], *cells))
    for title, made in rows.items():
        yield sheets.table(title, columns, made)


def value_text(measure: str, value: float) -> str:
    """Return a measure as it is printed."""
    known = MEASURES[measure]
    if measure == "parameters":
        return f"{value / 1e6:.3g}M" if value >= 1e6 else f"{value:,.0f}"
    if "significant" in known:
        return f"{value:.{known['significant']}g}"
    return printed.number(value, known.get("digits", 1)) + known.get("unit", "")


def _published(row: Any) -> sheets.Cell:
    text = value_text(row.measure, row.paper_value)
    return printed.published(row.paper_value, row.paper_std, status=row.paper_status, text=text)


def _measured(found: Numbers, row: Any) -> sheets.Cell:
    """Return what was measured, and how it stands to the paper's."""
    if math.isnan(row.value):
        return sheets.Cell()
    tolerance = printed.SCORE_TOLERANCE if row.measure == "score" else TOLERANCE
    theirs = row.paper_value, row.paper_std, math.nan
    stands = printed.agreement((row.value, row.std, row.seeds), theirs, tolerance)
    run = sheets.run_key(row.dataset, row.source, row.agent)
    if row.measure != "score":
        job = MEASURES[row.measure].get("job", "fidelity")
        run = found.spec.files[row.dataset][row.source][job].replace(".parquet", ".json")
    text = value_text(row.measure, row.value)
    return printed.measured(row.value, row.std, text=text, agreement=stands, runs=(run,))


def _left_out(found: Numbers) -> dict[str, float]:
    """Return why samples have no true outcome -> of how many percent of a source's at most."""
    told = [record for record, _ in found.more.values() if record.get("dynamics")]
    every = {
        name: max((100 * own["dynamics"][name] / own["measured"] for own in told), default=0.0)
        for name in LEFT_OUT
    }
    return {name: most for name, most in every.items() if most > 0}


def footnotes(found: Numbers) -> dict[str, Any]:
    """Return what footnotes.j2 says."""
    spec, shown = found.spec, set(found.frame["measure"])
    statuses, largest = list(filter(None, found.frame["paper_status"])), ""
    if spec.layout == "compression":
        claimed = published.claim(LARGEST_RATIO)
        largest = value_text("compression", claimed.mean) + claimed.mark
        statuses.append(claimed.status)
    lacking: dict[str, list[str]] = {}
    for source, package in spec.not_installed.items():
        lacking.setdefault(package, []).append(spec.sources[source])
    return {
        "meanings": [own["words"] for m, own in MEASURES.items() if m in shown and "words" in own],
        "left_out": _left_out(found) if shown & {"mse", "scaled_mse"} else {},
        "has_times": "fit_s" in shown,
        "lacking": lacking,
        "largest": largest,
        "statuses": statuses,
    }
