"""A table or figure of generators as a sheet."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from synther import sheets
from synther.experiments.kinds.fidelity.numbers import Entry, Fidelity
from synther.experiments.kinds.fidelity.plots import DRAWN, plots
from synther.experiments.kinds.spec import DatasetRow
from synther.sheets import notes
from synther.sheets.numbers import SCORE_TOLERANCE, agreement, number, words
from synther.statistics import published
from synther.statistics.measures import Number
from synther.statistics.published import PaperNumber

NOT_INSTALLED = "not installed"
LARGEST_RATIO = "largest ratio"
"""The paper's claim of how much smaller a denoiser is than its dataset."""
TOLERANCE = 0.02
"""Within which marginals and correlations, which run from 0 to 1, agree with published ones."""
CSV_COLUMNS = (
    *("experiment", "preset", "budget", "factor", "dataset", "paper_name", "source", "title"),
    *("measure", "agent", "state", "value", "std", "seeds"),
    *("paper_value", "paper_std", "paper_status"),
)
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
    "data_distance": "Data to itself: likewise, from each sample's nearest transition of the data "
    "to that one's nearest other.",
    "memorised": "Memorised: samples closer to the data than their nearest transition there is to "
    "any other (Alaa et al. 2022, arXiv 2102.08921).",
    "compression": "Compression: bytes of the dataset over bytes of the network, both float32.",
}
_MADE_BY = {"fit_s": "fit", "parameters": "fit", "compression": "fit", "sample_s": "sample"}
"""Measure -> the job whose record it is from, if not `fidelity`'s."""


def sheet(found: Fidelity) -> sheets.Sheet:
    """Return the measures as tables, with the layout's plots."""
    return sheets.Sheet(
        **found.spec.heading(),
        tables=tuple(_tables(found)),
        plots=plots(found),
        notes=tuple(footnotes(found)),
        tidy=sheets.frame_columns(tidy(found)),
    )


def columns(found: Fidelity) -> list[tuple[str, str, bool]]:
    """Return the columns: (measure, agent, whether it is the paper's)."""
    kept = []
    known = {key for entry in found.entries.values() for key in entry.published}
    for measure in found.spec.columns:
        for agent in list(found.spec.agents) if measure == "score" else [""]:
            kept.append((measure, agent, False))
            if (measure, agent) in known:
                kept.append((measure, agent, True))
    return kept


def _heads(found: Fidelity) -> list[sheets.Column]:
    heads = []
    for measure, agent, theirs in columns(found):
        text = f"{found.spec.agents[agent]} {HEADS[measure]}" if agent else HEADS[measure]
        heads.append(sheets.Column(f"{text} (paper)" if theirs else text, is_published=theirs))
    return heads


def _tables(found: Fidelity) -> list[sheets.Table]:
    """Return one table of all datasets, or, where something is varied, one a dataset."""
    spec, heads = found.spec, _heads(found)
    varied = list(spec.factors) != [""]
    names = ("Varied", "SynthER with") if varied else ("Dataset", "Data")
    made, rows = [], []
    lead = [sheets.Column(name, is_name=True) for name in names]
    for dataset in spec.rows:
        for factor, source, entry in found.lines(dataset):
            first = factor if varied else notes.label(dataset)
            cells = [words(first), words(spec.sources[source])]
            rows.append(sheets.Row((*cells, *_cells(found, dataset, source, entry))))
        if varied:
            made.append(sheets.Table(notes.label(dataset), (*lead, *heads), tuple(rows)))
            rows = []
    return made or [sheets.Table("", (*lead, *heads), tuple(rows))]


def value_text(measure: str, value: float) -> str:
    """Return a measure as it is printed."""
    if measure in ("marginal", "worst", "correlation"):
        return number(value, 3)
    if measure == "parameters":
        return f"{value / 1e6:.3g}M" if value >= 1e6 else f"{value:,.0f}"
    if measure in ("mse", "scaled_mse", "distance", "data_distance"):
        return f"{value:.3g}"
    return f"{number(value)}x" if measure == "compression" else number(value)


def _cells(found: Fidelity, dataset: DatasetRow, source: str, entry: Entry) -> list[sheets.Cell]:
    cells = []
    for measure, agent, is_theirs in columns(found):
        own, theirs = entry.numbers.get((measure, agent)), entry.published.get((measure, agent))
        if is_theirs:
            cells.append(_published(measure, theirs))
        else:
            runs = _runs(found, dataset, source, measure, agent)
            cells.append(_measured(measure, own, theirs, runs))
    if source in found.spec.not_installed:
        cells[0] = sheets.Cell(NOT_INSTALLED)
    return cells


def _runs(
    found: Fidelity, dataset: DatasetRow, source: str, measure: str, agent: str
) -> tuple[str, ...]:
    if measure == "score":
        return (sheets.run_key(dataset.name, source, agent),)
    files = found.spec.files.get(dataset.name, {}).get(source, {})
    path = files.get(_MADE_BY.get(measure, "fidelity"), "")
    return (path.replace(".parquet", ".json"),) if path else ()


def _measured(
    measure: str, own: Number | None, theirs: PaperNumber | None, runs: tuple[str, ...]
) -> sheets.Cell:
    if own is None:
        return sheets.Cell()
    text, std = value_text(measure, own.value), None
    if not math.isnan(own.std):
        text, std = f"{text} ± {number(own.std)}", own.std
    stands = ""
    if theirs:
        seeds = math.nan if own.seeds is None else own.seeds
        tolerance = SCORE_TOLERANCE if measure == "score" else TOLERANCE
        stands = agreement(
            (own.value, own.std, seeds), (theirs.mean, theirs.std, math.nan), tolerance
        )
    return sheets.Cell(text, own.value, std, agreement=stands, runs=runs)


def _published(measure: str, theirs: PaperNumber | None) -> sheets.Cell:
    if theirs is None:
        return sheets.Cell()
    text, std = value_text(measure, theirs.mean), None
    if not math.isnan(theirs.std):
        text, std = f"{text} ± {number(theirs.std)}", theirs.std
    return sheets.Cell(text, theirs.mean, std, mark=theirs.mark, status=theirs.status)


def _dynamics_note(found: Fidelity) -> list[str]:
    """Say how many samples have no true outcome, and why."""
    left: dict[str, list[float]] = {"terminal": [], "undetermined": [], "diverged": []}
    for entry in found.entries.values():
        dynamics, size = entry.record.get("dynamics"), entry.record.get("measured", 0)
        if dynamics:
            for name, shares in left.items():
                shares.append(100 * dynamics[name] / size)
    reasons = {
        "terminal": "terminal (their next observation is another episode's)",
        "undetermined": "with a velocity at its clip (the observation hides the state)",
        "diverged": "that the simulator could not step",
    }
    parts = [
        f"{reasons[name]}: up to {number(max(shares), 2)}%"
        for name, shares in left.items()
        if any(shares)
    ]
    if not parts:
        return []
    return [f"Left out of the dynamics, of each source's samples: {'; '.join(parts)}."]


def footnotes(found: Fidelity) -> list[sheets.Note]:
    """Return the footnotes: what the columns mean, caveats, and the marks that are printed."""
    spec = found.spec
    shown = {measure for measure, _, _ in columns(found)}
    lines = [text for measure, text in EXPLAINED.items() if measure in shown]
    if shown & {"mse", "scaled_mse"}:
        lines += _dynamics_note(found)
    counts = {n.seeds for e in found.entries.values() for n in e.numbers.values() if n.seeds}
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
    statuses = [n.status for entry in found.entries.values() for n in entry.published.values()]
    if spec.layout == "compression":
        claimed = published.claim(LARGEST_RATIO).number
        ratio = value_text("compression", claimed.mean)
        lines.append(f"The largest ratio that the paper claims is {ratio}{claimed.mark}.")
        statuses.append(claimed.status)
    if statuses:
        lines += [f"{line}." for line in published.footnotes(statuses)]
    elif spec.paper:
        lines.append("No published numbers are known for these datasets.")
    drawn = [sheets.Note(DRAWN[spec.layout], "page")] if spec.layout in DRAWN else []
    return [*drawn, *map(sheets.Note, [*lines, *spec.notes])]


def tidy(found: Fidelity) -> pd.DataFrame:
    """Return everything in the table, one number a row, for machines; columns `CSV_COLUMNS`.

    `state` is measured, missing or not installed.
    """
    spec, records = found.spec, []
    for dataset in spec.rows:
        for factor, source, entry in found.lines(dataset):
            place: dict[str, Any] = {
                **{"experiment": spec.name, "preset": spec.preset, "budget": spec.budget},
                **{"factor": factor, "dataset": dataset.name, "paper_name": dataset.paper_name},
                **{"source": source, "title": spec.sources[source]},
            }
            absent = NOT_INSTALLED if source in spec.not_installed else "missing"
            for measure, agent, is_theirs in columns(found):
                if is_theirs:
                    continue
                own, theirs = (
                    each.get((measure, agent)) for each in (entry.numbers, entry.published)
                )
                records.append(
                    {
                        **place,
                        **{"measure": measure, "agent": agent},
                        "state": "measured" if own else absent,
                        "value": own.value if isinstance(own, Number) else math.nan,
                        "std": own.std if isinstance(own, Number) else math.nan,
                        "seeds": own.seeds if isinstance(own, Number) else None,
                        "paper_value": getattr(theirs, "mean", math.nan),
                        "paper_std": math.nan if theirs is None else theirs.std,
                        "paper_status": getattr(theirs, "status", ""),
                    }
                )
    return pd.DataFrame(records, columns=list(CSV_COLUMNS)).astype({"seeds": "Int64"})
