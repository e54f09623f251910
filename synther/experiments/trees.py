"""A tree of results, a cell a dataset, source and agent: what is set side by side."""

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from synther.config.settings import flat
from synther.errors import SyntherError
from synther.experiments.runs import ONLINE
from synther.jobs.archive import opened
from synther.jobs.files import read_json
from synther.jobs.folders import files_below
from synther.sheets.printed import number
from synther.statistics.measures import measures, read_fidelity
from synther.statistics.published import PaperNumber
from synther.statistics.scores import COLUMNS, RUN, final_scores, read_results

Name = tuple[str, str, str, str]
"""Dataset, source, agent ("" for a measure of samples) and unit.

The unit is score (0 to 100), return (in reward units) for online training, or the measure's name.
"""
NAMES = (*RUN, "unit")
Record = dict[str, set[str]]
MEASURES = ("marginal", "correlation", "mse", "distance", "memorised")
"""Of samples, as `fidelity.measures` defines them."""

_COMPARED = (
    *("preset", "settings", "commit", "version", "versions", "hardware", "threads"),
    *("physics", "task", "time_limit", "reference", "module", "data", "statistics_from"),
    *("inputs", "measured", "seed"),  # of measures of samples
)


@dataclass(frozen=True)
class Cell:
    """What one tree says of a dataset, source and agent, or of a dataset's samples.

    Attributes:
        mean: of the seeds' scores at their last evaluation, or a measure of samples.
        std: the scores' sample standard deviation; NaN for a single seed, or where not published.
        seeds: how many; 0 where it is not known, or there are none.
        scores: one a seed; a measure alone; empty for a published number.
        record: what made it, flat: a dotted name -> all values that its files have, as JSON.
        published: the paper's number behind it, if it is one.
    """

    mean: float
    std: float
    seeds: int
    scores: tuple[float, ...] = ()
    record: Record = field(default_factory=dict)
    published: PaperNumber | None = None

    def text(self, unit: str) -> str:
        """Return `mean ± std`, with the mark of a published number, and the seeds in brackets."""
        mark = self.published.mark if self.published else ""
        spread = "" if math.isnan(self.std) else f" ± {shown(self.std, unit)}"
        seeds = f" ({self.seeds})" if self.seeds else ""
        return f"{shown(self.mean, unit)}{spread}{mark}{seeds}"


def shown(value: float, unit: str) -> str:
    """Return a score or return with one decimal, a measure with four digits."""
    return f"{value:.4g}" if unit in MEASURES else number(value)


def files_of(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the files of agents' rows below a folder, and those of measured samples.

    Raises:
        SyntherError: there are none of agents, or one is damaged.
    """
    if not folder.is_dir():
        raise SyntherError(f"{folder} is no folder of results: name one, such as results/quick")
    agents: list[Path] = []
    samples: list[Path] = []
    for path in files_below(folder, "*.parquet"):
        try:
            names = pq.read_schema(path).names
        except (ValueError, OSError) as error:
            raise SyntherError(
                f"{path} is not a readable parquet file ({error}): run it again"
            ) from error
        (agents if set(COLUMNS) <= set(names) else samples).append(path)
    if not agents:
        raise SyntherError(f"{folder} holds no results of agents: run the workflow first")
    return agents, samples


def read_tree(results: str | Path) -> dict[Name, Cell]:
    """Read all results of agents and measures of samples below a folder, or in an archive.

    Raises:
        SyntherError: there are no results of agents, one is damaged, or they are of several
            presets.
    """
    with opened(results) as folder:
        agents, samples = files_of(folder)
        rows = read_results(agents)
        presets = sorted(set(rows["preset"]))
        if len(presets) > 1:
            raise SyntherError(
                f"{folder} holds results of presets {', '.join(presets)}: name the folder of one "
                f"of them, such as {folder / presets[0]}"
            )
        # as those of online training are published, and drawn, in reward units
        rows["score"] = rows["return"].where(rows["source"] == ONLINE, rows["score"])
        records = _records(agents)
        cells = {}
        for (dataset, source, agent), group in final_scores(rows).groupby(RUN):
            values = group.sort_values("seed")["score"].astype(float)
            cells[dataset, source, agent, "return" if source == ONLINE else "score"] = Cell(
                float(values.mean()),
                float(values.std()),  # NaN of one
                len(values),
                tuple(values),
                records[dataset, source, agent],
            )
        for path in samples:
            record, measured = read_fidelity(path, presets[0])
            made = {key: {value} for key, value in _compared(record).items()}
            for name, value in measures(record, measured).items():
                if name in MEASURES:
                    cell = Cell(value, math.nan, 0, (value,), made)
                    cells[record["dataset"], record["source"], "", name] = cell
        return cells


def _compared(record: Mapping[str, Any]) -> dict[str, str]:
    """Return what is compared of a record, flat; of an input the checksum counts, not the path."""
    found = flat({key: record[key] for key in _COMPARED if key in record})
    return {
        key: json.dumps(value, sort_keys=True)
        for key, value in found.items()
        if not key.endswith(".path") and value != {}
    }


def _records(files: Iterable[Path]) -> dict[tuple[str, ...], Record]:
    """Return what the records beside result files say, by dataset, source and agent."""
    found: dict[tuple[str, ...], Record] = defaultdict(lambda: defaultdict(set))
    for path in files:
        first = pq.ParquetFile(path).read_row_group(0, columns=RUN, use_threads=False)
        said = {"record": '"none beside the result"'}
        if (beside := path.with_suffix(".json")).is_file():
            said = _compared(read_json(beside, "run its rule again"))
        for key, value in said.items():
            found[tuple(first.to_pylist()[0][name] for name in RUN)][key].add(value)
    return found
