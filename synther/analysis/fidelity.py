"""The numbers of a table of generators, from what measuring, fitting and sampling left."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from synther.analysis import paper, scores
from synther.analysis.fidelity_spec import FidelitySpec
from synther.analysis.paper import PaperNumber
from synther.analysis.parquet import read_parquet
from synther.analysis.spec import DatasetRow
from synther.errors import SyntherError
from synther.files import read_json

BYTES = 4
"""Of a number, in the dataset as in the network: float32."""
_AGAIN = "remove it and run its rule again"


@dataclass(frozen=True)
class Number:
    """A measured number; with a standard deviation over seeds where there are several."""

    value: float
    std: float = math.nan
    seeds: int | None = None


@dataclass(frozen=True)
class Entry:
    """A source on a dataset.

    Attributes:
        dataset: what was run, and the paper's name of it.
        source: slug.
        numbers: (measure, agent) -> number; the agent is empty but for scores.
        published: likewise, the paper's.
        record: what `synther fidelity` wrote about columns and dynamics; empty without it.
        rows: its row a sample; None without it.
    """

    dataset: DatasetRow
    source: str
    numbers: dict[tuple[str, str], Number] = field(default_factory=dict)
    published: dict[tuple[str, str], PaperNumber] = field(default_factory=dict)
    record: dict[str, Any] = field(default_factory=dict)
    rows: pd.DataFrame | None = None


@dataclass(frozen=True)
class Sheet:
    """All entries of a table, and the final scores behind them."""

    spec: FidelitySpec
    entries: dict[tuple[str, str], Entry]
    final: pd.DataFrame

    def lines(self, dataset: DatasetRow) -> Iterator[tuple[str, str, Entry]]:
        """Yield (factor, source, entry) of a dataset, in the order they are printed."""
        for factor, sources in self.spec.factors.items():
            for source in sources:
                yield factor, source, self.entries[dataset.name, source]

    @property
    def has_paper(self) -> bool:
        """Whether any published number stands in it."""
        return any(entry.published for entry in self.entries.values())


def read_fidelity(path: Path, preset: str) -> tuple[dict[str, Any], pd.DataFrame]:
    """Return the record and the rows of one result of `synther fidelity`.

    Raises:
        SyntherError: it is damaged, or of another preset.
    """
    record = read_json(path.with_suffix(".json"), _AGAIN)
    rows = read_parquet(path, _AGAIN)
    keys = ("ks_complement", "correlation_similarity", "histograms", "columns", "real", "preset")
    lacking = [key for key in keys if key not in record]
    columns = ("distance", "data_distance", "mse", "scaled_mse")
    lacking += [name for name in columns if name not in rows]
    if lacking:
        raise SyntherError(f"{path} lacks {', '.join(lacking)}; {_AGAIN}")
    if record["preset"] != preset:
        raise SyntherError(
            f"{path} is of preset {record['preset']}, not {preset}: give only its own"
        )
    return record, rows


def measures(record: dict[str, Any], rows: pd.DataFrame) -> dict[str, Number]:
    """Return the numbers of one result: means, medians and shares over columns and samples.

    `marginal`: mean over columns of 1 - the Kolmogorov-Smirnov statistic; `worst`: the least;
    `correlation`: mean over pairs of columns that both vary; `distance` and `data_distance`:
    medians; `memorised`: percent of the samples that are closer to the data than their nearest
    transition there is to any other; `mse` and `scaled_mse`: means over the samples whose outcome
    the simulator knows.
    """
    ks = np.array(record["ks_complement"], dtype=float)
    pairs = np.array(record["correlation_similarity"], dtype=float)
    upper = pairs[np.triu_indices(len(pairs), k=1)]
    found = {
        "marginal": ks.mean(),
        "worst": ks.min(),
        "correlation": upper[~np.isnan(upper)].mean() if not np.isnan(upper).all() else math.nan,
        "distance": rows["distance"].median(),
        "data_distance": rows["data_distance"].median(),
        "memorised": 100 * (rows["distance"] < rows["data_distance"]).mean(),
        "mse": rows["mse"].mean(),
        "scaled_mse": rows["scaled_mse"].mean(),
    }
    return {name: Number(float(v)) for name, v in found.items() if not math.isnan(v)}


def compression(path: Path, columns: int) -> float:
    """Return how many times larger a dataset is than the network fitted to it, in bytes.

    Args:
        path: the fit's record.
        columns: of the dataset's transitions.
    """
    fitted = read_json(path, _AGAIN)
    whole = int(fitted["transitions"]) * columns
    return whole * BYTES / (int(fitted["num_parameters"]) * BYTES)


def _entry(spec: FidelitySpec, dataset: DatasetRow, source: str, final: pd.DataFrame) -> Entry:
    numbers: dict[tuple[str, str], Number] = {}
    record: dict[str, Any] = {}
    rows = None
    paths = {
        kind: Path(path)
        for kind, path in spec.files.get(dataset.name, {}).get(source, {}).items()
        if Path(path).is_file()
    }
    if "fidelity" in paths:
        record, rows = read_fidelity(paths["fidelity"], spec.preset)
        numbers |= {(name, ""): number for name, number in measures(record, rows).items()}
    if "fit" in paths:
        fitted = read_json(paths["fit"], _AGAIN)
        numbers["fit_s", ""] = Number(float(fitted["wall_time_s"]))
        size = int(fitted["num_parameters"])
        numbers["parameters", ""] = Number(float(size))
        if size and record:
            ratio = compression(paths["fit"], len(record["columns"]))
            numbers["compression", ""] = Number(ratio)
    if "sample" in paths:
        numbers["sample_s", ""] = Number(float(read_json(paths["sample"], _AGAIN)["wall_time_s"]))
    own = final[(final["dataset"] == dataset.name) & (final["source"] == source)]
    for agent, group in own.groupby("agent"):
        values = group["score"].to_numpy()
        std = float(np.std(values, ddof=1)) if len(values) > 1 else math.nan
        numbers["score", str(agent)] = Number(float(values.mean()), std, len(values))
    published = _published(spec, dataset, source)
    return Entry(dataset, source, numbers, published, record, rows)


def _published(
    spec: FidelitySpec, dataset: DatasetRow, source: str
) -> dict[tuple[str, str], PaperNumber]:
    found: dict[tuple[str, str], PaperNumber] = {}
    if spec.paper is None or source not in spec.paper.variants:
        return found
    agents = list(spec.agents)[:1]  # the paper has one, which its numbers do not name
    for measure, theirs in spec.paper.measures.items():
        number = paper.lookup(
            spec.paper.table, dataset.paper_name, theirs, spec.paper.variants[source]
        )
        if number:
            found[measure, agents[0] if measure == "score" and agents else ""] = number
    return found


def collect(spec: FidelitySpec, results: pd.DataFrame) -> Sheet:
    """Gather the numbers of a table of generators.

    Args:
        spec: what to show; files that it names and that are not there leave gaps.
        results: rows as `scores.read_results` returns them, or none where no agent is asked for.

    Raises:
        SyntherError: a file is damaged or of another preset, or nothing is there at all.
    """
    if spec.paper:
        paper.require_mapping(spec.paper.table, spec.paper.variants.values())
    names = [row.name for row in spec.rows]
    final = pd.DataFrame(columns=[*scores.RUN, "seed", "step", "episodes", "score"])
    if spec.agents and len(results):
        belonging = scores.belonging(spec, results, names, list(spec.sources))
        final = scores.final_scores(belonging)
    entries = {
        (row.name, source): _entry(spec, row, source, final)
        for row in spec.rows
        for source in spec.sources
    }
    if not any(entry.numbers for entry in entries.values()):
        raise SyntherError(f"no result belongs to {spec.name}; run its workflow target first")
    return Sheet(spec, entries, final)
