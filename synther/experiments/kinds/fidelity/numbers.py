"""The numbers of a table of generators, from what measuring, fitting and sampling left."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from synther.errors import SyntherError
from synther.experiments.kinds.fidelity.plan import FidelitySpec
from synther.experiments.kinds.spec import DatasetRow, Numbers
from synther.jobs.files import read_json
from synther.statistics import measures as samples
from synther.statistics import published, scores

CSV_COLUMNS = (
    *("experiment", "preset", "budget", "factor", "dataset", "paper_name", "source", "title"),
    *("measure", "agent", "state", "value", "std", "seeds"),
    *("paper_value", "paper_std", "paper_status"),
)
NOT_INSTALLED = "not installed"
Samples = tuple[dict[str, Any], pd.DataFrame]
"""What `synther fidelity` left of a source: about columns and dynamics, and a row a sample."""


@dataclass(frozen=True)
class Fidelity(Numbers):
    """The numbers of a table; `samples` has (dataset, source) -> what was measured of it."""

    samples: dict[tuple[str, str], Samples] = field(default_factory=dict)


def read(paths: Sequence[str | Path]) -> pd.DataFrame:
    """Read results of agents, of which there may be none."""
    return scores.read_results(paths) if paths else pd.DataFrame(columns=list(scores.COLUMNS))


def _measured(spec: FidelitySpec, dataset: str, source: str) -> tuple[dict[str, float], Samples]:
    """Return measure -> number of what is there of a source, and its samples."""
    files = spec.files.get(dataset, {}).get(source, {}).items()
    paths = {kind: Path(path) for kind, path in files if Path(path).is_file()}
    found: dict[str, float] = {}
    measured: Samples = ({}, pd.DataFrame())
    if "fidelity" in paths:
        measured = samples.read_fidelity(paths["fidelity"], spec.preset)
        found |= samples.measures(*measured)
    if "fit" in paths:
        fitted = read_json(paths["fit"], samples.AGAIN)
        found["fit_s"] = float(fitted["wall_time_s"])
        found["parameters"] = float(fitted["num_parameters"])
        if found["parameters"] and measured[0]:
            found["compression"] = samples.compression(paths["fit"], len(measured[0]["columns"]))
    if "sample" in paths:
        sampled = read_json(paths["sample"], samples.AGAIN)
        found["sample_s"] = float(sampled["wall_time_s"])
    return found, measured


def _published(spec: FidelitySpec, dataset: DatasetRow, source: str) -> dict[str, dict[str, Any]]:
    """Return measure -> the paper's number; its scores are of one agent, which it does not name."""
    if spec.paper is None or source not in spec.paper.variants:
        return {}
    variant = spec.paper.variants[source]
    return {
        measure: {
            "paper_value": found.mean,
            "paper_std": found.std,
            "paper_status": found.status,
        }
        for measure, called in spec.paper.measures.items()
        if (found := published.lookup(spec.paper.table, dataset.paper_name, called, variant))
    }


def _rows(
    spec: FidelitySpec, dataset: DatasetRow, source: str, own: dict[str, float], runs: pd.DataFrame
) -> Iterator[dict[str, Any]]:
    """Yield a row a measure that is shown, of scores one an agent."""
    theirs = _published(spec, dataset, source)
    absent = NOT_INSTALLED if source in spec.not_installed else "missing"
    for measure in spec.columns:
        for place, agent in enumerate(spec.agents if measure == "score" else [""]):
            row: dict[str, Any] = {"measure": measure, "agent": agent, "state": absent}
            row["paper_status"] = ""
            row |= {} if place else theirs.get(measure, {})
            run = (dataset.name, source, agent)
            if run in runs.index:
                score = runs.loc[run]
                row |= {"value": score["mean"], "std": score["std"], "seeds": score["seeds"]}
            elif measure in own:
                row |= {"value": own[measure]}
            yield row | ({"state": "measured"} if "value" in row else {})


def measure(spec: FidelitySpec, results: pd.DataFrame) -> Fidelity:
    """Gather the numbers of a table of generators.

    Args:
        spec: what to show; files that it names and that are not there leave gaps.
        results: rows as `scores.read_results` returns them, or none where no agent is asked for.

    Returns:
        A number a row, whose `state` is measured, missing or not installed, beside the paper's.

    Raises:
        SyntherError: a file is damaged or of another preset, or nothing is there at all.
    """
    if spec.paper:
        published.require_mapping(spec.paper.table, spec.paper.variants.values())
    runs = pd.DataFrame(index=pd.MultiIndex.from_tuples([], names=scores.RUN))
    if spec.agents and len(results):
        runs = scores.by_run(scores.final_scores(scores.belonging(spec, results)))
    records: list[dict[str, Any]] = []
    measured: dict[tuple[str, str], Samples] = {}
    is_empty = not len(runs)
    for dataset in spec.rows:
        found = {source: _measured(spec, dataset.name, source) for source in spec.sources}
        is_empty = is_empty and not any(own for own, _ in found.values())
        measured |= {(dataset.name, source): own for source, (_, own) in found.items() if own[0]}
        for factor, sources in spec.factors.items():
            for source in sources:
                same = {"factor": factor, "dataset": dataset.name, "source": source}
                same |= {"paper_name": dataset.paper_name, "title": spec.sources[source]}
                made = _rows(spec, dataset, source, found[source][0], runs)
                records += [same | row for row in made]
    if is_empty:
        raise SyntherError(f"no result belongs to {spec.name}; run its workflow target first")
    frame = pd.DataFrame(records, columns=CSV_COLUMNS[3:])
    return Fidelity(spec, frame.astype({"value": float, "std": float}), samples=measured)
