"""A summary over datasets as text: tidy rows for machines, Markdown, and LaTeX with booktabs."""

from __future__ import annotations

from typing import Any

import pandas as pd

from synther.analysis.bootstrap import BAND_REPS
from synther.analysis.evaluations import WINDOW
from synther.analysis.notes import FEW_SEEDS, SEEDS_ARE_AGENTS, stand_ins
from synther.analysis.summary import (
    AVERAGE,
    BEST,
    IMPROVEMENT,
    THRESHOLDS,
    Block,
    Line,
    Summary,
)
from synther.analysis.summary_spec import OVERALL
from synther.analysis.text import (
    MISSING,
    estimate_text,
    markdown_head,
    markdown_notes,
    markdown_table,
    tex_foot,
    tex_head,
    tex_tabular,
)

CSV_COLUMNS = (
    *("experiment", "preset", "budget", "agent", "group", "source", "metric", "x", "unit"),
    *("value", "low", "high", "seeds", "datasets"),
)
SHARES = (25, 50, 75, 100)
"""Percent of the updates at which a table prints the curves."""


def metric_heads(found: Summary) -> dict[str, str]:
    """Return the metrics of aggregates and their heads, in order."""
    baseline = found.spec.sources[found.spec.baseline]
    few = f"last {WINDOW}" if found.window == WINDOW else "last evaluations"
    return {
        "iqm": "IQM",
        "median": "Median",
        "mean": "Mean",
        "optimality_gap": "Optimality gap",
        IMPROVEMENT: f"P(better than {baseline})",
        AVERAGE: f"IQM, average of {few}",
        BEST: f"IQM, best of {few}",
    }


def digits(metric: str) -> int:
    """Return how many digits of a metric are printed."""
    return 2 if metric in ("optimality_gap", IMPROVEMENT) else 1


def tidy(found: Summary) -> pd.DataFrame:
    """Return everything in a summary, one number a row, for machines; columns `CSV_COLUMNS`.

    Scores run from 0 to 100; the optimality gap, shares and probabilities from 0 to 1. `x` is a
    profile's score or a curve's place in training, in `unit`.
    """
    spec, records = found.spec, []
    for block in found.blocks:
        keys: dict[str, Any] = {
            "agent": block.agent,
            "group": block.group,
            "seeds": block.seeds,
            "datasets": len(block.datasets),
        }
        for source, metrics in block.metrics.items():
            for name, e in metrics.items():
                bounds = {"value": e.value, "low": e.low, "high": e.high}
                records.append({**keys, "source": source, "metric": name, **bounds})
        metric = "share_above" if spec.layout == "profiles" else "iqm"
        for source, line in block.lines.items():
            for x, e in zip(line.xs, line.values, strict=True):
                bounds = {"value": e.value, "low": e.low, "high": e.high}
                place = {"source": source, "metric": metric, "x": x, "unit": block.unit}
                records.append({**keys, **place, **bounds})
    frame = pd.DataFrame(records).assign(
        experiment=spec.name, preset=spec.preset, budget=spec.budget
    )
    return frame.reindex(columns=list(CSV_COLUMNS))


def group_label(found: Summary, block: Block) -> str:
    """Return a block's group with the number of its datasets."""
    count = len(block.datasets)
    name = "all groups" if block.group == OVERALL else block.group
    return f"{name} ({count} dataset{'' if count == 1 else 's'})"


def _at(line: Line, x: float) -> str:
    """Return a line's value at its last x that is not above the one asked for."""
    there = [e for place, e in zip(line.xs, line.values, strict=True) if place <= x + 1e-9]
    return estimate_text(there[-1], 2 if there[-1].value <= 1 else 1) if there else MISSING


def rows(found: Summary) -> list[list[str]]:
    """Return the summary as text, a head first; three columns are names."""
    spec = found.spec
    heads = metric_heads(found)
    names = ["Agent", "Datasets", "Data", "Seeds"]
    if spec.layout == "aggregates":
        table = [[*names, *heads.values()]]
    elif spec.layout == "profiles":
        table = [[*names, *(f"above {x:g}" for x in THRESHOLDS)]]
    else:
        table = [[*names, *(f"at {share}%" for share in SHARES)]]
    for block in found.blocks:
        for source, label in spec.sources.items():
            cells = [spec.agents[block.agent], group_label(found, block), label, str(block.seeds)]
            if source in block.metrics:
                own = block.metrics[source]
                cells += [estimate_text(own.get(name), digits(name)) for name in heads]
            elif source in block.lines:
                line = block.lines[source]
                if spec.layout == "profiles":
                    shown = {x: e for x, e in zip(line.xs, line.values, strict=True)}
                    cells += [estimate_text(shown.get(x), 2) for x in THRESHOLDS]
                else:
                    cells += [_at(line, share / 100 * line.xs[-1]) for share in SHARES]
            else:
                continue
            table.append(cells)
    return table


def footnotes(found: Summary, drawn: bool) -> list[str]:
    """Return the footnotes of the figure, or of the table that goes with it."""
    spec, counts = found.spec, [block.seeds for block in found.blocks]
    low, high = found.episodes[0], found.episodes[-1]
    listed = f"{low}" if low == high else f"{low} to {high}"
    lines = [
        f"Normalised score of a seed: mean of the {listed} episodes of an evaluation. IQM: "
        "interquartile mean, of the middle half of all seeds' scores on all datasets."
    ]
    if spec.layout == "aggregates":
        lines.append(
            "IQM, median, mean, optimality gap and P are of the last evaluation, as in the paper. "
            "The optimality gap is the mean shortfall from a score of 100, as a fraction. P: the "
            "probability that a seed of this row scores higher, averaged over datasets."
        )
        few = "" if found.window == WINDOW else f" (some runs of this preset have {found.window})"
        lines.append(
            f"Average and best of the last {WINDOW} evaluations{few} stand beside the last, never "
            "in its place; the best of several noisy evaluations is too high by construction."
        )
    elif spec.layout == "profiles":
        lines.append(
            "Performance profile: share of all seeds' final scores, on all datasets, above a score."
        )
    else:
        lines.append("Sample efficiency: IQM of the scores at evaluations during training.")
    if max(counts, default=0) > 1:
        reps = min(spec.bootstrap_reps, BAND_REPS) if spec.layout != "aggregates" else None
        where = "Bars and bands" if drawn else "In brackets"
        lines.append(
            f"{where}: 95% percentile intervals of a bootstrap over seeds, stratified by dataset "
            f"({reps or spec.bootstrap_reps:,} resamples; Agarwal et al., 2021)."
        )
        lines.append(SEEDS_ARE_AGENTS)
    if 1 < min(counts, default=0) < FEW_SEEDS:
        lines.append(f"Intervals from fewer than {FEW_SEEDS} seeds are too narrow to rely on.")
    if 1 in counts:
        lines.append("One seed has no interval.")
    if substitutes := [row for row in spec.rows if row.name != row.paper_name]:
        lines.append(
            f"Stand-ins: re-collected datasets in place of the paper's ({stand_ins(substitutes)})."
        )
    return [*lines, *found.omissions, *spec.notes]


def markdown(found: Summary) -> str:
    """Return the numbers as a table in GitHub's Markdown."""
    lines = [*markdown_head(found.spec), "", *markdown_table(rows(found), 3)]
    return "\n".join([*lines, "", *markdown_notes(footnotes(found, drawn=False))]) + "\n"


def latex(found: Summary) -> str:
    """Return the numbers as a LaTeX `table` that needs the package booktabs."""
    table = rows(found)
    shown = [table[0]]
    for position, row in enumerate(table[1:]):  # names once, where they begin
        same = position > 0 and row[:2] == table[position][:2]
        shown.append(["", "", *row[2:]] if same else row)
    lines = [*tex_head(found.spec), *tex_tabular(shown, 3)]
    return "\n".join([*lines, *tex_foot(footnotes(found, drawn=False))]) + "\n"
