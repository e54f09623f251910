"""The matrix of the benchmark: config -> runs, paths, settings, resources.

The workflow's rules and the command line ask this one module what there is to run, where it lies,
and with which settings; nothing else knows the layout of `data/`, `results/` and `figures/`.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import itertools
from collections.abc import Sequence
from typing import Any

from synther import config
from synther.config import shares, specs
from synther.config.shares import Share
from synther.errors import NotRunError, SyntherError, unknown_name
from synther.experiments import kinds
from synther.experiments.files import Files
from synther.experiments.pixels import Pixels
from synther.experiments.runs import ONLINE, Run

FULL_ROWS = 1_000_000
FIDELITY_SAMPLES = 100_000
"""Samples that are measured (the paper's number, recalled)."""


class Experiments(Files):
    """What a preset runs, and where everything lies, relative to the repository's root.

    Args:
        preset: a file of config/presets/.
    """

    def __init__(self, preset: str) -> None:
        self.preset = preset
        self.scale = config.load_preset(preset)
        every = config.load("experiments")["experiments"]
        self.specs = {name: every[name] for name in every if name in self.scale.get("only", every)}
        parts = [self.scale, self.part("online"), self.part("pixels")]
        parts += self.scale.get("experiments", {}).values()
        for kind in ("dataset", "task"):
            known = config.load("datasets")[f"{kind}s"]
            for name in itertools.chain.from_iterable(part.get(f"{kind}s", []) for part in parts):
                if name not in known:
                    raise unknown_name(kind, name, known, f"preset '{preset}'")

    def experiment(self, name: str) -> dict[str, Any]:
        """Return the entry of config/experiments.yaml."""
        return config.spec(name, "experiment")

    def plan(self, name: str) -> kinds.Plan:
        """Return what an experiment runs, and which files and words its table is made from.

        Raises:
            SyntherError: there is no such experiment, or its kind is unknown.
        """
        return kinds.plan_of(self.experiment(name)["kind"])(self, name)

    def results(self, *names: str) -> list[str]:
        """Return the paths of the agents' rows of experiments, each once."""
        return list(dict.fromkeys(file for name in names for file in self.plan(name).results()))

    def records(self, *names: str) -> list[str]:
        """Return the paths of everything else that their figures are made from, each once."""
        made = {file for name in names for file in self.inputs(name)}
        return sorted(made - set(self.results(*names)))

    def inputs(self, name: str) -> list[str]:
        """Return the paths of all files that an experiment's table or figure is made from."""
        return self.plan(name).inputs()

    def table(self, name: str) -> dict[str, Any]:
        """Return what an experiment's table or figure shows, as plain data."""
        return dataclasses.asdict(self.plan(name).describe())

    def is_run(self, name: str) -> bool:
        """Return whether the preset runs anything of an experiment."""
        plan = self.plan(name)
        return name in self.specs and plan.is_run()

    def made(self) -> list[str]:
        """Return the experiments whose tables and figures the preset makes."""
        return [name for name in self.specs if self.is_run(name)]

    def all_figures(self) -> list[str]:
        """Return the files of all tables and figures."""
        return [path for name in self.made() for path in self.figures(name)]

    def sheets(self) -> dict[str, str]:
        """Return experiment -> the file of its sheet, of all that the page shows."""
        return {name: f"{self.figure(name)}.json" for name in self.made()}

    def titles(self) -> dict[str, dict[str, str]]:
        """Return "agents" and "sources" -> slug -> title, of all that the preset runs."""
        runs = [run for name in self.made() for run in self.runs(name)]
        sources = dict.fromkeys(run.source for run in runs)
        return {
            "agents": {run.agent: specs.agent_spec(run.agent)["title"] for run in runs},
            "sources": {s: s if s == ONLINE else specs.source_spec(s)["title"] for s in sources},
        }

    def learns(self, name: str) -> str:
        """Return the part of the preset that an experiment is of: "", online or pixels."""
        return kinds.plan_of(self.experiment(name)["kind"]).learns

    def part(self, name: str) -> dict[str, Any]:
        """Return what the preset says of online or pixels; of all others ("") it is the preset."""
        return self.scale.get(name, {}) if name else self.scale

    def datasets(self, name: str) -> dict[str, list[str]]:
        """Return an experiment's datasets by group: the paper's names of those that are run.

        Of agents that learn in their environment, they are tasks.
        """
        spec, part = self.experiment(name), self.learns(name)
        key = "datasets" if "datasets" in spec else "tasks"
        for each in itertools.chain.from_iterable(spec[key].values()):
            specs.task_spec(each) if key == "tasks" else config.spec(each, "dataset")
        chosen = self.scaled(name).get(key, self.part(part).get(key))
        groups = {
            group: [each for each in names if chosen is None or each in chosen]
            for group, names in spec[key].items()
        }
        if not any(groups.values()):
            where = f"{part}.{key}" if part else key
            raise NotRunError(
                f"preset '{self.preset}' runs no {key[:-1]} of experiment '{name}': add one of "
                f"them to the preset's {where}, or to its experiments.{name}.{key}"
            )
        return {group: names for group, names in groups.items() if names}

    def scaled(self, name: str) -> dict[str, Any]:
        """Return what the preset says of one experiment."""
        for entry in (*self.scale.get("experiments", {}), *self.scale.get("only", [])):
            self.experiment(entry)  # misspelt, it would be ignored in silence
        if name not in self.specs:
            raise NotRunError(
                f"preset '{self.preset}' leaves experiment '{name}' out: add it to the preset's "
                "`only`"
            )
        return self.scale.get("experiments", {}).get(name, {})

    def shares(self, name: str) -> list[Share]:
        """Return the shares of the data that an experiment runs on; empty where on all of it."""
        every = shares.listed(self.experiment(name))
        return self._kept("share", every, shares.listed(self.scaled(name)) or every)

    def _kept(self, kind: str, every: list[Any], chosen: list[Any]) -> list[Any]:
        """Return those of an experiment's that the preset chooses: all of these must be its."""
        for each in chosen:
            if each not in every:
                where = f"preset '{self.preset}'"
                raise unknown_name(kind, str(each), [str(known) for known in every], where)
        return [each for each in every if each in chosen]

    def sources(self, name: str) -> list[str]:
        """Return the sources that an experiment runs: for a curve, one a share of the data."""
        whole, spec = self.whole_sources(name), self.experiment(name)
        if not shares.listed(spec):
            return whole
        points = [specs.on_share(source, share) for source in whole for share in self.shares(name)]
        return [*points, *spec.get("reference", [])]

    def listed_sources(self, name: str) -> list[str]:
        """Return every source that an experiment names, those of all factors included."""
        spec = self.experiment(name)
        factors = spec.get("factors", {}).values()
        return list(dict.fromkeys([*spec.get("sources", []), *itertools.chain(*factors)]))

    def whole_sources(self, name: str) -> list[str]:
        """Return the sources that are run, shares of the data aside: those that are installed.

        Raises:
            SyntherError: the preset chooses one that is not the experiment's.
        """
        every = self.listed_sources(name)
        chosen = self._kept("source", every, self.scaled(name).get("sources", every))
        return [source for source in chosen if specs.missing_package(source) is None]

    def agents(self, name: str) -> list[str]:
        """Return the agents of an experiment that are run."""
        every = self.experiment(name).get("agents", [])
        return self._kept("agent", every, self.scaled(name).get("agents", every))

    def run_name(self, dataset: str) -> str:
        """Return the dataset that is run for the paper's: itself, or its local stand-in."""
        if self.scale.get("stand_ins", "none") == "none":
            return dataset
        every = config.load("datasets")["datasets"]
        local = [name for name in every if every[name].get("stands_for") == dataset]
        if not local:
            raise SyntherError(
                f"preset '{self.preset}' runs local stand-ins, and {dataset} has none: leave it "
                "out of the preset's datasets, or add one to config/datasets.yaml"
            )
        return local[0]

    def seeds(self, name: str, source: str) -> int:
        """Return how many seeds an experiment has of the agents that learn from a source."""
        usual = (self.scale | self.part(self.learns(name)))["seeds"]
        own = self.scaled(name).get("seeds", usual)
        if not isinstance(own, dict):
            return int(own)
        for pattern in own:
            if not fnmatch.filter(every := self.sources(name), pattern):
                where = f"preset '{self.preset}', experiments.{name}.seeds"
                raise unknown_name("source pattern", pattern, every, where)
        fitting = [n for pattern, n in own.items() if fnmatch.fnmatchcase(source, pattern)]
        return int([usual, *fitting][-1])

    def seed_blocks(self, part: str = "", count: int | None = None) -> list[tuple[int, ...]]:
        """Return the seeds of a part of the preset, or so many, a tuple a job."""
        scale = self.scale | self.part(part)
        seeds = range(scale["seeds"] if count is None else count)
        size = scale["seeds_per_job"]
        return [tuple(seeds[start : start + size]) for start in range(0, len(seeds), size)]

    def runs(self, name: str) -> Sequence[Run]:
        """Return all training jobs of an experiment."""
        return self.plan(name).runs()

    def pixels(self) -> Pixels:
        """Return what is asked of experiments whose agents see pixels."""
        return Pixels(self)

    def rows(self, dataset: str) -> int:
        """Return how many transitions a collected dataset has: a million by default."""
        return specs.collected_rows(dataset, self.preset) or FULL_ROWS

    def fidelity_samples(self) -> int:
        """Return how many samples of a source are measured."""
        return self.scale.get("fidelity_samples", FIDELITY_SAMPLES)

    def subset_choice(self) -> dict[str, Any]:
        """Return how shares of a dataset are chosen: "choose" and "seed"."""
        return config.load("sources")["subset"]

    def time_limit(self, dataset: str) -> int:
        """Return the time limit of a dataset's task, in environment steps."""
        return specs.task_spec(config.spec(dataset, "dataset")["task"])["time_limit"]

    def samples(self, source: str) -> int:
        """Return how many transitions a source generates."""
        scale = specs.preset_scale(self.preset, source)
        return scale.get("samples", specs.source_spec(source).get("samples", 0))


def preset_experiments(default: str) -> config.ByPreset[Experiments]:
    """Return the experiments of every preset by name.

    Raises:
        SyntherError: `default` is no preset.
    """
    config.load_preset(default)
    return config.ByPreset(Experiments)
