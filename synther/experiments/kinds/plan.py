"""What an experiment runs and shows: a kind's plan says what differs from this."""

from __future__ import annotations

import dataclasses
import fnmatch
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from synther import config
from synther.config import specs
from synther.config.ogbench import PACKAGE
from synther.config.specs import agent_settings, agent_spec, on_share, source_spec
from synther.errors import NotRunError, SyntherError, unknown_name
from synther.experiments import budget
from synther.experiments.kinds.spec import DatasetRow, PaperColumns, Spec
from synther.experiments.runs import ONLINE, Run

if TYPE_CHECKING:
    from synther.experiments.matrix import Experiments

Cells = dict[tuple[str, str, str], list[str]]
"""(dataset or task, source, agent) -> paths of rows."""


class Plan:
    """An experiment of config/experiments.yaml at a preset.

    Args:
        matrix: the preset's datasets, sources, agents and paths.
        name: the experiment's.

    Attributes:
        spec: its entry.
        requires: keys that an entry of this kind can't do without.
        shows: the class of its description. Fields that only this class has are read from the
            entry, or from its `options`.
        learns: the part of a preset that has its seeds: "", online or pixels.
        settings: (agent, dataset or task[, preset]) -> the agent's settings there.
        varied: layouts whose sources differ in a setting, which their titles say.
        is_summarised: whether it has agents' scores on sources of datasets, by group, which a
            summary over datasets can be of: its description has `groups`, `sources`, `physics`.
    """

    requires: ClassVar[tuple[str, ...]] = ()
    shows: ClassVar[type[Spec]] = Spec
    learns: ClassVar[str] = ""
    settings: ClassVar[Callable[..., dict[str, Any]]] = staticmethod(agent_settings)
    varied: ClassVar[tuple[str, ...]] = ()
    is_summarised: ClassVar[bool] = False

    def __init__(self, matrix: Experiments, name: str) -> None:
        self.matrix, self.name, self.spec = matrix, name, matrix.experiment(name)
        for key in self.requires:
            if not self.spec.get(key):
                raise SyntherError(
                    f"experiment '{name}' of kind {self.spec['kind']} has no `{key}`: add it in "
                    "config/experiments.yaml"
                )

    def pairs(self) -> list[tuple[str, str]]:
        """Return (agent, source) of what is run on every dataset, rivals last."""
        sources = self.matrix.sources(self.name) if "datasets" in self.spec else [ONLINE]
        found = [(agent, source) for source in sources for agent in self.agents()]
        found += [
            (rival, on_share(source, share))
            for rival, source in self.spec.get("rivals", {}).items()
            for share in self.matrix.shares(self.name)
        ]
        for agent, source in found:
            agent_spec(agent)
            if source != ONLINE:
                source_spec(source)
        return found

    def runs(self) -> Sequence[Run]:
        """Return all training jobs."""
        matrix, learns, pairs = self.matrix, self.learns, self.pairs()
        skipped = self.spec.get("skip", {})
        return [
            Run(matrix.preset, self.run_name(place), source, agent, seeds, learns or "offline")
            for place in self.datasets()
            for agent, source in pairs
            if not any(fnmatch.fnmatchcase(place, p) for p in skipped.get(agent, []))
            for seeds in matrix.seed_blocks(learns, matrix.seeds(self.name, source))
        ]

    def results(self) -> list[str]:
        """Return the paths of the agents' rows, each once."""
        return list(dict.fromkeys(run.result for run in self.runs()))

    def files(self) -> list[str]:
        """Return the paths of what it is made from besides results, each once."""
        return []

    def inputs(self) -> list[str]:
        """Return the paths of all files that it is made from."""
        return [*self.results(), *self.files()]

    def is_run(self) -> bool:
        """Return whether the preset runs anything of it."""
        try:
            return bool(self.inputs())
        except NotRunError:
            return False

    def describe(self) -> Spec:
        """Return what its numbers and its sheet are made from.

        Raises:
            SyntherError: the experiment, or what the preset says of it, does not hold together.
        """
        found, spec = self.described(), self.spec
        own = {field.name for field in dataclasses.fields(self.shows)} - found.keys()
        options = {key: spec[key] for key in own & spec.keys()} | spec.get("options", {})
        for option in options:
            if option not in own:
                raise unknown_name("option", option, own, f"experiment '{self.name}', options")
        return self.shows(**found, **options)

    # What the paper's claims are decided from.

    def cells(self) -> Cells:
        """Return the runs that the preset has, by what was learned from and by which agent."""
        found: Cells = {}
        for run in self.runs():
            found.setdefault(run.cell, []).append(run.result)
        return found

    def measures(self) -> Mapping[str, Mapping[str, Mapping[str, str]]]:
        """Return dataset -> source -> "fidelity", "fit" and "sample" -> path."""
        return {}

    def run_name(self, place: str) -> str:
        """Return the dataset or task that is run for the paper's."""
        return self.matrix.run_name(place) if "datasets" in self.spec else place

    def protocol_steps(self, agent: str, place: str) -> int:
        """Return the protocol's updates, or environment steps."""
        return int(self.settings(agent, place)["steps"])

    def places(self) -> dict[str, list[str]]:
        """Return the paper's datasets or tasks by group, those that the preset leaves out too."""
        return self.spec.get("datasets") or self.spec.get("tasks") or {}

    def listed_agents(self) -> list[str]:
        """Return every agent that the experiment names, those that the preset leaves out too."""
        return list(self.spec.get("agents", []))

    # What several kinds describe themselves with.

    def heading(self) -> dict[str, Any]:
        """Return the fields that every description has, the budget and agents aside."""
        scale = self.matrix.scale
        return {
            "name": self.name,
            "title": self.spec["title"],
            "preset": self.matrix.preset,
            "is_paper_protocol": scale["protocol"] == "paper",
            "is_evidence": scale["evidence"],
            "banner": scale.get("banner", ""),
            "bootstrap_reps": scale["bootstrap_reps"],
            "layout": self.spec.get("layout", ""),
        }

    def described(self) -> dict[str, Any]:
        """Return the fields of a description that say what is run, and on what."""
        found = {
            **self.heading(),
            "budget": self.budget(),
            "agents": {agent: agent_spec(agent)["title"] for agent in self.agents()},
            "physics": self.physics(),
            "paper": self.paper(),
        }
        if "datasets" in self.spec:
            sources = self.matrix.whole_sources(self.name)
            found["groups"] = self.groups()
            found["sources"] = {source: source_spec(source)["title"] for source in sources}
        else:
            found["tasks"] = self.datasets()
        return found

    def agents(self) -> list[str]:
        """Return all agents that are run."""
        return self.matrix.agents(self.name)

    def budget(self) -> str:
        """Return in words what the experiment spends, as tables print it."""
        matrix, datasets, cells = self.matrix, self.datasets(), self.pairs()
        sources, everything = matrix.sources(self.name), sum(map(len, self.places().values()))
        scaled, own = (
            [agent_settings(agent, d, preset, source) for agent, source in cells for d in datasets]
            for preset in (matrix.preset, None)
        )
        parts = []
        if cells:
            seeds = budget.listed(matrix.seeds(self.name, source) for _, source in cells)
            parts.append(f"{seeds} seeds")
            parts.append(f"{budget.listed(settings['steps'] for settings in scaled)} updates")
        pairs = [(a.get("hidden", [0]), b.get("hidden")) for a, b in zip(scaled, own, strict=True)]
        if widths := {max(here) for here, there in pairs if here != there}:
            parts.append(f"networks of {budget.listed(widths)}")
        if self.measures():
            parts.append(f"{matrix.fidelity_samples():,} samples measured")
        if counts := {n for d in datasets if (n := specs.collected_rows(d, matrix.preset))}:
            parts.append(f"{budget.listed(counts)} transitions a dataset")
        if self.spec.get("layout") in self.varied:
            sources = [s for s in sources if not {"like", "model_of"} & source_spec(s).keys()]
        generated = set()
        for source in sources:
            if kind := source_spec(source).get("generator"):
                settings = specs.source_settings(source, datasets[0], matrix.preset)
                generated.add(budget.generator(kind, matrix.samples(source), settings))
        return "; ".join([*parts, *sorted(generated), budget.part_of(len(datasets), everything)])

    def physics(self) -> str:
        """Say in words how true the simulators are that datasets are judged in."""
        words = "that of D4RL's recordings, to rounding"
        names = self.datasets()
        if all(config.spec(name, "dataset")["kind"] == PACKAGE for name in names):
            return "OGBench's own environments"
        if any(fnmatch.fnmatch(name, "antmaze-*-v2") for name in names):
            return f"{words}; AntMaze's to 1e-5 a step"
        return words

    def paper(self) -> PaperColumns | None:
        """Return which published numbers to print beside, if any.

        Raises:
            SyntherError: it names what the experiment has not; misspelt, it would be ignored.
        """
        asked, agents = self.spec.get("paper", {}), self.listed_agents()
        known = {
            "agents": agents,
            "datasets": list(itertools.chain.from_iterable(self.places().values())),
            "variants": self.matrix.listed_sources(self.name) or agents,
        }
        for key, names in known.items():
            for entry in asked.get(key, {}):
                if entry not in names:
                    kind = "source" if key == "variants" else key[:-1]
                    where = f"experiment '{self.name}', paper.{key}"
                    raise unknown_name(kind, entry, names, where)
        return PaperColumns(**asked) if asked else None

    def datasets(self) -> list[str]:
        """Return the paper's datasets or tasks that are run."""
        if not self.places():  # what it shows are other experiments' runs
            return []
        return list(itertools.chain.from_iterable(self.matrix.datasets(self.name).values()))

    def groups(self) -> dict[str, list[DatasetRow]]:
        """Return the datasets by group, each with what it stands for and is called in print."""
        names = self.spec.get("paper", {}).get("datasets", {})
        return {
            group: [DatasetRow(self.run_name(n), n, names.get(n, "")) for n in members]
            for group, members in self.matrix.datasets(self.name).items()
        }
