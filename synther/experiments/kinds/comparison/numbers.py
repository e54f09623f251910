"""The numbers of a comparison: cells, averages and aggregates, from rows of results."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from synther.experiments.kinds.comparison.plan import TableSpec
from synther.experiments.kinds.comparison.scaling import changes
from synther.experiments.kinds.spec import Numbers
from synther.statistics import intervals, scores
from synther.statistics.scores import read_results as read

__all__ = ["CSV_COLUMNS", "measure", "read"]

CSV_COLUMNS = (
    *("experiment", "preset", "budget", "row", "group", "dataset", "paper_name", "agent", "source"),
    *("metric", "mean", "std", "value", "low", "high", "seeds", "datasets"),
    *("paper_mean", "paper_std", "paper_seeds", "paper_status"),
    *("from_agent", "from_source", "from_mean"),
)
COLUMNS = (*CSV_COLUMNS[3:], "paper_datasets", "from_seeds")
"""Of the frame of numbers."""
OURS, THEIRS = "", "paper_"
"""Before the names of columns."""


def _cells(spec: TableSpec, final: pd.DataFrame) -> pd.DataFrame:
    """Return a row a dataset, agent and source: what was measured beside what was published."""
    keys = ["dataset", "agent", "source"]
    also = spec.paper.also if spec.paper else {}
    names = [row.name for row in spec.rows]
    places = pd.MultiIndex.from_product([names, spec.agents, [*spec.sources, *also]], names=keys)
    frame = scores.by_run(final).reorder_levels(keys).reindex(places)
    numbers = [
        (*place, number.mean, number.std, number.seeds, number.status)
        for *place, number in spec.published()
    ]
    theirs = pd.DataFrame.from_records(numbers, index=keys, columns=[*keys, *_PAPER])
    frame = frame.join(theirs).reset_index().fillna({"paper_status": ""})
    for side in (OURS, THEIRS):
        frame[f"{side}datasets"] = frame[f"{side}mean"].notna().astype(int)
    return frame


_PAPER = ("paper_mean", "paper_std", "paper_seeds", "paper_status")


def _comparable(own: pd.DataFrame) -> list[str]:
    """The datasets that all of an agent's columns with any number have: like is averaged with like.

    Falls back to the columns measured here where nothing is shared with the published ones.
    """
    table = own.pivot_table(
        index="dataset", columns="source", values=["mean", "paper_mean"], sort=False
    )
    for side in (["mean", "paper_mean"], ["mean"]):
        there = table[[name for name in table if name[0] in side]].dropna(how="any")
        if len(there):
            return [str(name) for name in there.index]
    return []


def _averages(cells: pd.DataFrame, place: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the mean of means and of standard deviations, as the paper's average rows have it."""
    covered = {agent: _comparable(own) for agent, own in cells.groupby("agent")}
    records = []
    for (agent, source), own in cells.groupby(["agent", "source"], sort=False):
        own = own[own["dataset"].isin(covered[agent])]
        record: dict[str, Any] = {**place, "agent": agent, "source": source, "paper_status": ""}
        for side in (OURS, THEIRS):
            there = own[own[f"{side}mean"].notna()]
            record[f"{side}datasets"] = len(there)
            if len(there):
                counts = there[f"{side}seeds"].unique()
                record[f"{side}seeds"] = counts[0] if len(counts) == 1 else None
                for name in ("mean", "std"):
                    record[f"{side}{name}"] = np.mean(there[f"{side}{name}"].to_numpy())
        record["paper_status"] = ";".join(dict.fromkeys(filter(None, own["paper_status"])))
        records.append(record)
    return records


def measure(spec: TableSpec, results: pd.DataFrame) -> Numbers:
    """Work out a comparison table: cells, averages, aggregates, changes with the networks' size.

    Args:
        spec: what to print.
        results: rows as `scores.read_results` returns them; other datasets, agents and sources
            than the spec's are left aside.

    Returns:
        Rows of `CSV_COLUMNS`. `row` is cell, average, overall, lately (over several of the last
        evaluations, if these are asked for), aggregate or scaling. Cells and averages have mean
        and std, measured and published (empty where missing); aggregates have `metric`, `value`,
        `low` and `high`; so has scaling, the change in percent from `from_mean` to `mean`, with the
        paper's claim as `paper_mean`. Scores run from 0 to 100; the optimality gap and
        probabilities from 0 to 1.

    Raises:
        SyntherError: results are of another preset, none is of this table, or seeds of one run
            end at different steps.
    """
    own_results = scores.belonging(spec, results)
    final = scores.final_scores(own_results)
    cells = _cells(spec, final)
    records: list[dict[str, Any]] = []
    for group, rows in spec.groups.items():
        members = {row.name: row.paper_name for row in rows}
        own = cells[cells["dataset"].isin(members)]
        there = own.assign(row="cell", group=group, paper_name=own["dataset"].map(members))
        records += there.to_dict("records")
        records += _averages(own, {"row": "average", "group": group})
    if len(spec.groups) > 1:
        records += _averages(cells, {"row": "overall"})
    records = [{**record, "metric": "score"} for record in records]
    if spec.evaluations > 1:
        lately = scores.by_run(scores.final_scores(own_results, spec.evaluations)).reset_index()
        metric = f"score_last_{spec.evaluations}"
        records += lately.assign(row="lately", metric=metric, datasets=1).to_dict("records")
    aggregates, missing = _aggregates(spec, final)
    scaled, lacking = changes(spec, final)
    omissions = [*missing, *lacking, *scores.budget_differences(final)]
    frame = pd.DataFrame([*records, *aggregates, *scaled], columns=COLUMNS).fillna({"dataset": ""})
    return Numbers(spec, frame, sorted(set(final["episodes"])), omissions)


def _aggregates(spec: TableSpec, final: pd.DataFrame) -> tuple[list[dict[str, Any]], list[str]]:
    """Return rows of aggregates of each agent and source, and in words what they leave out."""
    records: list[dict[str, Any]] = []
    notes: list[str] = []
    names = [row.name for row in spec.rows]
    for agent, label in spec.agents.items():
        if agent not in set(final["agent"]):
            notes.append(f"{label}: no results yet.")
            continue
        covered = scores.coverage(final, agent, list(spec.sources), names)
        notes += [f"{label}: {note}." for note in covered.notes]
        matrices = covered.matrices(final)
        found = intervals.aggregates(matrices, spec.bootstrap_reps, spec.baseline)
        size = {"seeds": len(covered.seeds), "datasets": len(covered.datasets)}
        records += [
            {"row": "aggregate", "agent": agent, "source": source, "metric": metric}
            | size
            | vars(estimate)
            for source, metrics in found.items()
            for metric, estimate in metrics.items()
        ]
    return records, notes
