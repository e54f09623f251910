"""A comparison as a sheet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain
from typing import Any

import pandas as pd

from synther import sheets
from synther.experiments.kinds.comparison import scaling
from synther.experiments.kinds.comparison.numbers import Cell, Column, Comparison, Row
from synther.sheets import notes, numbers
from synther.sheets.sheet import run_key
from synther.statistics import intervals, published, scores

HERE, PAPER = "measured here", "paper"
CSV_COLUMNS = (
    *("experiment", "preset", "budget", "row", "group", "dataset", "paper_name", "agent", "source"),
    *("metric", "mean", "std", "value", "low", "high", "seeds", "datasets"),
    *("paper_mean", "paper_std", "paper_seeds", "paper_status"),
    *("from_agent", "from_source", "from_mean"),
)
AGGREGATES = {
    "iqm": ("IQM", 1),
    "median": ("Median", 1),
    "mean": ("Mean", 1),
    "optimality_gap": ("Optimality gap", 2),
}
"""Metric -> its head, and how many digits are printed."""


def sheet(table: Comparison) -> sheets.Sheet:
    """Return the table with its aggregates, larger networks and footnotes."""
    spec = table.spec
    tables = [_main(table)]
    if table.aggregates:
        tables.append(_aggregates(table))
    if table.changes:
        tables.append(_changes(table))
    return sheets.Sheet(
        **spec.heading(),
        tables=tuple(tables),
        notes=tuple(map(sheets.Note, footnotes(table))),
        tidy=sheets.frame_columns(tidy(table)),
    )


def _members(table: Comparison, row: Row) -> list[str]:
    """Return the datasets that a row is over."""
    if row.dataset:
        return [row.dataset.name]
    groups = table.spec.groups
    rows = groups[row.group] if row.group else chain.from_iterable(groups.values())
    return [each.name for each in rows]


def _main(table: Comparison) -> sheets.Table:
    spec = table.spec
    columns = [sheets.Column("Dataset", is_name=True)]
    for column in table.columns:
        groups: tuple[str, ...] = (spec.agents[column.agent],)
        if any(c.is_paper for c in table.columns):
            groups += (PAPER if column.is_paper else HERE,)
        columns.append(sheets.Column(column.label, groups, is_published=column.is_paper))
    rows = []
    for row in table.rows:
        theirs = {
            (column.agent, column.source): cell
            for column, cell in zip(table.columns, row.cells, strict=True)
            if column.is_paper
        }
        cells = [numbers.words(_label(table, row))]
        for column, cell in zip(table.columns, row.cells, strict=True):
            beside = theirs.get((column.agent, column.source))
            cells.append(_cell(table, row, column, cell, beside))
        section = row.group if len(spec.groups) > 1 and row.kind != "overall" else ""
        rows.append(sheets.Row(tuple(cells), section, is_total=row.kind != "cell"))
    return sheets.Table("", tuple(columns), tuple(rows))


def _label(table: Comparison, row: Row) -> str:
    if row.dataset and table.prints_paper:
        return notes.label(row.dataset)
    return row.label


def _cell(
    table: Comparison, row: Row, column: Column, cell: Cell | None, beside: Cell | None
) -> sheets.Cell:
    runs = [run_key(name, column.source, column.agent) for name in _members(table, row)]
    if cell is None:
        return sheets.Cell()
    if column.is_paper:
        return numbers.published(cell.mean, cell.std, cell.mark, cell.status)
    stands = numbers.agreement(_of(cell), _of(beside), numbers.SCORE_TOLERANCE)
    return numbers.measured(cell.mean, cell.std, runs=runs, agreement=stands)


def _of(cell: Cell | None) -> tuple[float, float, float]:
    if cell is None:
        return math.nan, math.nan, math.nan
    return cell.mean, cell.std, math.nan if cell.seeds is None else cell.seeds


def _names(*heads: str) -> list[sheets.Column]:
    return [sheets.Column(head, is_name=True) for head in heads]


def _aggregates(table: Comparison) -> sheets.Table:
    spec = table.spec
    heads = ["Seeds", "Datasets", *(head for head, _ in AGGREGATES.values())]
    heads.append(f"P(better than {spec.sources[spec.baseline_source]})")
    every = [row.name for row in spec.rows]
    rows = []
    for block in table.aggregates:
        runs = [run_key(name, block.source, block.agent) for name in every]
        cells = [numbers.words(spec.agents[block.agent]), numbers.words(spec.sources[block.source])]
        cells += [numbers.count(block.seeds), numbers.count(block.datasets)]
        cells += [
            numbers.estimated(block.metrics[name], digits, runs)
            for name, (_, digits) in AGGREGATES.items()
        ]
        rows.append(sheets.Row((*cells, numbers.estimated(block.improvement, 2, runs))))
    columns = (*_names("Agent", "Data"), *map(sheets.Column, heads))
    return sheets.Table("Aggregates over datasets", columns, tuple(rows))


def _changes(table: Comparison) -> sheets.Table:
    spec, found = table.spec, table.changes
    has_claim = any(change.claim for change in found)
    columns = _names("Networks", "Data")
    heads = ("Seeds", "Datasets", "Mean from", "Mean to", "Change (%)")
    columns += map(sheets.Column, heads)
    columns += [sheets.Column("Paper (%)", is_published=True)] * has_claim
    every = [row.name for row in spec.rows]
    rows = []
    for change in found:
        (small, old), (large, new) = change.old, change.new
        runs = [run_key(name, s, a) for a, s in (change.old, change.new) for name in every]
        labels = list(dict.fromkeys((spec.sources[old], spec.sources[new])))
        cells = [
            numbers.words(f"{spec.agents[small]} → {spec.agents[large]}"),
            numbers.words(" → ".join(labels)),
            sheets.Cell(" → ".join(dict.fromkeys(map(str, change.seeds)))),
            numbers.count(change.datasets),
            numbers.measured(change.old_mean, runs=runs),
            numbers.measured(change.new_mean, runs=runs),
            numbers.estimated(change.percent, 1, runs, signed=True),
        ]
        claim = change.claim.number if change.claim else None
        theirs = sheets.Cell()
        if claim:
            text = numbers.number(claim.mean, signed=True)
            theirs = sheets.Cell(text, claim.mean, mark=claim.mark, status=claim.status)
        rows.append(sheets.Row((*cells, *[theirs] * has_claim)))
    return sheets.Table(scaling.TITLE, tuple(columns), tuple(rows))


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
        lines.append(notes.SEEDS_ARE_AGENTS)
    if table.aggregates:
        seeds = [block.seeds for block in table.aggregates]
        lines.append(
            "Aggregates (rliable): IQM, median and mean are normalised scores; the optimality gap "
            "is the mean shortfall from a score of 100, as a fraction."
        )
        if max(seeds) > 1:
            lines[-1] += f" In brackets, {notes.bootstrap_words(spec.bootstrap_reps)}."
        lines += notes.few_seeds(seeds)
    lines += _scaling_notes(table)
    lines += _partial_averages(table)
    lines += table.omissions
    lines += scores.budget_differences(table.final)
    if table.prints_paper:
        if substitutes := [row for row in spec.rows if row.is_stand_in]:
            lines.append(
                f"{notes.STAND_IN} Stand-ins: -local datasets are re-collected, while the paper's "
                f"numbers belong to the originals ({notes.listed(substitutes)})."
            )
        shown = {column.agent for column in table.columns if column.is_paper}
        for agent, label in spec.agents.items():
            if has_paper and agent not in shown:
                lines.append(f"No published numbers of {label} are known for this table.")
        cells = [cell for row in table.rows for cell in row.cells if cell and cell.status]
        statuses = {status for cell in cells for status in cell.status.split(";")}
        statuses |= {change.claim.number.status for change in table.changes if change.claim}
        lines += [f"{line}." for line in published.footnotes(statuses)]
    return [*lines, *spec.notes]


def _method(table: Comparison, has_paper: bool) -> str:
    rule = "Average rows: mean of the means ± mean of the standard deviations"
    if has_paper:
        rule += ", the rule of the paper's own average rows, applied to the rows shown"
    return (
        "Measured here: mean ± sample standard deviation (ddof = 1) over seeds of the normalised "
        f"score, each the mean of the {notes.episodes(table.final['episodes'])} of the last "
        f"evaluation. {rule}."
    )


def _partial_averages(table: Comparison) -> list[str]:
    spec = table.spec
    lines = []
    for row in table.rows:
        if row.kind == "cell":
            continue
        size = len(_members(table, row))
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


def _scaling_notes(table: Comparison) -> list[str]:
    """Return how changes were made, and in which words the paper claims what stands beside."""
    found = table.changes
    if not found:
        return []
    text = (
        f"{scaling.TITLE}: mean score over datasets and seeds, and its change relative to the "
        "former, in percent"
    )
    if any(change.percent.is_bounded for change in found):
        text += (
            ", with a 95% percentile interval of the same bootstrap "
            f"({table.spec.bootstrap_reps:,} resamples of the seeds of both sides)"
        )
    lines = [f"{text}."]
    if any(math.isnan(change.percent.value) for change in found):
        lines.append("No change is given relative to a mean that isn't above zero.")
    for claim in {c.claim.words: c.claim for c in found if c.claim}.values():
        lines.append(
            f"The paper's claim ({claim.agent}, {claim.family}): {claim.words}: "
            f"{numbers.number(claim.number.mean, signed=True)}; {claim.number.provenance}. "
            "Which baseline it is over isn't known here."
        )
    return lines


def tidy(table: Comparison) -> pd.DataFrame:
    """Return everything in a table, one number a row, for machines; columns `CSV_COLUMNS`.

    `row` is cell, average, overall, aggregate or scaling. Cells and averages have mean and std,
    measured and published (empty where missing); aggregates have `metric`, `value`, `low` and
    `high`; so has scaling, the change in percent from `from_mean` to `mean`, with the paper's claim
    as `paper_mean`. Scores run from 0 to 100; the optimality gap and probabilities from 0 to 1.
    """
    spec = table.spec
    records: list[dict[str, Any]] = []
    for row in table.rows:
        keys = [(column.agent, column.source, column.is_paper) for column in table.columns]
        found = dict(zip(keys, row.cells, strict=True))
        also = list(spec.paper.also) if spec.paper else []
        records += [
            {"agent": agent, "source": source}
            | _record(row, found.get((agent, source, False)), found.get((agent, source, True)))
            for agent in spec.agents
            for source in (*spec.sources, *also)
        ]
    for block in table.aggregates:
        estimates = dict(block.metrics)
        if block.improvement:
            estimates[intervals.IMPROVEMENT] = block.improvement
        for metric, found_one in estimates.items():
            place = {"row": "aggregate", "agent": block.agent, "source": block.source}
            size = {"metric": metric, "seeds": block.seeds, "datasets": block.datasets}
            records.append({**place, **size, **vars(found_one)})
    records += [_change_record(change) for change in table.changes]
    frame = pd.DataFrame(records).assign(
        experiment=spec.name, preset=spec.preset, budget=spec.budget
    )
    counts: Sequence[str] = ("seeds", "datasets", "paper_seeds")
    return frame.reindex(columns=list(CSV_COLUMNS)).astype(dict.fromkeys(counts, "Int64"))


def _record(row: Row, own: Cell | None, theirs: Cell | None) -> dict[str, Any]:
    own, theirs = own or Cell(math.nan, math.nan), theirs or Cell(math.nan, math.nan)
    return {
        "row": row.kind,
        "group": row.group,
        "dataset": row.dataset.name if row.dataset else "",
        "paper_name": row.dataset.paper_name if row.dataset else "",
        "metric": "score",
        "mean": own.mean,
        "std": own.std,
        "seeds": own.seeds,
        "datasets": 0 if math.isnan(own.mean) else own.datasets,
        "paper_mean": theirs.mean,
        "paper_std": theirs.std,
        "paper_seeds": theirs.seeds,
        "paper_status": theirs.status,
    }


def _change_record(change: scaling.Change) -> dict[str, Any]:
    claim = change.claim.number if change.claim else None
    return {
        "row": "scaling",
        "agent": change.new[0],
        "source": change.new[1],
        "metric": "relative_change_percent",
        "mean": change.new_mean,
        **vars(change.percent),
        "seeds": change.seeds[1],
        "datasets": change.datasets,
        "paper_mean": claim.mean if claim else math.nan,
        "paper_status": claim.status if claim else "",
        "from_agent": change.old[0],
        "from_source": change.old[1],
        "from_mean": change.old_mean,
    }
