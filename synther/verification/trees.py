"""Two trees of results side by side: two commits, two machines, ours and the paper's."""

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from synther import config
from synther.config.specs import stands_for
from synther.errors import SyntherError
from synther.experiments.kinds.spec import NO_EVIDENCE
from synther.experiments.runs import ONLINE
from synther.experiments.trees import Cell, Name, read_tree
from synther.statistics import intervals, published
from synther.statistics.intervals import Estimate

PAPER = "paper"
"""The word that stands for the paper's numbers in place of a folder."""


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
