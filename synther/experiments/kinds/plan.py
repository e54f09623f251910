"""What an experiment runs and shows: a kind's plan says what differs from this."""

import dataclasses
import fnmatch
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from synther import config
from synther.config import specs
from synther.config.ogbench import PACKAGE
from synther.config.specs import agent_settings, agent_spec, on_share, source_spec
from synther.errors import NotRunError, SyntherError, unknown_name
from synther.experiments import budget
from synther.experiments.kinds.entry import Entry
from synther.experiments.kinds.spec import PaperColumns, Spec
from synther.experiments.runs import ONLINE, Run

Cells = dict[tuple[str, str, str], list[str]]
"""(dataset or task, source, agent) -> paths of rows."""


class Plan(Entry):
    """An experiment's runs, files and description; see `Entry` too.

    Attributes:
        shows: the class of its description. Fields that only this class has are read from the
            entry, or from its `options`.
        settings: (agent, dataset or task[, preset]) -> the agent's settings there.
        varied: layouts whose sources differ in a setting, which their titles say.
        is_summarised: whether it has agents' scores on sources of datasets, by group, which a
            summary over datasets can be of: its description has `groups`, `sources`, `physics`.
    """

    shows: ClassVar[type[Spec]] = Spec
    settings: ClassVar[Callable[..., dict[str, Any]]] = staticmethod(agent_settings)
    varied: ClassVar[tuple[str, ...]] = ()
    is_summarised: ClassVar[bool] = False

    def pairs(self) -> list[tuple[str, str]]:
        """Return (agent, source) of what is run on every dataset, rivals last."""
        sources = [ONLINE] if self.place_kind == "task" else self.sources()
        found = [(agent, source) for source in sources for agent in self.agents()]
        found += [
            (rival, on_share(source, share))
            for rival, source in self.spec.get("rivals", {}).items()
            for share in self.shares()
        ]
        for agent, source in found:
            agent_spec(agent)
            if source != ONLINE:
                source_spec(source)
        return found

    def runs(self) -> Sequence[Run]:
        """Return all training jobs."""
        learns, pairs, skipped = self.learns, self.pairs(), self.spec.get("skip", {})
        return [
            Run(self.preset, self.run_name(place), source, agent, seeds, learns or "offline")
            for place in self.datasets()
            for agent, source in pairs
            if not any(fnmatch.fnmatchcase(place, p) for p in skipped.get(agent, []))
            for seeds in self.matrix.seed_blocks(learns, self.seeds(source))
        ]

    def results(self) -> list[str]:
        """Return the paths of the agents' rows, each once."""
        return list(dict.fromkeys(run.result for run in self.runs()))

    def files(self) -> list[str]:
        """Return the paths of what it is made from besides results, each once."""
        every = [own for sources in self.measures().values() for own in sources.values()]
        return list(dict.fromkeys(path for own in every for path in own.values()))

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
        """Return dataset -> source -> what was measured of it, such as "fidelity" -> path."""
        return {}

    def protocol_steps(self, agent: str, place: str) -> int:
        """Return the protocol's updates, or environment steps."""
        return int(self.settings(agent, place)["steps"])

    # What several kinds describe themselves with.

    def heading(self) -> dict[str, Any]:
        """Return the fields that every description has, the budget and agents aside."""
        scale = self.matrix.scale
        return {
            "name": self.name,
            "title": self.spec["title"],
            "preset": self.preset,
            "is_paper_protocol": scale["protocol"] == "paper",
            "is_evidence": scale["evidence"],
            "banner": scale.get("banner", ""),
            "bootstrap_reps": scale["bootstrap_reps"],
            "layout": self.spec.get("layout", ""),
        }

    def described(self) -> dict[str, Any]:
        """Return the fields of a description that say what is run, and on what."""
        return {
            **self.heading(),
            "budget": self.budget(),
            "agents": {agent: agent_spec(agent)["title"] for agent in self.agents()},
            "physics": self.physics(),
            "paper": self.paper(),
            "groups": self.groups(),
            "sources": {source: source_spec(source)["title"] for source in self.whole_sources()},
        }

    def require_difference(self, kind: str, settings: Mapping[str, Any]) -> None:
        """Check that the preset does not scale the difference of two agents or sources away."""
        seen: dict[str, str] = {}
        for name, own in settings.items():
            if (other := seen.setdefault(repr(own), name)) != name:
                raise SyntherError(
                    f"'{other}' and '{name}' of experiment '{self.name}' are the same at preset "
                    f"'{self.preset}': give one of them its own settings in the preset's "
                    f"per_{kind}, or leave it out"
                )

    def budget(self) -> str:
        """Return in words what the experiment spends, as tables print it."""
        whole, run = sum(map(len, self.places().values())), len(self.datasets())
        which = f"{run} of {whole}" if run < whole else f"all {whole}" if whole > 1 else "1"
        return "; ".join([*self.spends(), f"{which} {self.place_kind}{'s' * (whole > 1)}"])

    def spends(self) -> list[str]:
        """Return in words what the experiment spends on each dataset."""
        preset, datasets, cells = self.preset, self.datasets(), self.pairs()
        scaled, own = (
            [agent_settings(agent, d, each, source) for agent, source in cells for d in datasets]
            for each in (preset, None)
        )
        parts = []
        if cells:
            parts.append(f"{budget.listed(self.seeds(source) for _, source in cells)} seeds")
            parts.append(f"{budget.listed(settings['steps'] for settings in scaled)} updates")
        pairs = [(a.get("hidden", [0]), b.get("hidden")) for a, b in zip(scaled, own, strict=True)]
        if widths := {max(here) for here, there in pairs if here != there}:
            parts.append(f"networks of {budget.listed(widths)}")
        if self.measures():
            parts.append(f"{self.matrix.fidelity_samples():,} samples measured")
        if counts := {n for d in datasets if (n := specs.collected_rows(d, preset))}:
            parts.append(f"{budget.listed(counts)} transitions a dataset")
        generated, is_varied = set(), self.spec.get("layout") in self.varied
        for source in self.sources():
            spec = source_spec(source)
            is_variant = is_varied and {"like", "model_of"} & spec.keys()
            if "generator" in spec and not is_variant:
                settings = specs.source_settings(source, datasets[0], preset)
                samples = self.matrix.samples(source)
                generated.add(budget.generator(spec["generator"], samples, settings))
        return [*parts, *sorted(generated)]

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
            "datasets": [name for names in self.places().values() for name in names],
            "variants": self.listed_sources() or agents,
        }
        for key, names in known.items():
            for entry in asked.get(key, {}):
                if entry not in names:
                    kind = "source" if key == "variants" else key[:-1]
                    where = f"experiment '{self.name}', paper.{key}"
                    raise unknown_name(kind, entry, names, where)
        own = {key: value for key, value in asked.items() if key != "datasets"}
        return PaperColumns(**own) if asked else None
