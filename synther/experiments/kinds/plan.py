"""What an experiment runs and shows: a kind's plan says what differs from this."""

from __future__ import annotations

import fnmatch
import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from synther import config
from synther.config.ogbench import PACKAGE
from synther.config.specs import agent_settings, agent_spec, source_spec
from synther.errors import NotRunError, SyntherError, unknown_name
from synther.experiments import budget
from synther.experiments.kinds.spec import DatasetRow, PaperColumns, Spec
from synther.experiments.runs import Run

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
        learns: the part of a preset that has its seeds: "", online or pixels.
        is_summarised: whether it has agents' scores on sources of datasets, by group, which a
            summary over datasets can be of: its description has `groups`, `sources`, `physics`.
    """

    requires: ClassVar[tuple[str, ...]] = ()
    learns: ClassVar[str] = ""
    is_summarised: ClassVar[bool] = False

    def __init__(self, matrix: Experiments, name: str) -> None:
        self.matrix, self.name, self.spec = matrix, name, matrix.experiment(name)
        for key in self.requires:
            if not self.spec.get(key):
                raise SyntherError(
                    f"experiment '{name}' of kind {self.spec['kind']} has no `{key}`: add it in "
                    "config/experiments.yaml"
                )

    def runs(self) -> Sequence[Run]:
        """Return all training jobs."""
        return self.matrix.runs(self.name)

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
        raise NotImplementedError

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
        return self.matrix.run_name(place)

    def protocol_steps(self, agent: str, place: str) -> int:
        """Return the protocol's updates, or environment steps."""
        return int(agent_settings(agent, place)["steps"])

    def places(self) -> dict[str, list[str]]:
        """Return the paper's datasets or tasks by group, those that the preset leaves out too."""
        return self.spec.get("datasets") or self.spec.get("tasks") or {}

    def listed_agents(self) -> list[str]:
        """Return every agent that the experiment names, those that the preset leaves out too."""
        return list(self.spec.get("agents", []))

    # What several kinds describe themselves with.

    def check_paper(self) -> None:
        """Check that `paper` names what the experiment has; misspelt, it would be ignored."""
        spec, agents = self.spec, self.listed_agents()
        places = itertools.chain.from_iterable(self.places().values())
        known = {"agent": ("agents", agents), "dataset": ("datasets", list(places))}
        known["source"] = "variants", self.matrix.listed_sources(self.name) or agents
        for kind, (key, names) in known.items():
            for entry in spec.get("paper", {}).get(key, {}):
                if entry not in names:
                    where = f"experiment '{self.name}', paper.{key}"
                    raise unknown_name(kind, entry, names, where)

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
        """Return the fields of a description that say what is run; of datasets, on what."""
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
        return found

    def agents(self) -> list[str]:
        """Return all agents that are run."""
        return self.matrix.agents(self.name)

    def budget(self) -> str:
        """Return in words what the experiment spends."""
        return budget.describe(self.matrix, self.name)

    def physics(self) -> str:
        """Say in words how true the simulators are that datasets are judged in."""
        words = "that of D4RL's recordings, to rounding"
        names = [name for names in self.matrix.datasets(self.name).values() for name in names]
        if all(config.spec(name, "dataset")["kind"] == PACKAGE for name in names):
            return "OGBench's own environments"
        if any(fnmatch.fnmatch(name, "antmaze-*-v2") for name in names):
            return f"{words}; AntMaze's to 1e-5 a step"
        return words

    def paper(self) -> PaperColumns | None:
        """Return which published numbers to print beside, if any, checked."""
        self.check_paper()
        return PaperColumns(**self.spec["paper"]) if self.spec.get("paper") else None

    def groups(self) -> dict[str, list[DatasetRow]]:
        """Return the datasets by group, each with what it stands for."""
        return {
            group: [DatasetRow(self.run_name(n), n) for n in names]
            for group, names in self.matrix.datasets(self.name).items()
        }
