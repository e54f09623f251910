"""The numbers of a table of generators, from what measuring, fitting and sampling left."""

import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from synther.config import read_yaml
from synther.errors import SyntherError
from synther.experiments.kinds.fidelity.plan import COLUMNS, FidelitySpec
from synther.experiments.kinds.spec import Numbers
from synther.jobs.files import read_json
from synther.statistics import measures as samples
from synther.statistics import scores
from synther.statistics.measures import Measured

CSV_COLUMNS = (
    *("experiment", "preset", "budget", "factor", "dataset", "paper_name", "source", "title"),
    *("measure", "agent", "state", "value", "std", "seeds"),
    *("paper_value", "paper_std", "paper_status"),
)
NOT_INSTALLED = "not installed"
PLACE = ["dataset", "source", "measure", "agent"]
MEASURES: dict[str, dict[str, Any]] = read_yaml(Path(__file__).with_name("measures.yaml"))
"""Measure -> what that file says of it."""


def read(paths: Sequence[str | Path]) -> pd.DataFrame:
    """Read results of agents, of which there may be none."""
    return scores.read_results(paths) if paths else pd.DataFrame(columns=list(scores.COLUMNS))


def _measured(spec: FidelitySpec, dataset: str, source: str) -> tuple[dict[str, float], Measured]:
    """Return measure -> number of what is there of a source, and its samples."""
    files = spec.files.get(dataset, {}).get(source, {}).items()
    paths = {kind: Path(path) for kind, path in files if Path(path).is_file()}
    found: dict[str, float] = {}
    measured: Measured = ({}, pd.DataFrame())
    if "fidelity" in paths:
        measured = samples.read_fidelity(paths["fidelity"], spec.preset)
        found |= samples.measures(*measured)
    for measure, known in MEASURES.items():
        if "key" in known and known["job"] in paths:
            found[measure] = float(read_json(paths[known["job"]], samples.AGAIN)[known["key"]])
    if found.get("parameters") and measured[0]:
        found["compression"] = samples.compression(paths["fit"], len(measured[0]["columns"]))
    return found, measured


def measure(spec: FidelitySpec, results: pd.DataFrame) -> Numbers:
    """Gather the numbers of a table of generators.

    Args:
        spec: what to show; files that it names and that are not there leave gaps.
        results: rows as `scores.read_results` returns them, or none where no agent is asked for.

    Returns:
        A number a row, whose `state` is measured, missing or not installed, beside the paper's;
        `more` has (dataset, source) -> what was measured of it.

    Raises:
        SyntherError: a file is damaged or of another preset, or nothing is there at all.
    """
    found: list[tuple[Any, ...]] = []
    measured: dict[tuple[str, str], Measured] = {}
    for place in itertools.product(spec.names, spec.sources):
        own, of_samples = _measured(spec, *place)
        found += [(*place, name, "", value, math.nan, math.nan) for name, value in own.items()]
        measured |= {place: of_samples} if of_samples[0] else {}
    if spec.agents and len(results):
        runs = scores.by_run(scores.final_scores(scores.belonging(spec, results)))
        for (dataset, source, agent), *score in runs.itertuples():
            found.append((dataset, source, "score", agent, *score))
    if not found:
        raise SyntherError(f"no result belongs to {spec.name}; run its workflow target first")
    ours = pd.DataFrame.from_records(found, columns=[*PLACE, "value", "std", "seeds"], index=PLACE)
    columns = COLUMNS[spec.layout]
    shown = [(m, agent) for m in columns for agent in (spec.agents if m == "score" else [""])]
    frame = pd.DataFrame(
        [
            (factor, row.name, row.paper_name, source, spec.sources[source], *number)
            for row in spec.rows
            for factor, sources in spec.factors.items()
            for source, number in itertools.product(sources, shown)
        ],
        columns=["factor", "dataset", "paper_name", "source", "title", "measure", "agent"],
    )
    theirs = spec.published().rename(columns={"agent": "measure", "mean": "value"})
    first = next(iter(spec.agents), "")  # the paper does not name the agent of its scores
    theirs["agent"] = np.where(theirs["measure"] == "score", first, "")
    theirs = theirs.set_index(PLACE).add_prefix("paper_")
    frame = frame.join(ours, on=PLACE).join(theirs, on=PLACE)
    absent = np.where(frame["source"].isin([*spec.not_installed]), NOT_INSTALLED, "missing")
    frame["state"] = np.where(frame["value"].notna(), "measured", absent)
    frame = frame.fillna({"paper_status": ""})
    return Numbers(spec, frame, CSV_COLUMNS, more=measured)
