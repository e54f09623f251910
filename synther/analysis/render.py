"""A comparison table as text: tidy rows for machines, Markdown, and LaTeX with booktabs."""

from __future__ import annotations

import math
from itertools import groupby
from typing import Any

import pandas as pd

from synther.analysis import scaling
from synther.analysis.comparison import AggregateRow, Cell, Column, Comparison, Row
from synther.analysis.notes import STAND_IN, footnotes
from synther.analysis.text import (
    MISSING,
    escape_tex,
    estimate_text,
    markdown_head,
    markdown_notes,
    markdown_table,
    number,
    pipe,
    tex_foot,
    tex_head,
    tex_tabular,
)

HERE, PAPER = "measured here", "paper"
CSV_COLUMNS = (
    *("experiment", "preset", "budget", "row", "group", "dataset", "paper_name", "agent", "source"),
    *("metric", "mean", "std", "value", "low", "high", "seeds", "datasets"),
    *("paper_mean", "paper_std", "paper_seeds", "paper_status"),
    *("from_agent", "from_source", "from_mean"),
)


def row_label(table: Comparison, row: Row) -> str:
    """Return what stands before a row, with the mark of a stand-in where it is one."""
    stands_in = row.dataset is not None and row.dataset.name != row.dataset.paper_name
    return row.label + (STAND_IN if table.prints_paper and stands_in else "")


def aggregate_header(table: Comparison) -> list[str]:
    """Return the column heads of the aggregates."""
    baseline = table.spec.sources[table.spec.baseline_source]
    heads = ["Agent", "Data", "Seeds", "Datasets", "IQM", "Median", "Mean", "Optimality gap"]
    return [*heads, f"P(better than {baseline})"]


def aggregate_cells(table: Comparison, block: AggregateRow) -> list[str]:
    """Return one row of aggregates as text, in the order of `aggregate_header`."""
    found = block.metrics
    return [
        table.spec.agents[block.agent],
        table.spec.sources[block.source],
        str(block.seeds),
        str(block.datasets),
        estimate_text(found["iqm"], 1),
        estimate_text(found["median"], 1),
        estimate_text(found["mean"], 1),
        estimate_text(found["optimality_gap"], 2),
        estimate_text(block.improvement, 2),
    ]


def blocks(table: Comparison) -> list[tuple[str, list[list[str]]]]:
    """Return what stands under the table: (title, rows as text with a head first)."""
    found = []
    if table.aggregates:
        rows = [aggregate_cells(table, block) for block in table.aggregates]
        found.append(("Aggregates over datasets", [aggregate_header(table), *rows]))
    if table.changes:
        found.append((scaling.TITLE, scaling.table_rows(table.spec, table.changes)))
    return found


def tidy(table: Comparison) -> pd.DataFrame:
    """Return everything in a table, one number a row, for machines; columns `CSV_COLUMNS`.

    `row` is cell, average, overall, aggregate or scaling. Cells and averages have mean and std,
    measured and published (empty where missing); aggregates have `metric`, `value`, `low` and
    `high`; so has scaling, the change in percent from `from_mean` to `mean`, with the paper's claim
    as `paper_mean`. Scores run from 0 to 100; the optimality gap and probabilities from 0 to 1.
    """
    records: list[dict[str, Any]] = []
    for row in table.rows:
        keys = [(column.agent, column.source, column.is_paper) for column in table.columns]
        found = dict(zip(keys, row.cells, strict=True))
        for agent in table.spec.agents:
            also = list(table.spec.paper.also) if table.spec.paper else []
            for source in (*table.spec.sources, *also):
                own = found.get((agent, source, False))
                theirs = found.get((agent, source, True))
                records.append({"agent": agent, "source": source} | _record(row, own, theirs))
    for block in table.aggregates:
        estimates = dict(block.metrics)
        if block.improvement:
            estimates["probability_of_improvement"] = block.improvement
        for metric, estimate in estimates.items():
            records.append(
                {
                    "row": "aggregate",
                    "agent": block.agent,
                    "source": block.source,
                    "metric": metric,
                    "value": estimate.value,
                    "low": estimate.low,
                    "high": estimate.high,
                    "seeds": block.seeds,
                    "datasets": block.datasets,
                }
            )
    records += [_change_record(change) for change in table.changes]
    spec = table.spec
    frame = pd.DataFrame(records).assign(
        experiment=spec.name, preset=spec.preset, budget=spec.budget
    )
    frame = frame.reindex(columns=list(CSV_COLUMNS))
    return frame.astype({"seeds": "Int64", "datasets": "Int64", "paper_seeds": "Int64"})


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
        "value": change.percent.value,
        "low": change.percent.low,
        "high": change.percent.high,
        "seeds": change.seeds[1],
        "datasets": change.datasets,
        "paper_mean": claim.mean if claim else math.nan,
        "paper_status": claim.status if claim else "",
        "from_agent": change.old[0],
        "from_source": change.old[1],
        "from_mean": change.old_mean,
    }


def _plain(cell: Cell | None) -> str:
    if cell is None:
        return MISSING
    spread = "" if math.isnan(cell.std) else f" ± {number(cell.std)}"
    return number(cell.mean) + spread + cell.mark


def markdown(table: Comparison) -> str:
    """Return the table in GitHub's Markdown; published numbers are in italics."""
    spec = table.spec
    lines = markdown_head(spec)
    heads = [
        f"{spec.agents[column.agent]}: {column.label} ({PAPER if column.is_paper else 'here'})"
        for column in table.columns
    ]
    lines += ["", pipe(["Dataset", *heads]), pipe(["---", *["---:"] * len(heads)])]
    for row in table.rows:
        label = f"Average, {row.group}" if row.kind == "average" else row_label(table, row)
        label = label.replace("*", "\\*")
        texts = [_plain(cell) for cell in row.cells]
        if row.kind != "cell":
            label = f"**{label}**"
        for index, column in enumerate(table.columns):
            if column.is_paper and texts[index] != MISSING:
                texts[index] = f"*{texts[index]}*"
        lines.append(pipe([label, *texts]))
    for title, rows in blocks(table):
        lines += ["", title, "", *markdown_table(rows)]
    return "\n".join([*lines, "", *markdown_notes(footnotes(table))]) + "\n"


def _tex_cell(cell: Cell | None, is_paper: bool) -> str:
    if cell is None:
        return "---"
    spread = "" if math.isnan(cell.std) else rf" \pm {number(cell.std)}"
    sign = rf"\textsuperscript{{{escape_tex(cell.mark)}}}" if cell.mark else ""
    text = f"${number(cell.mean)}{spread}${sign}"
    return rf"\textcolor{{gray}}{{{text}}}" if is_paper else text


def spans(table: Comparison, by_origin: bool) -> list[tuple[str, int, int]]:
    """Return heads that span columns: (text, first column, number of columns).

    Args:
        table: the comparison.
        by_origin: heads of measured and published columns within agents, not of agents.
    """

    def key(column: Column) -> tuple[str, bool]:
        return (column.agent, column.is_paper and by_origin)

    found, start = [], 0
    for (agent, is_paper), members in groupby(table.columns, key):
        count = len(list(members))
        text = (PAPER if is_paper else HERE) if by_origin else table.spec.agents[agent]
        found.append((text, start, count))
        start += count
    return found


def _tex_spans(heads: list[tuple[str, int, int]]) -> list[str]:
    texts = [rf"\multicolumn{{{count}}}{{c}}{{{escape_tex(text)}}}" for text, _, count in heads]
    rules = [rf"\cmidrule(lr){{{start + 2}-{start + 1 + count}}}" for _, start, count in heads]
    return ["& " + " & ".join(texts) + r" \\", " ".join(rules)]


def latex(table: Comparison) -> str:
    """Return a LaTeX `table` that needs the packages booktabs and xcolor."""
    spec = table.spec
    lines = tex_head(spec)
    width = len(table.columns)
    lines += [rf"\begin{{tabular}}{{l{'r' * width}}}", r"\toprule"]
    lines += _tex_spans(spans(table, by_origin=False))
    if any(column.is_paper for column in table.columns):
        lines += _tex_spans(spans(table, by_origin=True))
    lines.append(" & ".join(["Dataset", *[escape_tex(c.label) for c in table.columns]]) + r" \\")
    lines.append(r"\midrule")
    previous = None
    for row in table.rows:
        if row.kind == "cell" and row.group != previous and len(spec.groups) > 1:
            lines.append(
                rf"\multicolumn{{{width + 1}}}{{l}}{{\emph{{{escape_tex(row.group)}}}}} \\"
            )
        previous = row.group
        if row.kind != "cell":
            lines.append(r"\midrule")
        cells = [_tex_cell(c, k.is_paper) for c, k in zip(row.cells, table.columns, strict=True)]
        label = escape_tex(row_label(table, row))
        lines.append(" & ".join([label, *cells]) + r" \\")
        if row.kind == "average" and row is not table.rows[-1]:
            lines.append(r"\midrule")
    lines += [r"\bottomrule", r"\end{tabular}"]
    for _, rows in blocks(table):
        lines += [r"\par\medskip", *tex_tabular(rows)]
    return "\n".join([*lines, *tex_foot(footnotes(table))]) + "\n"
