"""A table or figure of generators as a sheet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from synther import sheets
from synther.experiments.kinds.fidelity.numbers import CSV_COLUMNS, NOT_INSTALLED, Fidelity
from synther.experiments.kinds.fidelity.plots import DRAWN, plots
from synther.sheets import notes, numbers
from synther.statistics import published

LARGEST_RATIO = "largest ratio"
"""The paper's claim of how much smaller a denoiser is than its dataset."""
TOLERANCE = 0.02
"""Within which marginals and correlations, which run from 0 to 1, agree with published ones."""
HEADS = {
    "marginal": "Marginal",
    "worst": "Worst column",
    "correlation": "Correlation",
    "mse": "Dynamics MSE",
    "scaled_mse": "Dynamics MSE, scaled",
    "distance": "Distance to data",
    "data_distance": "Data to itself",
    "memorised": "Memorised (%)",
    "score": "score",
    "fit_s": "Fit (s)",
    "sample_s": "Sample (s)",
    "parameters": "Parameters",
    "compression": "Compression",
}
EXPLAINED = {
    "marginal": "Marginal: mean over columns of 1 - the two-sample Kolmogorov-Smirnov statistic "
    "(KSComplement of sdmetrics).",
    "worst": "Worst column: the least of these.",
    "correlation": "Correlation: mean over pairs of columns of 1 - |difference of Spearman's "
    "correlations| / 2 (CorrelationSimilarity of sdmetrics); columns that never change are left "
    "out.",
    "mse": "Dynamics MSE: mean squared error of next observation and reward against the simulator, "
    "started from the sample's own observation with its action, in the task's units; mean over "
    "entries and samples.",
    "scaled_mse": "Scaled: every entry in standard deviations of the data.",
    "distance": "Distance to data: median of the least L2 distance of a sample to any transition "
    "of the data, in standard deviations of each column, terminals aside.",
    "data_distance": "Data to itself: the same, from the transition of the data that is nearest to "
    "a sample to the transition nearest to that one.",
    "memorised": "Memorised: samples closer to the data than their nearest transition there is to "
    "any other (Alaa et al. 2022, arXiv 2102.08921).",
    "compression": "Compression: bytes of the dataset over bytes of the network, both float32.",
}
_MADE_BY = {"fit_s": "fit", "parameters": "fit", "compression": "fit", "sample_s": "sample"}
"""Measure -> the job whose record it is from, if not `fidelity`'s."""


def sheet(found: Fidelity) -> sheets.Sheet:
    """Return the measures as tables, with the layout's plots."""
    return found.sheet(
        CSV_COLUMNS,
        ("seeds",),
        tables=_tables(found),
        plots=plots(found),
        notes=footnotes(found),
    )


def _tables(found: Fidelity) -> Iterator[sheets.Table]:
    """Yield one table of all datasets, or, where something is varied, one a dataset."""
    spec, frame = found.spec, found.frame
    varied = list(spec.factors) != [""]
    names = ("Varied", "SynthER with") if varied else ("Dataset", "Data")
    heads = []
    for measure, agent, theirs in _columns(found):
        text = f"{spec.agents[agent]} {HEADS[measure]}" if agent else HEADS[measure]
        heads.append(sheets.Column(f"{text} (paper)" if theirs else text, is_published=theirs))
    for dataset in spec.rows if varied else [None]:
        own = frame[frame["dataset"] == dataset.name] if dataset else frame
        title = notes.label(dataset) if dataset else ""
        columns = (*sheets.columns(names, ()), *heads)
        yield sheets.table(title, columns, _rows(found, own, varied))


def _columns(found: Fidelity) -> list[tuple[str, str, bool]]:
    """Return the columns: (measure, agent, whether it is the paper's)."""
    kept = []
    for (measure, agent), own in found.frame.groupby(["measure", "agent"], sort=False):
        kept.append((measure, agent, False))
        if own["paper_value"].notna().any():
            kept.append((measure, agent, True))
    return kept


def _rows(found: Fidelity, frame: pd.DataFrame, varied: bool) -> Iterator[list[sheets.Cell | str]]:
    labels = {row.name: notes.label(row) for row in found.spec.rows}
    lines = frame.groupby(["dataset", "factor", "source"], sort=False)
    for (dataset, factor, source), own in lines:
        there = {(row.measure, row.agent): row for row in own.itertuples()}
        lead = [factor if varied else labels[dataset], found.spec.sources[source]]
        cells = [
            _cell(found, there[measure, agent], is_theirs)
            for measure, agent, is_theirs in _columns(found)
        ]
        if source in found.spec.not_installed:
            cells[0] = sheets.Cell(NOT_INSTALLED)
        yield [*lead, *cells]


def value_text(measure: str, value: float) -> str:
    """Return a measure as it is printed."""
    if measure in ("marginal", "worst", "correlation"):
        return numbers.number(value, 3)
    if measure == "parameters":
        return f"{value / 1e6:.3g}M" if value >= 1e6 else f"{value:,.0f}"
    if measure in ("mse", "scaled_mse", "distance", "data_distance"):
        return f"{value:.3g}"
    text = numbers.number(value)
    return f"{text}x" if measure == "compression" else text


def _cell(found: Fidelity, row: Any, is_theirs: bool) -> sheets.Cell:
    """Return what a column shows of a measure: what was measured, or the paper's."""
    paper = row.paper_value, row.paper_std
    value, std = paper if is_theirs else (row.value, row.std)
    if pd.isna(value):
        return sheets.Cell()
    text, spread = value_text(row.measure, value), None
    if not pd.isna(std):
        text, spread = f"{text} ± {numbers.number(std)}", std
    if is_theirs:
        status = row.paper_status
        return sheets.Cell(text, value, spread, mark=published.mark(status), status=status)
    tolerance = numbers.SCORE_TOLERANCE if row.measure == "score" else TOLERANCE
    stands = numbers.agreement((value, std, row.seeds), (*paper, float("nan")), tolerance)
    return sheets.Cell(text, value, spread, agreement=stands, runs=_runs(found, row))


def _runs(found: Fidelity, row: Any) -> tuple[str, ...]:
    if row.measure == "score":
        return (sheets.run_key(row.dataset, row.source, row.agent),)
    files = found.spec.files.get(row.dataset, {}).get(row.source, {})
    path = files.get(_MADE_BY.get(row.measure, "fidelity"), "")
    return (path.replace(".parquet", ".json"),) if path else ()


def _dynamics_note(found: Fidelity) -> list[str]:
    """Say how many samples have no true outcome, and why."""
    left: dict[str, list[float]] = {"terminal": [], "undetermined": [], "diverged": []}
    for record, _ in found.samples.values():
        if dynamics := record.get("dynamics"):
            for name, shares in left.items():
                shares.append(100 * dynamics[name] / record["measured"])
    reasons = {
        "terminal": "terminal (their next observation is another episode's)",
        "undetermined": "with a velocity at its clip (the observation hides the state)",
        "diverged": "that the simulator could not step",
    }
    parts = [
        f"{reasons[name]}: up to {numbers.number(max(shares), 2)}%"
        for name, shares in left.items()
        if any(shares)
    ]
    if not parts:
        return []
    return [f"Left out of the dynamics, of each source's samples: {'; '.join(parts)}."]


def footnotes(found: Fidelity) -> list[sheets.Note | str]:
    """Return the footnotes: what the columns mean, caveats, and the marks that are printed."""
    spec = found.spec
    shown = set(found.frame["measure"])
    lines = [text for measure, text in EXPLAINED.items() if measure in shown]
    if shown & {"mse", "scaled_mse"}:
        lines += _dynamics_note(found)
    counts = {int(count) for count in found.frame["seeds"].dropna()}
    if counts:
        of, and_more = "normalised score of the last evaluation", ""
        if len(counts) > 1:
            and_more = f"; {min(counts)} to {max(counts)} seeds"
        over = "seeds" if and_more else f"{min(counts)} seeds"
        deviation = f"Scores: mean ± sample standard deviation (ddof = 1) over {over} of the {of}"
        lines.append(f"{deviation}{and_more}.")
        if max(counts) > 1:
            lines.append(notes.SEEDS_ARE_AGENTS)
        if min(counts) < notes.FEW_SEEDS:
            lines.append(f"Deviations of fewer than {notes.FEW_SEEDS} seeds say little.")
    if "fit_s" in shown:
        lines.append(
            "Seconds are wall time on the hardware of each job's record, loading included."
        )
    for package in dict.fromkeys(spec.not_installed.values()):
        names = [spec.sources[s] for s, lacking in spec.not_installed.items() if lacking == package]
        lines.append(
            f"{', '.join(names)}: the optional package {package} is {NOT_INSTALLED}; "
            f"pip install 'synther[{package}]' and run again."
        )
    lines += notes.stand_ins(spec.rows)
    statuses = [status for status in found.frame["paper_status"] if status]
    if spec.layout == "compression":
        claimed = published.claim(LARGEST_RATIO).number
        ratio = value_text("compression", claimed.mean)
        lines.append(f"The largest ratio that the paper claims is {ratio}{claimed.mark}.")
        statuses.append(claimed.status)
    if statuses:
        lines += published.footnotes(statuses)
    elif spec.paper:
        lines.append("No published numbers are known for these datasets.")
    drawn = [sheets.Note(DRAWN[spec.layout], "page")] if spec.layout in DRAWN else []
    return [*drawn, *lines]
