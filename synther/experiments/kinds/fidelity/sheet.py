"""A table or figure of generators as a sheet."""

import math
from collections.abc import Iterator
from typing import Any

from synther import sheets
from synther.experiments.kinds.fidelity.numbers import (
    MEASURES,
    NOT_INSTALLED,
    Fidelity,
)
from synther.experiments.kinds.fidelity.plots import plots as plots
from synther.sheets import notes, printed
from synther.statistics import published

LARGEST_RATIO = "largest ratio"
"""The paper's claim of how much smaller a denoiser is than its dataset."""
TOLERANCE = 0.02
"""Within which marginals and correlations, which run from 0 to 1, agree with published ones."""
LEFT_OUT = ("terminal", "undetermined", "diverged")
"""Why samples have no true outcome."""


def tables(found: Fidelity) -> Iterator[sheets.Table]:
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


def _measured(found: Fidelity, row: Any) -> sheets.Cell:
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


def _left_out(found: Fidelity) -> dict[str, float]:
    """Return why samples have no true outcome -> of how many percent of a source's at most."""
    told = [record for record, _ in found.samples.values() if record.get("dynamics")]
    every = {
        name: max((100 * own["dynamics"][name] / own["measured"] for own in told), default=0.0)
        for name in LEFT_OUT
    }
    return {name: most for name, most in every.items() if most > 0}


def footnotes(found: Fidelity) -> list[sheets.Note]:
    """Return the footnotes."""
    spec, shown = found.spec, set(found.frame["measure"])
    statuses, largest = list(filter(None, found.frame["paper_status"])), ""
    if spec.layout == "compression":
        claimed = published.claim(LARGEST_RATIO)
        largest = value_text("compression", claimed.mean) + claimed.mark
        statuses.append(claimed.status)
    lacking: dict[str, list[str]] = {}
    for source, package in spec.not_installed.items():
        lacking.setdefault(package, []).append(spec.sources[source])
    return notes.written(
        *(__file__, found),
        meanings=[own["words"] for m, own in MEASURES.items() if m in shown and "words" in own],
        left_out=_left_out(found) if shown & {"mse", "scaled_mse"} else {},
        has_times="fit_s" in shown,
        lacking=lacking,
        largest=largest,
        statuses=statuses,
    )
