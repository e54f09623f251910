"""A table of generators as text: tidy rows for machines, Markdown, and LaTeX with booktabs."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from synther.analysis import paper
from synther.analysis.fidelity import Entry, Number, Sheet
from synther.analysis.notes import FEW_SEEDS, SEEDS_ARE_AGENTS, STAND_IN, stand_ins
from synther.analysis.spec import DatasetRow
from synther.analysis.text import (
    MISSING,
    markdown_head,
    markdown_notes,
    markdown_table,
    number,
    tex_foot,
    tex_head,
    tex_tabular,
)

NOT_INSTALLED = "not installed"
LARGEST_RATIO = "largest ratio"
"""The paper's claim of how much smaller a denoiser is than its dataset."""
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


def columns(sheet: Sheet) -> list[tuple[str, str, bool]]:
    """Return the columns: (measure, agent, whether it is the paper's)."""
    found = []
    published = {key for entry in sheet.entries.values() for key in entry.published}
    for measure in sheet.spec.columns:
        for agent in list(sheet.spec.agents) if measure == "score" else [""]:
            found.append((measure, agent, False))
            if (measure, agent) in published:
                found.append((measure, agent, True))
    return found


def head(sheet: Sheet) -> list[str]:
    """Return the heads of the columns of numbers."""
    heads = []
    for measure, agent, theirs in columns(sheet):
        text = f"{sheet.spec.agents[agent]} {HEADS[measure]}" if agent else HEADS[measure]
        heads.append(f"{text} (paper)" if theirs else text)
    return heads


def value_text(measure: str, value: float) -> str:
    """Return a measure as it is printed."""
    if measure in ("marginal", "worst", "correlation"):
        return number(value, 3)
    if measure == "parameters":
        return f"{value / 1e6:.3g}M" if value >= 1e6 else f"{value:,.0f}"
    if measure in ("mse", "scaled_mse", "distance", "data_distance"):
        return f"{value:.3g}"
    return f"{number(value)}x" if measure == "compression" else number(value)


def _text(measure: str, found: Number | paper.PaperNumber | None) -> str:
    if found is None:
        return MISSING
    if isinstance(found, Number):
        text, value, mark = value_text(measure, found.value), found.std, ""
    else:
        text, value, mark = value_text(measure, found.mean), found.std, found.mark
    return text + ("" if math.isnan(value) else f" ± {number(value)}") + mark


def cells(sheet: Sheet, source: str, entry: Entry) -> list[str]:
    """Return a row's numbers as text, in the order of `columns`."""
    texts = []
    for measure, agent, theirs in columns(sheet):
        key = (measure, agent)
        texts.append(_text(measure, (entry.published if theirs else entry.numbers).get(key)))
    if source in sheet.spec.not_installed:
        texts[0] = NOT_INSTALLED
    return texts


def dataset_label(dataset: DatasetRow) -> str:
    """Return a dataset's name, marked if it is a stand-in."""
    return dataset.name + (STAND_IN if dataset.name != dataset.paper_name else "")


def blocks(sheet: Sheet) -> list[tuple[str, list[list[str]]]]:
    """Return the tables: (title, rows as text with a head first); the first two columns are names.

    One of all datasets, or, where something is varied, one a dataset.
    """
    spec, found = sheet.spec, []
    if list(spec.factors) == [""]:
        rows = [["Dataset", "Data", *head(sheet)]]
        for dataset in spec.rows:
            for _, source, entry in sheet.lines(dataset):
                name = [dataset_label(dataset), spec.sources[source]]
                rows.append([*name, *cells(sheet, source, entry)])
        return [("", rows)]
    for dataset in spec.rows:
        rows = [["Varied", "SynthER with", *head(sheet)]]
        for factor, source, entry in sheet.lines(dataset):
            rows.append([factor, spec.sources[source], *cells(sheet, source, entry)])
        found.append((dataset_label(dataset), rows))
    return found


def _dynamics_note(sheet: Sheet) -> str:
    """Say how many samples have no true outcome, and why."""
    left: dict[str, list[float]] = {"terminal": [], "undetermined": [], "diverged": []}
    for entry in sheet.entries.values():
        dynamics, size = entry.record.get("dynamics"), entry.record.get("measured", 0)
        if dynamics:
            for name, shares in left.items():
                shares.append(100 * dynamics[name] / size)
    words = {
        "terminal": "terminal (their next observation is another episode's)",
        "undetermined": "with a velocity at its clip (the observation hides the state)",
        "diverged": "that the simulator could not step",
    }
    parts = [
        f"{words[name]}: up to {number(max(shares), 2)}%"
        for name, shares in left.items()
        if any(shares)
    ]
    return (
        f"Left out of the dynamics, of each source's samples: {'; '.join(parts)}." if parts else ""
    )


DRAWN = {
    "diversity": "Points: up to 1,000 samples of each source; large marks: medians.",
    "marginals": "Histograms: shares of all rows (upwards) in bins of the column's own unit, over "
    "the middle 99.8% of real values; grey areas are the data.",
    "compression": "Bars: one standard deviation over seeds; the dotted line is the real data.",
}


def footnotes(sheet: Sheet, drawn: bool = False) -> list[str]:
    """Return the footnotes: what the columns mean, caveats, and the marks that are printed."""
    spec = sheet.spec
    shown = {measure for measure, _, _ in columns(sheet)}
    lines = [text for measure, text in EXPLAINED.items() if measure in shown]
    if drawn and spec.layout in DRAWN:
        lines.insert(0, DRAWN[spec.layout])
    if shown & {"mse", "scaled_mse"} and (note := _dynamics_note(sheet)):
        lines.append(note)
    counts = {n.seeds for e in sheet.entries.values() for n in e.numbers.values() if n.seeds}
    if counts:
        lines.append(
            "Scores: mean ± sample standard deviation (ddof = 1) over seeds of the normalised "
            f"score of the last evaluation; {min(counts)} to {max(counts)} seeds."
            if len(counts) > 1
            else "Scores: mean ± sample standard deviation (ddof = 1) over "
            f"{min(counts)} seeds of the normalised score of the last evaluation."
        )
        if max(counts) > 1:
            lines.append(SEEDS_ARE_AGENTS)
        if min(counts) < FEW_SEEDS:
            lines.append(f"Deviations of fewer than {FEW_SEEDS} seeds say little.")
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
    if substitutes := [row for row in spec.rows if row.name != row.paper_name]:
        lines.append(
            f"{STAND_IN} Stand-ins: re-collected datasets in place of the paper's "
            f"({stand_ins(substitutes)})."
        )
    statuses = [n.status for entry in sheet.entries.values() for n in entry.published.values()]
    if spec.layout == "compression":
        claimed = paper.claim(LARGEST_RATIO).number
        ratio = value_text("compression", claimed.mean)
        lines.append(f"The largest ratio that the paper claims is {ratio}{claimed.mark}.")
        statuses.append(claimed.status)
    if statuses:
        lines += [f"{line}." for line in paper.footnotes(statuses)]
    elif spec.paper:
        lines.append("No published numbers are known for these datasets.")
    return [*lines, *spec.notes]


def tidy(sheet: Sheet) -> pd.DataFrame:
    """Return everything in the table, one number a row, for machines; columns `CSV_COLUMNS`.

    `state` is measured, missing or not installed.
    """
    spec, records = sheet.spec, []
    for dataset in spec.rows:
        for factor, source, entry in sheet.lines(dataset):
            place: dict[str, Any] = {
                "experiment": spec.name,
                "preset": spec.preset,
                "budget": spec.budget,
                "factor": factor,
                "dataset": dataset.name,
                "paper_name": dataset.paper_name,
                "source": source,
                "title": spec.sources[source],
            }
            for measure, agent, theirs in columns(sheet):
                if theirs:
                    continue
                own, published = (
                    kind.get((measure, agent)) for kind in (entry.numbers, entry.published)
                )
                absent = NOT_INSTALLED if source in spec.not_installed else "missing"
                records.append(
                    {
                        **place,
                        "measure": measure,
                        "agent": agent,
                        "state": "measured" if own else absent,
                        "value": own.value if isinstance(own, Number) else math.nan,
                        "std": own.std if isinstance(own, Number) else math.nan,
                        "seeds": own.seeds if isinstance(own, Number) else None,
                        "paper_value": getattr(published, "mean", math.nan),
                        "paper_std": math.nan if published is None else published.std,
                        "paper_status": getattr(published, "status", ""),
                    }
                )
    return pd.DataFrame(records, columns=list(CSV_COLUMNS)).astype({"seeds": "Int64"})


def markdown(sheet: Sheet) -> str:
    """Return the table in GitHub's Markdown; published numbers are in italics."""
    lines = markdown_head(sheet.spec)
    theirs = [False, False, *(paper for _, _, paper in columns(sheet))]
    for title, rows in blocks(sheet):
        shown = [[cell.replace("*", "\\*") for cell in row] for row in rows]
        for row in shown[1:]:
            for index, text in enumerate(row):
                if theirs[index] and text != MISSING:
                    row[index] = f"*{text}*"
        lines += ["", *([title.replace("*", "\\*"), ""] if title else []), *markdown_table(shown)]
    return "\n".join([*lines, "", *markdown_notes(footnotes(sheet))]) + "\n"


def latex(sheet: Sheet) -> str:
    """Return a LaTeX `table` that needs the packages booktabs and xcolor."""
    lines = tex_head(sheet.spec)
    for title, rows in blocks(sheet):
        if title:
            lines.append(rf"\par\medskip {title.replace('_', ' ')}\par\smallskip")
        lines += tex_tabular(rows)
    return "\n".join([*lines, *tex_foot(footnotes(sheet))]) + "\n"
