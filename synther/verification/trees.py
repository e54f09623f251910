"""Two trees of results side by side: two commits, two machines, ours and the paper's."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from synther import config
from synther.config.settings import flat
from synther.config.specs import stands_for
from synther.errors import SyntherError
from synther.experiments.kinds.spec import NO_EVIDENCE
from synther.experiments.runs import ONLINE
from synther.jobs.files import read_json
from synther.jobs.folders import files_below
from synther.statistics import intervals, published
from synther.statistics.intervals import Estimate
from synther.statistics.measures import measures, read_fidelity
from synther.statistics.published import PaperNumber
from synther.statistics.scores import COLUMNS, RUN, final_scores, read_results

PAPER = "paper"
"""The word that stands for the paper's numbers in place of a folder."""

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


@dataclass(frozen=True)
class Pair:
    """A cell of both trees.

    Attributes:
        name: dataset, source, agent, unit.
        a: of the first tree.
        b: of the second.
        difference: a minus b, with the 95% interval of a bootstrap over seeds; against a published
            number, whose seeds are not at hand, that of a's seeds alone. NaN for a single seed.
        differs: what the records differ in: a dotted name -> values of a and of b.
        is_evidence: whether a may be held against b: no check of the pipeline against the paper.
    """

    name: Name
    a: Cell
    b: Cell
    difference: Estimate
    differs: dict[str, tuple[str, str]]
    is_evidence: bool = True

    @property
    def apart(self) -> bool:
        """Whether the interval leaves out zero, where that says anything."""
        low, high = self.difference.low, self.difference.high
        return self.is_evidence and not math.isnan(low) and (low > 0 or high < 0)


@dataclass(frozen=True)
class Comparison:
    """All pairs, and what only one tree has."""

    titles: tuple[str, str]
    pairs: list[Pair]
    only_a: list[Name]
    only_b: list[Name]
    notes: list[str]


def read_tree(folder: str | Path) -> dict[Name, Cell]:
    """Read all results of agents and measures of samples below a folder.

    Raises:
        SyntherError: there are no results of agents, one is damaged, or they are of several
            presets.
    """
    folder = Path(folder)
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
    rows = read_results(agents)
    presets = sorted(set(rows["preset"]))
    if len(presets) > 1:
        raise SyntherError(
            f"{folder} holds results of presets {', '.join(presets)}: name the folder of one of "
            f"them, such as {folder / presets[0]}"
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


def of_the_paper(names: Iterable[Name]) -> dict[Name, Cell]:
    """Return the published numbers that stand for these cells, by the experiments' `paper` entries.

    A local dataset takes the number of the dataset that it stands for, which its record says.
    """
    cells: dict[Name, Cell] = {}
    for spec in config.load("experiments")["experiments"].values():
        wanted = spec.get("paper")
        for name in names if wanted else ():
            dataset, source, agent, unit = name
            # what learns online has no source: there the agent says what it learned from
            variant = wanted["variants"].get(agent if source == ONLINE else source)
            row = wanted.get("agents", {}).get(agent) or wanted.get("measures", {}).get(unit)
            if name in cells or variant is None or row is None:
                continue
            theirs = stands_for(dataset)
            theirs = wanted.get("datasets", {}).get(theirs, theirs)
            if number := published.lookup(wanted["table"], theirs, row, variant):
                record = {"preset": {'"paper"'}}
                if stands_for(dataset) != dataset:
                    record["data"] = {json.dumps(theirs)}
                seeds = number.seeds or 0
                cells[name] = Cell(number.mean, number.std, seeds, record=record, published=number)
    return cells


def compare_trees(a: str | Path, b: str | Path, reps: int = 2000) -> Comparison:
    """Set two trees of results side by side, cell by cell.

    Args:
        a: folder of results of one preset, at any depth.
        b: another, or the word `paper`.
        reps: bootstrap resamples.

    Raises:
        SyntherError: a tree has no results, is damaged or holds several presets; or the trees have
            nothing in common.
    """
    ours = read_tree(a)
    theirs = of_the_paper(ours) if str(b) == PAPER else read_tree(b)
    common = [name for name in ours if name in theirs]
    if not common:
        raise SyntherError(
            f"{a} and {b} have no dataset, source and agent in common: nothing can be compared"
        )
    pairs = [_pair(name, ours[name], theirs[name], reps) for name in common]
    used = [pair.b.published.status for pair in pairs if pair.b.published]
    return Comparison(
        titles=(str(a), str(b)),
        pairs=pairs,
        only_a=[name for name in ours if name not in theirs],
        only_b=[name for name in theirs if name not in ours],
        notes=[
            *(() if all(pair.is_evidence for pair in pairs) else (_CHECKS,)),
            *(_PAPER_NOTES if used else ()),
            *published.footnotes(used),
        ],
    )


_CHECKS = f"{NO_EVIDENCE}: nothing is said of how these numbers stand to the paper's"
_PAPER_NOTES = (
    "intervals are of the first tree's seeds alone: the paper's seeds are not published",
    "the paper's numbers are of D4RL's own datasets at the full protocol",
)


def _pair(name: Name, a: Cell, b: Cell, reps: int) -> Pair:
    first = np.array(a.scores)
    if b.published:
        own = intervals.bootstrap(intervals.mean, [first], reps)
        difference = Estimate(own.value - b.mean, own.low - b.mean, own.high - b.mean)
        ours, keys = {**a.record, "data": {'"collected here"'}}, list(b.record)
    else:
        both = [first, np.array(b.scores)]
        difference = intervals.bootstrap(intervals.versus(intervals.mean), both, reps)
        ours, keys = {**a.record}, sorted({*a.record, *b.record})
    listed = {key: (_listed(ours.get(key)), _listed(b.record.get(key))) for key in keys}
    differs = {key: values for key, values in listed.items() if values[0] != values[1]}
    if a.seeds != b.seeds and a.seeds:
        differs["seeds"] = (str(a.seeds), str(b.seeds or "not known"))
    presets = {json.loads(name) for name in a.record.get("preset", ())} & {*config.preset_names()}
    is_evidence = all(config.load_preset(preset)["evidence"] for preset in presets)
    return Pair(name, a, b, difference, differs, is_evidence or not b.published)


def _listed(values: Iterable[str] | None) -> str:
    """Return what records say as text; a string without its quotes."""
    if values is None:
        return "not recorded"
    return " or ".join(v[1:-1] if v.startswith('"') else v for v in sorted(values))
