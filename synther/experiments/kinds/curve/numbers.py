"""The numbers of a curve: score against how much of the data is kept, from rows of results."""

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from synther.errors import SyntherError
from synther.experiments.kinds.curve.plan import CurveSpec
from synther.experiments.kinds.spec import Numbers
from synther.statistics import intervals, scores
from synther.statistics.intervals import line, spread

CSV_COLUMNS = (
    *("experiment", "preset", "budget", "row", "dataset", "paper_name", "agent", "series"),
    *("source", "percent", "metric", "seeds", "datasets", "value", "std", "low", "high"),
    *("baseline", "difference", "difference_low", "difference_high"),
    *("probability", "probability_low", "probability_high", "intervals_apart"),
)
ALL_DATA = "all"
"""The amount of a reference, in print."""


def _point(spec: CurveSpec, same: dict[str, Any], matrix: np.ndarray) -> dict[str, Any]:
    """Return the score of (seeds, datasets): a mean of one dataset's, or an IQM of several."""
    (found,) = line(same, [0.0], matrix[..., None], spec.bootstrap_reps)
    size, std = matrix.shape[1], spread(found["each"])
    return found | {"metric": "iqm" if size > 1 else "mean", "datasets": size, "std": std} | same


def _versus(
    spec: CurveSpec, own: dict[str, Any], base: dict[str, Any], pair: tuple[np.ndarray, np.ndarray]
) -> None:
    """Add how a point compares with the baseline's at the same amount.

    `intervals_apart` is whether the two intervals of the score have no value in common; empty
    without intervals.
    """
    reps = spec.bootstrap_reps
    rule = intervals.versus(intervals.iqm if pair[0].shape[1] > 1 else intervals.mean)
    compared = {
        "difference": intervals.bootstrap(rule, intervals.columns(*pair), reps),
        "probability": intervals.probability_of_improvement(*pair, reps),
    }
    for name, found in compared.items():
        own |= {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
    apart = own["low"] > base["high"] or own["high"] < base["low"]
    is_known = not np.isnan([own["low"], base["low"]]).any()
    own |= {"baseline": base["source"], "intervals_apart": str(apart).lower() if is_known else ""}


def _panel(
    spec: CurveSpec, agent: str, found: Mapping[str, np.ndarray], dataset: str = ""
) -> list[dict[str, Any]]:
    """Return a row for every source of an agent that there is a matrix of."""
    points: dict[tuple[str, float], dict[str, Any]] = {}
    same = {"panel": agent, "dataset": dataset}
    for amount, series in itertools.product(spec.amounts, spec.series):
        if (source := spec.source(series, amount)) in found:
            origin = dict(zip(("agent", "source"), spec.origin(agent, series, source), strict=True))
            kept = {spec.column: amount, "amount": spec.number(amount), "series": series}
            own = _point(spec, {**same, **kept, **origin, "baseline": ""}, found[source])
            if base := points.get((spec.baseline, amount)):
                _versus(spec, own, base, (found[source], found[base["source"]]))
            points[series, amount] = own
    levels = [source for source in spec.reference if source in found and points]
    for source in levels:
        place = {"row": "reference", "series": source, "agent": agent, "source": source}
        points[source, 0] = _point(spec, same | place | {"amount": ALL_DATA}, found[source])
    return list(points.values())


def _missing(spec: CurveSpec, agent: str, dataset: str, found: Mapping[str, np.ndarray]) -> str:
    """Say which points of a dataset's panel have no results, or nothing."""
    parts = []
    for series, label in spec.series.items():
        lacking = [n for n in spec.amounts if spec.source(series, n) not in found]
        if len(lacking) == len(spec.amounts):
            parts.append(label)
        elif lacking:
            parts.append(f"{label} at {', '.join(map(spec.number, lacking))}{spec.kept}")
    parts += [label for slug, label in spec.reference.items() if slug not in found]
    where = f"{spec.agents[agent]} on {dataset}"
    return f"{where}: no results of {'; '.join(parts)}." if parts else ""


def _overall(
    spec: CurveSpec, final: pd.DataFrame, agent: str
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Return source -> scores on all datasets that every point has in common, and what is not."""
    names = spec.names
    covered = scores.coverage(final, agent, spec.points, names)
    notes = [f"Over datasets, {spec.agents[agent]}: {note}." for note in covered.notes]
    if len(covered.datasets) < 2:
        return {}, notes
    whole = (scores.coverage(final, agent, [s], covered.datasets) for s in spec.reference)
    there = [part for part in (covered, *whole) if part.datasets == covered.datasets]
    return {s: own for part in there for s, own in part.matrices(final).items()}, notes


def _with_rivals(spec: CurveSpec, results: pd.DataFrame) -> pd.DataFrame:
    """Add the rows of other agents to every agent's own, as sources of the other agent's name."""
    parts = [results]
    for rival, source in spec.rivals.items():
        names = {spec.source(source, n): spec.source(rival, n) for n in spec.amounts}
        rows = results[(results["agent"] == rival) & results["source"].isin(list(names))]
        renamed = rows.assign(source=rows["source"].map(names))
        parts += [renamed.assign(agent=agent) for agent in spec.agents]
    return pd.concat(parts, ignore_index=True) if spec.rivals else results


def measure(spec: CurveSpec, results: pd.DataFrame) -> Numbers:
    """Work out a curve: its points with intervals, and what they are over the baseline.

    Returns:
        A row a point: `row` is point, or reference for a source on all of the data, which has no
        amount. `metric` is mean (of seeds on one dataset) or iqm (of seeds on several, where
        `dataset` is empty). Scores and differences run from 0 to 100; probabilities from 0 to 1.
        Missing points have no row. Its panel is that of the agent `panel`, and `each` a seed's
        score, where there is one dataset.
    """
    names, sources = spec.names, [*spec.points, *spec.reference]
    rows = scores.belonging(spec, _with_rivals(spec, results), sources)
    final = scores.final_scores(rows)
    records: list[dict[str, Any]] = []
    omissions: list[str] = []
    matrices = {key: own["score"].to_numpy()[:, None] for key, own in final.groupby(scores.RUN)}
    for dataset, agent in itertools.product(names, spec.agents):
        own = {s: column for (d, s, a), column in matrices.items() if (d, a) == (dataset, agent)}
        records += _panel(spec, agent, own, dataset)
        omissions += filter(None, [_missing(spec, agent, dataset, own)])
    for agent in spec.agents if len(names) > 1 else ():
        overall, notes = _overall(spec, final, agent)
        records += _panel(spec, agent, overall)
        omissions += notes
    if not records:  # results of the level lines alone
        raise SyntherError(f"no point of {spec.name} has a result; run its workflow target first")
    omissions += [f"{line}." for line in scores.budget_differences(final)]
    paper_names = {row.name: row.paper_name for row in spec.rows} | {"": ""}
    frame = pd.DataFrame(records).assign(paper_name=lambda rows: rows["dataset"].map(paper_names))
    columns = [spec.column if name == "percent" else name for name in CSV_COLUMNS]
    return Numbers(spec, frame, columns, sorted(set(final["episodes"])), omissions)
