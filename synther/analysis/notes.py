"""Footnotes of a comparison table: how its numbers were made, and which to take with care."""

from __future__ import annotations

from collections.abc import Sequence

from synther.analysis import paper, scaling, scores
from synther.analysis.comparison import Comparison
from synther.analysis.spec import DatasetRow

FEW_SEEDS = 5
"""Below this many seeds, a table or figure says that its intervals are rough."""

SEEDS_ARE_AGENTS = (
    "Seeds are the agents': those of a source share its dataset, one fit of its generator and one "
    "set of its samples, whose own scatter no interval shows."
)

STAND_IN = "*"
"""Mark of a row whose dataset is not the paper's own."""


def stand_ins(rows: Sequence[DatasetRow]) -> str:
    """Name which dataset stands for which: by their endings where these are the same for many."""
    pairs = []
    for row in rows:
        stem, _, ending = row.name.rpartition("-")
        theirs = row.paper_name.removeprefix(f"{stem}-")
        shared = stem and theirs != row.paper_name
        pair = f"NAME-{ending} for NAME-{theirs}" if shared else f"{row.name} for {row.paper_name}"
        pairs.append(pair)
    return ", ".join(dict.fromkeys(pairs))


def footnotes(table: Comparison) -> list[str]:
    """Return a table's footnotes in order: method, caveats, then the marks that it prints."""
    spec = table.spec
    has_paper = any(column.is_paper for column in table.columns)
    lines = [_method(table, has_paper)]
    counts = sorted({int(n) for n in table.final.groupby(scores.RUN)["seed"].nunique()})
    if counts == [1]:
        lines.append("One seed: no standard deviation and no interval.")
    elif len(counts) > 1:
        lines.append(f"Cells differ in their number of seeds: from {counts[0]} to {counts[-1]}.")
    if counts != [1]:
        lines.append(SEEDS_ARE_AGENTS)
    if table.aggregates:
        lines.append(
            "Aggregates: IQM, median and mean are normalised scores; the optimality gap is the "
            "mean shortfall from a score of 100, as a fraction."
        )
        seeds = [block.seeds for block in table.aggregates if block.seeds > 1]
        if seeds:
            lines[-1] += (
                " In brackets, 95% percentile intervals of a bootstrap over seeds, stratified by "
                f"dataset ({spec.bootstrap_reps:,} resamples; Agarwal et al., 2021)."
            )
        if seeds and min(seeds) < FEW_SEEDS:
            lines.append(f"Intervals from fewer than {FEW_SEEDS} seeds are too narrow to rely on.")
    lines += scaling.footnotes(spec, table.changes)
    lines += _partial_averages(table)
    lines += table.omissions
    lines += scores.budget_differences(table.final)
    if table.prints_paper:
        if substitutes := [row for row in spec.rows if row.name != row.paper_name]:
            lines.append(
                f"{STAND_IN} Stand-ins: -local datasets are re-collected, while the paper's "
                f"numbers belong to the originals ({stand_ins(substitutes)})."
            )
        shown = {column.agent for column in table.columns if column.is_paper}
        for agent, label in spec.agents.items():
            if has_paper and agent not in shown:
                lines.append(f"No published numbers of {label} are known for this table.")
        cells = [cell for row in table.rows for cell in row.cells if cell and cell.status]
        statuses = {status for cell in cells for status in cell.status.split(";")}
        statuses |= {change.claim.number.status for change in table.changes if change.claim}
        lines += [f"{line}." for line in paper.footnotes(statuses)]
    return [*lines, *spec.notes]


def _method(table: Comparison, has_paper: bool) -> str:
    episodes = sorted(set(table.final["episodes"]))
    listed = f"{episodes[0]} to {episodes[-1]}" if len(episodes) > 1 else f"{episodes[0]}"
    noun = "episode" if episodes == [1] else "episodes"
    rule = "Average rows: mean of the means ± mean of the standard deviations"
    if has_paper:
        rule += ", the rule of the paper's own average rows, applied to the rows shown"
    return (
        "Measured here: mean ± sample standard deviation (ddof = 1) over seeds of the normalised "
        f"score, each the mean of the {listed} {noun} of the last evaluation. {rule}."
    )


def _partial_averages(table: Comparison) -> list[str]:
    spec = table.spec
    lines = []
    for row in table.rows:
        if row.kind == "cell":
            continue
        size = len(spec.groups[row.group]) if row.group else len(spec.rows)
        partial = {
            spec.agents[column.agent]: cell.datasets
            for column, cell in zip(table.columns, row.cells, strict=True)
            if cell and cell.datasets < size
        }
        if partial:
            listed = ", ".join(f"{agent} {count} of {size}" for agent, count in partial.items())
            name = f"Average of {row.group}" if row.group else "Overall average"
            lines.append(f"{name}: only datasets that all columns of the agent have ({listed}).")
    return lines
