"""An entry of config/experiments.yaml, and what of it a preset runs."""

from __future__ import annotations

import fnmatch
import itertools
from typing import TYPE_CHECKING, Any, ClassVar

from synther import config
from synther.config import shares, specs
from synther.config.shares import Share
from synther.errors import NotRunError, SyntherError, unknown_name
from synther.experiments.kinds.spec import DatasetRow

if TYPE_CHECKING:
    from synther.experiments.matrix import Experiments


class Entry:
    """An experiment of config/experiments.yaml at a preset.

    Args:
        matrix: the preset's datasets, sources, agents and paths.
        name: the experiment's.

    Attributes:
        preset: slug.
        spec: its entry.
        place_kind: dataset, or task of agents that learn in their environment.
        requires: keys that an entry of this kind can't do without; of an agent one is run.
        learns: the part of a preset that has its seeds: "", online or pixels.
    """

    requires: ClassVar[tuple[str, ...]] = ("datasets", "agents", "sources")
    learns: ClassVar[str] = ""

    def __init__(self, matrix: Experiments, name: str) -> None:
        self.matrix, self.name, self.spec = matrix, name, config.spec(name, "experiment")
        self.preset, self.place_kind = matrix.preset, "task" if "tasks" in self.spec else "dataset"
        for key in self.requires:
            if not self.spec.get(key):
                raise SyntherError(
                    f"experiment '{name}' of kind {self.spec['kind']} has no `{key}`: add it in "
                    "config/experiments.yaml"
                )

    def scaled(self) -> dict[str, Any]:
        """Return what the preset says of this experiment."""
        if self.name not in self.matrix.specs:
            raise NotRunError(
                f"preset '{self.preset}' leaves experiment '{self.name}' out: add it to the "
                "preset's `only`"
            )
        return self.matrix.scale.get("experiments", {}).get(self.name, {})

    def places(self) -> dict[str, list[str]]:
        """Return the paper's datasets or tasks by group, those that the preset leaves out too."""
        return self.spec.get(f"{self.place_kind}s", {})

    def chosen(self) -> dict[str, list[str]]:
        """Return the paper's datasets or tasks by group, those that are run."""
        key, part = f"{self.place_kind}s", self.learns
        for each in itertools.chain.from_iterable(self.places().values()):
            specs.task_spec(each) if key == "tasks" else config.spec(each, "dataset")
        chosen = self.scaled().get(key, self.matrix.part(part).get(key))
        groups = {
            group: kept
            for group, names in self.places().items()
            if (kept := [each for each in names if chosen is None or each in chosen])
        }
        if not groups and self.places():
            where = f"{part}.{key}" if part else key
            raise NotRunError(
                f"preset '{self.preset}' runs no {self.place_kind} of experiment '{self.name}': "
                f"add one of them to the preset's {where}, or to its experiments.{self.name}.{key}"
            )
        return groups

    def datasets(self) -> list[str]:
        """Return the paper's datasets or tasks that are run; what shows others' runs has none."""
        return list(itertools.chain.from_iterable(self.chosen().values()))

    def groups(self) -> dict[str, list[DatasetRow]]:
        """Return the datasets by group, each with what it stands for and is called in print."""
        names = self.spec.get("paper", {}).get("datasets", {})
        return {
            group: [DatasetRow(self.run_name(n), n, names.get(n, "")) for n in members]
            for group, members in self.chosen().items()
        }

    def run_name(self, place: str) -> str:
        """Return the dataset or task that is run for the paper's."""
        return place if self.place_kind == "task" else self.matrix.run_name(place)

    def _kept(self, kind: str, every: list[Any], chosen: list[Any]) -> list[Any]:
        """Return those of the entry's that the preset chooses: all of these must be its."""
        for each in chosen:
            if each not in every:
                where = f"preset '{self.preset}'"
                raise unknown_name(kind, str(each), [str(known) for known in every], where)
        return [each for each in every if each in chosen]

    def shares(self) -> list[Share]:
        """Return the shares of the data that are run; empty where on all of it."""
        every = shares.listed(self.spec)
        return self._kept("share", every, shares.listed(self.scaled()) or every)

    def listed_sources(self) -> list[str]:
        """Return every source that is named, those of all factors included."""
        factors = self.spec.get("factors", {}).values()
        return list(dict.fromkeys([*self.spec.get("sources", []), *itertools.chain(*factors)]))

    def whole_sources(self) -> list[str]:
        """Return the sources that are run, shares of the data aside: those that are installed.

        Raises:
            SyntherError: the preset chooses one that is not the experiment's.
        """
        every, aside = self.listed_sources(), self.spec.get("aside", [])
        usual = [source for source in every if source not in aside]
        chosen = self._kept("source", every, self.scaled().get("sources", usual))
        return [source for source in chosen if specs.missing_package(source) is None]

    def sources(self) -> list[str]:
        """Return the sources that are run: for a curve, one a share of the data."""
        whole = self.whole_sources()
        if not shares.listed(self.spec):
            return whole
        points = [specs.on_share(source, share) for source in whole for share in self.shares()]
        return [*points, *self.spec.get("reference", [])]

    def listed_agents(self) -> list[str]:
        """Return every agent that is named, rivals and those of level lines included."""
        levels = self.spec.get("reference", []) if self.place_kind == "task" else []
        return [*self.spec.get("agents", []), *self.spec.get("rivals", {}), *levels]

    def agents(self) -> list[str]:
        """Return the agents that are run, but for rivals."""
        every = self.spec.get("agents", [])
        kept = self._kept("agent", every, self.scaled().get("agents", every))
        if "agents" in self.requires and not kept:
            raise NotRunError(f"preset '{self.preset}' runs no agents of experiment '{self.name}'")
        return kept

    def seeds(self, source: str) -> int:
        """Return how many seeds there are of the agents that learn from a source."""
        usual = (self.matrix.scale | self.matrix.part(self.learns))["seeds"]
        own = self.scaled().get("seeds", usual)
        if not isinstance(own, dict):
            return int(own)
        for pattern in own:
            if not fnmatch.filter(every := self.sources(), pattern):
                where = f"preset '{self.preset}', experiments.{self.name}.seeds"
                raise unknown_name("source pattern", pattern, every, where)
        fitting = [n for pattern, n in own.items() if fnmatch.fnmatchcase(source, pattern)]
        return int([usual, *fitting][-1])
