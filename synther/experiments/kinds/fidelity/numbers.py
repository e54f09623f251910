"""The numbers of a table of generators, from what measuring, fitting and sampling left."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from synther.errors import SyntherError
from synther.experiments.kinds.fidelity.plan import FidelitySpec
from synther.experiments.kinds.spec import DatasetRow
from synther.jobs.files import read_json
from synther.statistics import measures as samples
from synther.statistics import published, scores
from synther.statistics.published import PaperNumber


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
    numbers: dict[tuple[str, str], samples.Number] = field(default_factory=dict)
    published: dict[tuple[str, str], PaperNumber] = field(default_factory=dict)
    record: dict[str, Any] = field(default_factory=dict)
    rows: pd.DataFrame | None = None


@dataclass(frozen=True)
class Fidelity:
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


def read(paths: Sequence[str | Path]) -> pd.DataFrame:
    """Read results of agents, of which there may be none."""
    return scores.read_results(paths) if paths else pd.DataFrame(columns=list(scores.COLUMNS))


def _entry(spec: FidelitySpec, dataset: DatasetRow, source: str, final: pd.DataFrame) -> Entry:
    numbers: dict[tuple[str, str], samples.Number] = {}
    record: dict[str, Any] = {}
    rows = None
    paths = {
        kind: Path(path)
        for kind, path in spec.files.get(dataset.name, {}).get(source, {}).items()
        if Path(path).is_file()
    }
    if "fidelity" in paths:
        record, rows = samples.read_fidelity(paths["fidelity"], spec.preset)
        numbers |= {(name, ""): number for name, number in samples.measures(record, rows).items()}
    if "fit" in paths:
        fitted = read_json(paths["fit"], samples.AGAIN)
        numbers["fit_s", ""] = samples.Number(float(fitted["wall_time_s"]))
        size = int(fitted["num_parameters"])
        numbers["parameters", ""] = samples.Number(float(size))
        if size and record:
            ratio = samples.compression(paths["fit"], len(record["columns"]))
            numbers["compression", ""] = samples.Number(ratio)
    if "sample" in paths:
        numbers["sample_s", ""] = samples.Number(
            float(read_json(paths["sample"], samples.AGAIN)["wall_time_s"])
        )
    own = final[(final["dataset"] == dataset.name) & (final["source"] == source)]
    for agent, group in own.groupby("agent"):
        values = group["score"].to_numpy()
        std = float(np.std(values, ddof=1)) if len(values) > 1 else math.nan
        numbers["score", str(agent)] = samples.Number(float(values.mean()), std, len(values))
    theirs = _theirs(spec, dataset, source)
    return Entry(dataset, source, numbers, theirs, record, rows)


def _theirs(
    spec: FidelitySpec, dataset: DatasetRow, source: str
) -> dict[tuple[str, str], PaperNumber]:
    found: dict[tuple[str, str], PaperNumber] = {}
    if spec.paper is None or source not in spec.paper.variants:
        return found
    agents = list(spec.agents)[:1]  # the paper has one, which its numbers do not name
    for measure, called in spec.paper.measures.items():
        number = published.lookup(
            spec.paper.table, dataset.paper_name, called, spec.paper.variants[source]
        )
        if number:
            found[measure, agents[0] if measure == "score" and agents else ""] = number
    return found


def measure(spec: FidelitySpec, results: pd.DataFrame) -> Fidelity:
    """Gather the numbers of a table of generators.

    Args:
        spec: what to show; files that it names and that are not there leave gaps.
        results: rows as `scores.read_results` returns them, or none where no agent is asked for.

    Raises:
        SyntherError: a file is damaged or of another preset, or nothing is there at all.
    """
    if spec.paper:
        published.require_mapping(spec.paper.table, spec.paper.variants.values())
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
    return Fidelity(spec, entries, final)
