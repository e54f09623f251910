"""Where every number comes from: the runs' evaluations, their last episodes, and their records."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from synther.jobs.files import read_json
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
        prefix: what keys and paths begin with from now on, where results of several trees are read.
    """

    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    made_from: dict[str, list[str]] = field(default_factory=dict)
    prefix: str = ""

    def add_record(self, path: Path) -> bool:
        """Read a record and those of its inputs; return whether it is there."""
        name = self.prefix + str(path)
        if name in self.records:
            return True
        if not path.is_file():
            return False
        content = read_json(path, "remove it and run its rule again", parse_constant=lambda _: None)
        self.records[name] = {k: v for k, v in content.items() if k not in BULKY}
        found = []
        for given in _paths(content):
            for record in (given.with_suffix(".json"), given / "fit.json"):
                if record != path and self.add_record(record):
                    found.append(self.prefix + str(record))
        self.made_from[name] = list(dict.fromkeys(found))
        return True

    def gather(self, results: Iterable[str | Path], others: Iterable[str | Path]) -> None:
        """Read everything that is there of an experiment's inputs.

        Args:
            results: paths of agents' rows; those that aren't there are left out.
            others: paths of measures (.parquet with a .json beside) and records (.json).

        Raises:
            SyntherError: a file is damaged.
        """
        folders: dict[Path, list[Path]] = {}
        for path in filter(Path.is_file, map(Path, dict.fromkeys(results))):
            folders.setdefault(path.parent, []).append(path)
        for files in folders.values():
            self._add_results(files)
        for path in map(Path, dict.fromkeys(others)):
            self.add_record(path.with_suffix(".json"))

    def _add_results(self, files: Sequence[Path]) -> None:
        """Read the result files of one run, and their records."""
        every = pd.concat([scores.read_result(file) for file in files], ignore_index=True)
        rows = every.drop_duplicates([*scores.RUN, "seed", "step", "episode"])
        records = [each for f in files if self.add_record(each := f.with_suffix(".json"))]
        both = {"files": files, "records": records}
        made = {what: [self.prefix + str(path) for path in paths] for what, paths in both.items()}
        for name, run in evaluations.runs(rows).items():
            own = rows[(rows[scores.RUN] == name).all(axis=1)]
            labels = dict(zip(scores.RUN, name, strict=True))
            self.runs[self.prefix + run_key(*name)] = _entry(run, own) | labels | made


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
