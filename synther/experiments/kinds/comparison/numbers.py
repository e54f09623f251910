"""The numbers of a comparison: cells, averages, aggregates, changes with the size of networks."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import pandas as pd

from synther.experiments.kinds.comparison.plan import TableSpec
from synther.experiments.kinds.spec import Numbers
from synther.statistics import intervals, published, scores
from synther.statistics.intervals import Records

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
LARGER = "Larger networks"
CLAIM = "AVERAGE (scaled network)"
"""What the paper claims of them, as its numbers name it: samples over the smaller on real data."""


def _cells(spec: TableSpec, final: pd.DataFrame) -> pd.DataFrame:
    """Return a row a dataset, agent and source: what was measured beside what was published."""
    also = spec.paper.also if spec.paper else {}
    frame = pd.DataFrame(
        [(group, row.name, row.paper_name) for group, own in spec.groups.items() for row in own],
        columns=["group", "dataset", "paper_name"],
    )
    for name, slugs in (("agent", spec.agents), ("source", [*spec.sources, *also])):
        frame = frame.merge(pd.Series([*slugs], name=name), how="cross")
    theirs = spec.published().set_index(scores.RUN).add_prefix("paper_")
    frame = frame.join(scores.by_run(final), on=scores.RUN).join(theirs, on=scores.RUN)
    for side in (OURS, THEIRS):
        frame[f"{side}datasets"] = frame[f"{side}mean"].notna().astype(int)
    return frame.fillna({"paper_status": ""}).assign(row="cell", metric="score")


def _comparable(own: pd.DataFrame) -> list[str]:
    """The datasets that all of an agent's columns with any number have: like is averaged with like.

    Falls back to the columns measured here where nothing is shared with the published ones.
    """
    both = ["mean", "paper_mean"]
    table = own.pivot_table(index="dataset", columns="source", values=both, sort=False)
    for sides in (both, both[:1]):
        there = table.loc[:, table.columns.isin(sides, level=0)].dropna()
        if len(there):
            return [str(name) for name in there.index]
    return []


def _averages(cells: pd.DataFrame, **place: str) -> Records:
    """Return the mean of means and of standard deviations, as the paper's average rows have it."""
    covered = {agent: _comparable(own) for agent, own in cells.groupby("agent")}
    records = []
    for (agent, source), own in cells.groupby(["agent", "source"], sort=False):
        own = own[own["dataset"].isin(covered[agent])]
        status = ";".join(dict.fromkeys(filter(None, own["paper_status"])))
        record = {**place, "agent": agent, "source": source, "paper_status": status}
        for side in (OURS, THEIRS):
            there = own[own[f"{side}mean"].notna()]
            counts = there[f"{side}seeds"].unique()
            record[f"{side}datasets"] = len(there)
            record[f"{side}seeds"] = counts[0] if len(counts) == 1 else None
            for name in ("mean", "std") if len(there) else ():
                record[f"{side}{name}"] = there[f"{side}{name}"].to_numpy().mean()
        records.append(record | {"metric": "score"})
    return records


def _aggregates(spec: TableSpec, final: pd.DataFrame) -> tuple[Records, list[str]]:
    """Return rows of aggregates of each agent and source, and in words what they leave out."""
    records: Records = []
    notes: list[str] = []
    names = spec.names
    for agent, label in spec.agents.items():
        if agent not in set(final["agent"]):
            notes.append(f"{label}: no results yet.")
            continue
        covered = scores.coverage(final, agent, list(spec.sources), names)
        notes += [f"{label}: {note}." for note in covered.notes]
        found = intervals.aggregates(covered.matrices(final), spec.bootstrap_reps, spec.baseline)
        same = {"row": "aggregate", "agent": agent, "seeds": len(covered.seeds)}
        same |= {"datasets": len(covered.datasets)}
        records += [
            {**same, "source": source, "metric": metric, **vars(estimate)}
            for source, metrics in found.items()
            for metric, estimate in metrics.items()
        ]
    return records, notes


def _sizes(
    spec: TableSpec, final: pd.DataFrame, agents: Sequence[str]
) -> dict[tuple[str, str], np.ndarray]:
    """Return the scores of both agents on the sources and datasets that they have in common."""
    sources, datasets = list(spec.sources), spec.names
    for _ in range(2):  # the second time with what the other agent lacks left out of both
        covered = [scores.coverage(final, agent, sources, datasets) for agent in agents]
        sources = [s for s in sources if all(s in c.sources for c in covered)]
        datasets = [d for d in datasets if all(d in c.datasets for c in covered)]
    shared = [dataclasses.replace(own, datasets=datasets, sources=sources) for own in covered]
    return {(c.agent, source): own for c in shared for source, own in c.matrices(final).items()}


def _changes(spec: TableSpec, final: pd.DataFrame) -> tuple[Records, list[str]]:
    """Return rows of how scores change from each agent to its larger version, and what is missing.

    On every source, and from the agent on the baseline source to the larger on every other: the
    last is what the paper's claim is set beside, on the first of these.
    """
    records: Records = []
    notes: list[str] = []
    base, *others = spec.sources
    pairs = [(source, source) for source in spec.sources] + [(base, source) for source in others]
    rule = intervals.versus(intervals.mean, intervals.relative_change)
    for small, large in spec.larger.items():
        matrices, claim = _sizes(spec, final, [small, large]), published.claim(CLAIM)
        label, whole = f"{LARGER}, {spec.agents[small]}", len(spec.rows)
        if not matrices:
            notes.append(f"{label}: no dataset has results of both sizes.")
            continue
        used = next(iter(matrices.values())).shape[1]
        if used < whole:
            notes.append(f"{label}: over the {used} of {whole} datasets that both sizes have.")
        theirs = spec.paper.agents.get(small) if spec.paper else None
        for old, new in pairs:
            if (small, old) not in matrices or (large, new) not in matrices:
                continue
            before, after = matrices[small, old], matrices[large, new]
            is_claimed = claim.agent in (spec.agents[small], theirs)
            is_claimed = is_claimed and (old, [new]) == (base, others[:1])
            change = intervals.bootstrap(
                rule, intervals.columns(after, before), spec.bootstrap_reps
            )
            records.append(
                {
                    **{"row": "scaling", "agent": large, "source": new, "datasets": used},
                    **{"metric": "relative_change_percent", "mean": float(after.mean())},
                    **{"from_agent": small, "from_source": old, "from_seeds": len(before)},
                    **{"from_mean": float(before.mean()), "seeds": len(after), **vars(change)},
                    "paper_mean": claim.mean if is_claimed else np.nan,
                    "paper_status": claim.status if is_claimed else "",
                }
            )
    return records, notes


def measure(spec: TableSpec, results: pd.DataFrame) -> Numbers:
    """Work out a comparison table: cells, averages, aggregates, changes with the networks' size.

    Returns:
        Rows of `CSV_COLUMNS`. `row` is cell, average, overall, lately (over several of the last
        evaluations, if these are asked for), aggregate or scaling. Cells and averages have mean
        and std, measured and published (empty where missing); aggregates have `metric`, `value`,
        `low` and `high`; so has scaling, the change in percent from `from_mean` to `mean`, with the
        paper's claim as `paper_mean`. Scores run from 0 to 100; the optimality gap and
        probabilities from 0 to 1.
    """
    own_results = scores.belonging(spec, results)
    final = scores.final_scores(own_results)
    cells = _cells(spec, final)
    records: Records = []
    for group, own in cells.groupby("group", sort=False):
        records += own.to_dict("records") + _averages(own, row="average", group=group)
    if len(spec.groups) > 1:
        records += _averages(cells, row="overall")
    if spec.evaluations > 1:
        lately = scores.by_run(scores.final_scores(own_results, spec.evaluations)).reset_index()
        metric = f"score_last_{spec.evaluations}"
        records += lately.assign(row="lately", metric=metric, datasets=1).to_dict("records")
    aggregates, missing = _aggregates(spec, final)
    changes, lacking = _changes(spec, final)
    omissions = [*missing, *lacking, *scores.budget_differences(final)]
    frame = pd.DataFrame([*records, *aggregates, *changes], columns=COLUMNS).fillna({"dataset": ""})
    return Numbers(spec, frame, CSV_COLUMNS, sorted(set(final["episodes"])), omissions)
