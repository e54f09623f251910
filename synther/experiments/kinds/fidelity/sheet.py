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
from synther.experiments.kinds.fidelity.plots import DRAWN
from synther.experiments.kinds.fidelity.plots import plots as plots
from synther.sheets import notes, printed
from synther.statistics import published

LARGEST_RATIO = "largest ratio"
"""The paper's claim of how much smaller a denoiser is than its dataset."""
TOLERANCE = 0.02
"""Within which marginals and correlations, which run from 0 to 1, agree with published ones."""
LEFT_OUT = {
    "terminal": "terminal (their next observation is another episode's)",
    "undetermined": "with a velocity at its clip (the observation hides the state)",
    "diverged": "that the simulator could not step",
}
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
    labels = {row.name: notes.label(row) for row in spec.rows}
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


def _dynamics_note(found: Fidelity) -> list[str]:
    """Say how many samples have no true outcome, and why."""
    told = [record for record, _ in found.samples.values() if record.get("dynamics")]
    parts = []
    for name, words in LEFT_OUT.items():
        most = max((100 * own["dynamics"][name] / own["measured"] for own in told), default=0.0)
        parts += [f"{words}: up to {printed.number(most, 2)}%"] * (most > 0)
    listed = "; ".join(parts)
    return [f"Left out of the dynamics, of each source's samples: {listed}."] if parts else []


def footnotes(found: Fidelity) -> list[sheets.Note | str]:
    """Return the footnotes: what the columns mean, caveats, and the marks that are printed."""
    spec = found.spec
    shown = set(found.frame["measure"])
    lines = [known["words"] for m, known in MEASURES.items() if m in shown and "words" in known]
    if shown & {"mse", "scaled_mse"}:
        lines += _dynamics_note(found)
    counts = {int(count) for count in found.frame["seeds"].dropna()}
    if counts:
        least, most = min(counts), max(counts)
        over, more = f"{least} seeds", ""
        if least < most:
            over, more = "seeds", f"; {least} to {most} seeds"
        lines.append(
            f"Scores: mean ± sample standard deviation (ddof = 1) over {over} of the normalised "
            f"score of the last evaluation{more}."
        )
        if most > 1:
            lines.append(notes.SEEDS_ARE_AGENTS)
        if least < notes.FEW_SEEDS:
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
        claimed = published.claim(LARGEST_RATIO)
        ratio = value_text("compression", claimed.mean)
        lines.append(f"The largest ratio that the paper claims is {ratio}{claimed.mark}.")
        statuses.append(claimed.status)
    if statuses:
        lines += published.footnotes(statuses)
    elif spec.paper:
        lines.append("No published numbers are known for these datasets.")
    drawn = [sheets.Note(DRAWN[spec.layout], "page")] if spec.layout in DRAWN else []
    return [*drawn, *lines]
