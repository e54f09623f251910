"""The numbers of a comparison: cells, averages and aggregates, from rows of results."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from synther.experiments.kinds.comparison.plan import TableSpec
from synther.experiments.kinds.comparison.scaling import Change, changes
from synther.experiments.kinds.spec import DatasetRow
from synther.statistics import intervals, published, scores
from synther.statistics.intervals import Estimate
from synther.statistics.scores import read_results as read

__all__ = ["Cell", "Column", "Comparison", "Row", "measure", "read"]


@dataclass(frozen=True)
class Cell:
    """Mean and standard deviation over seeds; `mark` is the sign of a published number's status.

    `status` names the statuses behind it, joined by `;`; `datasets` is 1, or how many an average
    covers.
    """

    mean: float
    std: float
    seeds: int | None = None
    mark: str = ""
    status: str = ""
    datasets: int = 1


@dataclass(frozen=True)
class Column:
    """A column of cells: an agent on a source, as measured here or as published."""

    agent: str
    source: str
    label: str
    is_paper: bool


@dataclass(frozen=True)
class Row:
    """A row of cells, one a column (None where missing); kind is cell, average or overall."""

    kind: str
    group: str
    label: str
    cells: list[Cell | None]
    dataset: DatasetRow | None = None


@dataclass(frozen=True)
class AggregateRow:
    """Aggregates of one agent on one source; `improvement` over the baseline, if another."""

    agent: str
    source: str
    seeds: int
    datasets: int
    metrics: dict[str, Estimate]
    improvement: Estimate | None


@dataclass(frozen=True)
class Comparison:
    """A comparison with all its numbers, ready to be printed in any format.

    `final` has the score of every seed behind it (`scores.final_scores`); `omissions` says in
    words what the aggregates and the changes with the networks' size leave out.
    """

    spec: TableSpec
    columns: list[Column]
    rows: list[Row]
    aggregates: list[AggregateRow]
    final: pd.DataFrame
    omissions: list[str]
    changes: list[Change] = field(default_factory=list)

    @property
    def prints_paper(self) -> bool:
        """Whether any published number stands in it."""
        return any(c.is_paper for c in self.columns) or any(c.claim for c in self.changes)


def _measured(final: pd.DataFrame) -> dict[tuple[str, str, str], Cell]:
    cells = {}
    for (dataset, source, agent), group in final.groupby(scores.RUN):
        values = group["score"].to_numpy()
        std = float(np.std(values, ddof=1)) if len(values) > 1 else math.nan
        cells[dataset, source, agent] = Cell(float(values.mean()), std, len(values))
    return cells


def _theirs(spec: TableSpec) -> dict[tuple[str, str, str], Cell]:
    cells: dict[tuple[str, str, str], Cell] = {}
    if spec.paper is None:
        return cells
    published.require_mapping(spec.paper.table, spec.paper.variants.values())
    for table, variant in spec.paper.also.items():
        published.require_mapping(table, [variant])
    for row in spec.rows:
        for key, table, variant in spec.paper.columns(spec.sources):
            for agent in (name for name in spec.agents if name in spec.paper.agents):
                called = row.published or row.paper_name
                number = published.lookup(table, called, spec.paper.agents[agent], variant)
                if number:
                    cells[row.name, key, agent] = Cell(
                        number.mean, number.std, number.seeds, number.mark, number.status
                    )
    return cells


def _columns(spec: TableSpec, theirs: Mapping[tuple[str, str, str], Cell]) -> list[Column]:
    columns = []
    for agent in spec.agents:
        columns += [Column(agent, source, label, False) for source, label in spec.sources.items()]
        if spec.paper and any(key[2] == agent for key in theirs):
            columns += [
                Column(agent, key, variant, True)
                for key, _, variant in spec.paper.columns(spec.sources)
            ]
    return columns


def _average(cells: Sequence[Cell]) -> Cell | None:
    """Mean of means and mean of standard deviations, as the paper's own average rows have it."""
    if not cells:
        return None
    counts = {cell.seeds for cell in cells}
    statuses = list(dict.fromkeys(cell.status for cell in cells if cell.status))
    return Cell(
        mean=float(np.mean([cell.mean for cell in cells])),
        std=float(np.mean([cell.std for cell in cells])),
        seeds=counts.pop() if len(counts) == 1 else None,
        mark=published.weakest_mark(statuses),
        status=";".join(statuses),
        datasets=len(cells),
    )


def _comparable(
    names: Sequence[str], agent: str, columns: Sequence[Column], find: Callable[..., Cell | None]
) -> list[str]:
    """The datasets that all of an agent's columns with any number have: like is averaged with like.

    Falls back to the columns measured here where nothing is shared with the published ones.
    """
    for subset in (columns, [column for column in columns if not column.is_paper]):
        own = [column for column in subset if column.agent == agent]
        active = [column for column in own if any(find(name, column) for name in names)]
        shared = [name for name in names if all(find(name, column) for column in active)]
        if active and shared:
            return shared
    return []


def measure(spec: TableSpec, results: pd.DataFrame) -> Comparison:
    """Work out a comparison table: cells, averages and aggregates.

    Args:
        spec: what to print.
        results: rows as `scores.read_results` returns them; other datasets, agents and sources
            than the spec's are left aside.

    Raises:
        SyntherError: results are of another preset, none is of this table, or seeds of one run
            end at different steps.
    """
    names = [row.name for row in spec.rows]
    final = scores.final_scores(scores.belonging(spec, results, names, list(spec.sources)))
    ours, theirs = _measured(final), _theirs(spec)
    columns = _columns(spec, theirs)

    def find(name: str, column: Column) -> Cell | None:
        cells = theirs if column.is_paper else ours
        return cells.get((name, column.source, column.agent))

    def averages(group: Sequence[str]) -> list[Cell | None]:
        covered = {agent: _comparable(group, agent, columns, find) for agent in spec.agents}
        return [
            _average([cell for name in covered[column.agent] if (cell := find(name, column))])
            for column in columns
        ]

    rows = []
    for group, members in spec.groups.items():
        for member in members:
            cells = [find(member.name, column) for column in columns]
            rows.append(Row("cell", group, member.name, cells, member))
        rows.append(Row("average", group, "Average", averages([row.name for row in members])))
    if len(spec.groups) > 1:
        rows.append(Row("overall", "", "Overall average", averages(names)))
    blocks, omissions = _aggregates(spec, final)
    scaled, missing = changes(spec, final)
    return Comparison(spec, columns, rows, blocks, final, [*omissions, *missing], scaled)


def _aggregates(spec: TableSpec, final: pd.DataFrame) -> tuple[list[AggregateRow], list[str]]:
    blocks: list[AggregateRow] = []
    notes: list[str] = []
    for agent, label in spec.agents.items():
        if agent not in set(final["agent"]):
            notes.append(f"{label}: no results yet.")
            continue
        covered = scores.coverage(final, agent, list(spec.sources), [r.name for r in spec.rows])
        notes += [f"{label}: {note}." for note in covered.notes]
        if not covered.datasets:
            continue
        matrices = {
            source: scores.score_matrix(final, agent, source, covered.datasets, covered.seeds)
            for source in covered.sources
        }
        found = intervals.aggregates(matrices, spec.bootstrap_reps, spec.seed)
        baseline = matrices.get(spec.baseline_source)
        size = len(covered.seeds), len(covered.datasets)
        for source, matrix in matrices.items():
            improvement = None
            if baseline is not None and matrix is not baseline:
                improvement = intervals.probability_of_improvement(
                    matrix, baseline, spec.bootstrap_reps, spec.seed
                )
            blocks.append(AggregateRow(agent, source, *size, found[source], improvement))
    return blocks, notes
