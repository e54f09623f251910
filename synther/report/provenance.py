"""Where every number comes from: the runs' evaluations, their last episodes, and their records."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from synther.errors import SyntherError
from synther.sheets.sheet import run_key
from synther.statistics import evaluations, scores

MOST_POINTS = 100
"""Most evaluations of a curve that the page keeps."""
BULKY = ("histograms", "ks_complement", "correlation_similarity")
"""Parts of records that the page leaves out: figures show them."""


@dataclass
class Archive:
    """What the page knows of runs.

    Attributes:
        runs: key -> evaluations and last episodes, of all files of a run, ready for JSON.
        records: path -> content, of runs and of what they were made from.
        made_from: path of a record -> paths of the records of its inputs.
    """

    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    made_from: dict[str, list[str]] = field(default_factory=dict)

    def add_record(self, path: Path) -> bool:
        """Read a record and those of its inputs; return whether it is there."""
        name = str(path)
        if name in self.records:
            return True
        if not path.is_file():
            return False
        try:
            content = json.loads(path.read_text(encoding="utf-8"), parse_constant=lambda _: None)
        except (OSError, ValueError) as error:
            raise SyntherError(
                f"{path} is not readable as JSON ({error}): remove it and run its rule again"
            ) from error
        self.records[name] = {k: v for k, v in content.items() if k not in BULKY}
        found = []
        for given in _paths(content):
            for record in (given.with_suffix(".json"), given / "fit.json"):
                if record != path and self.add_record(record):
                    found.append(str(record))
        self.made_from[name] = list(dict.fromkeys(found))
        return True

    def add_result(self, path: Path) -> None:
        """Read a result file and its record."""
        rows = scores.read_results([path])
        record = path.with_suffix(".json")
        listed = [str(record)] if self.add_record(record) else []
        for (dataset, source, agent), run in evaluations.runs(rows).items():
            own = rows[
                (rows["dataset"] == dataset) & (rows["source"] == source) & (rows["agent"] == agent)
            ]
            entry = _entry(run, own)
            entry |= {"dataset": dataset, "source": source, "agent": agent}
            entry |= {"files": [str(path)], "records": listed}
            key = run_key(dataset, source, agent)
            self.runs[key] = _merged(self.runs[key], entry) if key in self.runs else entry


def _paths(content: Any) -> Iterator[Path]:
    """Yield every `path` that a record names, however deep."""
    if isinstance(content, dict):
        if isinstance(content.get("path"), str):
            yield Path(content["path"])
        content = list(content.values())
    if isinstance(content, list):
        for value in content:
            yield from _paths(value)


def _entry(run: evaluations.Run, rows: pd.DataFrame) -> dict[str, Any]:
    count = len(run.steps)
    kept = evaluations.thinned(count, MOST_POINTS)
    last = rows[rows["step"] == int(run.steps[-1])].sort_values(["seed", "episode"])
    return {
        "steps": run.steps[kept].astype(int).tolist(),
        "evaluations": count,
        "seeds": run.seeds,
        "scores": np.round(run.scores[:, kept], 2).tolist(),
        "final": np.round(run.scores[:, -1], 2).tolist(),
        "episodes": [
            group[["return", "length", "score"]].round(2).to_numpy().tolist()
            for _, group in last.groupby("seed")
        ],
    }


def _merged(first: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Put the seeds of two files of one run together."""
    if first["steps"] != other["steps"]:
        raise SyntherError(
            f"{first['files'][0]} and {other['files'][0]} were evaluated at different steps; "
            "finish or remove the shorter one"
        )
    lists = ("seeds", "scores", "final", "episodes", "files", "records")
    return {**first, **{name: [*first[name], *other[name]] for name in lists}}


def gather(results: Iterable[str], others: Iterable[str]) -> Archive:
    """Read everything that is there of an experiment's inputs.

    Args:
        results: paths of agents' rows; those that aren't there are left out.
        others: paths of measures (.parquet with a .json beside) and records (.json).

    Raises:
        SyntherError: a file is damaged.
    """
    archive = Archive()
    for path in map(Path, dict.fromkeys(results)):
        if path.is_file():
            archive.add_result(path)
    for path in map(Path, dict.fromkeys(others)):
        archive.add_record(path.with_suffix(".json"))
    return archive
