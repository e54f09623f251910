"""The matrix of the benchmark: config -> runs, paths, settings, resources.

The workflow's rules and the command line ask this one module what there is to run, where it lies,
and with which settings; nothing else knows the layout of `data/`, `results/` and `figures/`.
"""

from __future__ import annotations

import fnmatch
import itertools
from collections.abc import Iterable
from typing import Any

from synther import config
from synther.errors import NotRunError, SyntherError, unknown_name
from synther.experiments import budget, fidelity_plan, online_plan, pixel_plan, summary_plan
from synther.experiments.runs import Run
from synther.specs import (
    agent_settings,
    agent_spec,
    collected_rows,
    fitted_source,
    preset_scale,
    source_spec,
    task_spec,
)

FIGURE_FORMATS = ("pdf", "png", "csv", "tex", "md")
PAPER_PRESET = "paper"
FULL_ROWS = 1_000_000
D4RL_ROWS = {"medium-expert": 2_000_000, "medium-replay": 400_000}
"""Transitions of D4RL's levels that do not have a million, roughly."""
FIDELITY_SAMPLES = 100_000
"""Samples that are measured (the paper's number, recalled)."""


class Experiments:
    """What a preset runs, and where everything lies, relative to the repository's root.

    Args:
        preset: a file of config/presets/.
    """

    def __init__(self, preset: str) -> None:
        self.preset = preset
        self.scale = config.load_preset(preset)
        every = config.load("experiments")["experiments"]
        self.specs = {name: every[name] for name in every if name in self.scale.get("only", every)}
        known = config.load("datasets")["datasets"]
        parts = [self.scale, *self.scale.get("experiments", {}).values()]
        for name in itertools.chain.from_iterable(part.get("datasets", []) for part in parts):
            if name not in known:
                raise unknown_name("dataset", name, known, f"preset '{preset}'")

    def experiment(self, name: str) -> dict[str, Any]:
        """Return the entry of config/experiments.yaml."""
        return config.spec(name, "experiment")

    def online(self, name: str) -> online_plan.OnlinePlan | None:
        """Return what is asked of an experiment whose agents learn online, or None of another."""
        spec = self.experiment(name)
        if spec["kind"] not in online_plan.KINDS:
            return None
        self._scaled(name)
        return online_plan.OnlinePlan(self.preset, self.scale, name, spec)

    def online_memory_mb(self, task: str, agent: str, seeds: int) -> int:
        """Estimate the memory of an online job."""
        return online_plan.OnlinePlan(self.preset, self.scale, "", {}).memory_mb(task, agent, seeds)

    def pixels(self, name: str = "") -> pixel_plan.PixelPlan:
        """Return what is asked of an experiment whose agents see pixels, or of any such."""
        spec = None
        if name:
            self._scaled(name)
            spec = self.experiment(name)
        return pixel_plan.PixelPlan(self.preset, self.scale, name, spec)

    def _require_difference(self, name: str, small: str, large: str) -> None:
        """Check that the preset does not scale the difference of two agents away."""
        for dataset in itertools.chain.from_iterable(self.datasets(name).values()):
            sides = [agent_settings(agent, dataset, self.preset) for agent in (small, large)]
            if sides[0] == sides[1]:
                raise SyntherError(
                    f"'{small}' and '{large}' of experiment '{name}' are the same at preset "
                    f"'{self.preset}': give one of them its own settings in the preset's per_agent"
                )

    def figures(self, name: str) -> list[str]:
        """Return the files of a table or figure, one a format."""
        folder = "figures" if self.preset == PAPER_PRESET else f"figures/{self.preset}"
        return [f"{folder}/{name}.{suffix}" for suffix in FIGURE_FORMATS]

    def is_run(self, name: str) -> bool:
        """Return whether the preset runs anything of an experiment."""
        spec = self.experiment(name)
        if name not in self.specs:
            return False
        if spec["kind"] in summary_plan.LAYOUTS:
            return any(self.is_run(other) for other in spec["of"])
        if spec["kind"] in summary_plan.KINDS:
            return True  # the table of claims says of each whether it was run
        try:
            return bool(self.inputs(name))
        except NotRunError:
            return False

    def made(self) -> list[str]:
        """Return the experiments whose tables and figures the preset makes."""
        return [name for name in self.specs if self.is_run(name)]

    def all_figures(self) -> list[str]:
        """Return the files of all tables and figures."""
        return [path for name in self.made() for path in self.figures(name)]

    def scores_file(self) -> str:
        """Return the path of the table of every seed's last score."""
        return f"results/{self.preset}/scores.csv"

    def datasets(self, name: str) -> dict[str, list[str]]:
        """Return an experiment's datasets by group: the paper's names of those that are run."""
        chosen = self._scaled(name).get("datasets", self.scale.get("datasets"))
        groups = {}
        for group, names in self.experiment(name)["datasets"].items():
            for dataset in names:
                config.spec(dataset, "dataset")
            kept = [n for n in names if chosen is None or n in chosen]
            if kept:
                groups[group] = kept
        if not groups:
            raise NotRunError(
                f"preset '{self.preset}' runs no dataset of experiment '{name}': add one of them "
                f"to the preset's datasets, or to its experiments.{name}.datasets"
            )
        return groups

    def _scaled(self, name: str) -> dict[str, Any]:
        """Return what the preset says of one experiment."""
        for entry in (*self.scale.get("experiments", {}), *self.scale.get("only", [])):
            self.experiment(entry)  # misspelt, it would be ignored in silence
        if name not in self.specs:
            raise NotRunError(
                f"preset '{self.preset}' leaves experiment '{name}' out: add it to the preset's "
                "`only`"
            )
        return self.scale.get("experiments", {}).get(name, {})

    def percents(self, name: str) -> list[int]:
        """Return the shares of the data that an experiment runs on; empty where on all of it."""
        wanted = self.experiment(name).get("percents", [])
        chosen = self._scaled(name).get("percents")
        return [p for p in wanted if chosen is None or p in chosen]

    def sources(self, name: str) -> list[str]:
        """Return the sources that an experiment runs: for a curve, one a share of the data."""
        spec = self.experiment(name)
        whole = fidelity_plan.run(spec, self._scaled(name).get("sources"), self.preset)
        if "percents" not in spec:
            return whole
        points = [f"{s}-{percent}pct" for s in whole for percent in self.percents(name)]
        return [*points, *spec.get("reference", [])]

    def agents(self, name: str) -> list[str]:
        """Return the agents of an experiment that are run, those that learn online excepted."""
        every = self.experiment(name).get("agents", [])
        chosen = self._scaled(name).get("agents", every)
        for agent in chosen:
            if agent not in every:
                raise unknown_name("agent", agent, every, f"preset '{self.preset}'")
        return [agent for agent in every if agent in chosen]

    def run_name(self, dataset: str) -> str:
        """Return the dataset that is run for the paper's: itself, or its local stand-in."""
        if self.scale.get("stand_ins", "none") == "none":
            return dataset
        local = [
            name
            for name, spec in config.load("datasets")["datasets"].items()
            if spec.get("stands_for") == dataset
        ]
        if not local:
            raise SyntherError(
                f"preset '{self.preset}' runs local stand-ins, and {dataset} has none: leave it "
                "out of the preset's datasets, or add one to config/datasets.yaml"
            )
        return local[0]

    def seed_blocks(self) -> list[tuple[int, ...]]:
        """Return the seeds, a tuple a job."""
        seeds = range(self.scale["seeds"])
        size = self.scale["seeds_per_job"]
        return [tuple(seeds[start : start + size]) for start in range(0, len(seeds), size)]

    def _runs_on(self, name: str, agent: str, dataset: str) -> bool:
        """Return whether an experiment has this agent on this dataset (its `skip` says if not)."""
        patterns = self.experiment(name).get("skip", {}).get(agent, [])
        return not any(fnmatch.fnmatchcase(dataset, pattern) for pattern in patterns)

    def runs(self, name: str) -> list[Run]:
        """Return all offline training jobs of an experiment."""
        spec = self.experiment(name)
        if "datasets" not in spec or spec["kind"] in pixel_plan.KINDS:
            return []
        agents = self.agents(name)
        for agent in agents:
            agent_spec(agent)
        for source in self.sources(name):
            source_spec(source)
        return [
            Run(self.preset, self.run_name(dataset), source, agent, seeds)
            for names in self.datasets(name).values()
            for dataset in names
            for source in self.sources(name)
            for agent in agents
            if self._runs_on(name, agent, dataset)
            for seeds in self.seed_blocks()
        ]

    def results(self, name: str) -> list[str]:
        """Return the paths of an experiment's results."""
        if plan := self.online(name):
            return [run.result for run in plan.runs()]
        if (kind := self.experiment(name)["kind"]) in pixel_plan.KINDS:
            return [run.result for run in self.pixels(name).runs()]
        if kind in summary_plan.KINDS:
            return summary_plan.results(self, name)
        return [run.result for run in self.runs(name)]

    def inputs(self, name: str) -> list[str]:
        """Return the paths of all files that an experiment's table or figure is made from."""
        if plan := self.online(name):
            return [path for run in plan.runs() for path in (run.result, run.record)]
        measures = self.experiment(name)["kind"] in fidelity_plan.LAYOUTS
        besides = fidelity_plan.paths if measures else summary_plan.paths
        return [*self.results(name), *besides(self, name)]

    def dataset_root(self, dataset: str) -> str:
        """Return the folder that `load_dataset(dataset, root)` takes for this preset.

        Collected datasets have a preset's size, and so a folder a preset; D4RL's are shared.
        """
        kind = config.spec(dataset, "dataset")["kind"]
        return f"data/{self.preset}" if kind == "collected" else "data"

    def dataset_file(self, dataset: str) -> str:
        """Return the path of a dataset's file."""
        spec, root = config.spec(dataset, "dataset"), self.dataset_root(dataset)
        if spec["kind"] == "collected":
            return f"{root}/local/{dataset}.hdf5"
        return f"{root}/d4rl/{spec['url'].rpartition('/')[2]}"

    def generator_folder(self, dataset: str, source: str) -> str:
        """Return the folder of a fitted generator and its samples."""
        return f"results/{self.preset}/generators/{dataset}/{source}"

    def model_folder(self, dataset: str, source: str) -> str:
        """Return the folder of the fitted generator that a source samples from."""
        return self.generator_folder(dataset, fitted_source(source))

    def model_files(self, dataset: str, source: str) -> list[str]:
        """Return the files of the fitted generator that a source samples from."""
        folder = self.model_folder(dataset, source)
        return [f"{folder}/model.pt", f"{folder}/settings.json"]

    def fidelity_file(self, dataset: str, source: str) -> str:
        """Return the path of the measures of a source's samples; their record is beside it."""
        return f"results/{self.preset}/fidelity/{dataset}/{source}.parquet"

    def fidelity_samples(self) -> int:
        """Return how many samples of a source are measured."""
        return self.scale.get("fidelity_samples", FIDELITY_SAMPLES)

    def real_data(self, dataset: str, source: str) -> str:
        """Return the real transitions behind a source: the dataset, or a share of it."""
        percent = source_spec(source)["percent"]
        if percent is None:
            return self.dataset_file(dataset)
        return f"results/{self.preset}/subsets/{dataset}/{percent}pct.npz"

    def subset_choice(self) -> dict[str, Any]:
        """Return how shares of a dataset are chosen: "choose" and "seed"."""
        return config.load("sources")["subset"]

    def training_data(self, dataset: str, source: str) -> str:
        """Return the file that an agent learns from: real transitions, samples or a mixture."""
        spec = source_spec(source)
        if "generator" in spec:
            return f"{self.generator_folder(dataset, source)}/samples.npz"
        if "mix" in spec:
            return f"{self.generator_folder(dataset, source)}/mixture.npz"
        return self.real_data(dataset, source)

    def mixed_samples(self, dataset: str, source: str) -> str:
        """Return the samples that a mixture takes its synthetic part from."""
        spec = source_spec(source)
        suffix = f"-{spec['percent']}pct" if spec["percent"] else ""
        return self.training_data(dataset, spec["mix"]["with"] + suffix)

    def rows(self, dataset: str) -> int:
        """Return how many transitions a collected dataset has: a million by default."""
        return collected_rows(dataset, self.preset) or FULL_ROWS

    def time_limit(self, dataset: str) -> int:
        """Return the time limit of a dataset's task, in environment steps."""
        return task_spec(config.spec(dataset, "dataset")["task"])["time_limit"]

    def samples(self, source: str) -> int:
        """Return how many transitions a source generates."""
        scale = preset_scale(self.preset, source)
        return scale.get("samples", source_spec(source).get("samples", 0))

    def memory_mb(self, dataset: str, source: str) -> int:
        """Estimate a job's memory: its transitions thrice (file, table, copies), and the rest."""
        level = config.spec(dataset, "dataset").get("level", "")
        rows = collected_rows(dataset, self.preset) or D4RL_ROWS.get(level, FULL_ROWS)
        if "generator" in source_spec(source) or "mix" in source_spec(source):
            rows += self.samples(source)
        return 1000 + 3 * rows * _WIDEST_ROW * 4 // 1_000_000

    def table(self, name: str) -> dict[str, Any]:
        """Return the description that `synther.analysis` makes a table or figure from."""
        spec = self.experiment(name)
        common = {
            "kind": spec["kind"],
            "name": name,
            "title": spec["title"],
            "preset": self.preset,
            "is_paper_protocol": self.scale["protocol"] == "paper",
            "is_evidence": self.scale["evidence"],
            "banner": self.scale.get("banner", ""),
            "bootstrap_reps": self.scale["bootstrap_reps"],
            "seed": 0,
        }
        if plan := self.online(name):
            return common | plan.describe()
        if spec["kind"] in pixel_plan.KINDS:
            return common | self.pixels(name).describe()
        if spec["kind"] in summary_plan.KINDS:
            return common | summary_plan.describe(self, name)
        groups = self.datasets(name)
        measures = spec["kind"] in fidelity_plan.LAYOUTS
        for kind, key in () if measures else (("agent", "agents"), ("source", "variants")):
            for entry in spec.get("paper", {}).get(key, {}):  # misspelt, it would be ignored
                if entry not in spec[f"{kind}s"]:
                    where = f"experiment '{name}', paper.{key}"
                    raise unknown_name(kind, entry, spec[f"{kind}s"], where)
        rows = {
            group: [{"name": self.run_name(n), "paper_name": n} for n in names]
            for group, names in groups.items()
        }
        common |= {
            "budget": budget.describe(self, name),
            "agents": {agent: agent_spec(agent)["title"] for agent in self.agents(name)},
            "physics": _physics(itertools.chain.from_iterable(groups.values())),
        }
        if measures:
            return common | fidelity_plan.describe(self, name)
        whole = fidelity_plan.run(spec, self._scaled(name).get("sources"), self.preset)
        titles = {source: source_spec(source)["title"] for source in whole}
        if spec["kind"] == "curve":
            return common | {
                "panels": [row for group in rows.values() for row in group],
                "series": titles,
                "percents": self.percents(name),
                "reference": {
                    s: f"{source_spec(s)['title']}, all of it" for s in spec.get("reference", [])
                },
            }
        for small, large in spec.get("scaling", {}).get("pairs", {}).items():
            self._require_difference(name, small, large)
        return common | {
            "groups": rows,
            "sources": titles,
            "paper": spec.get("paper"),
            "scaling": spec.get("scaling"),
        }


def _physics(datasets: Iterable[str]) -> str:
    """Say in words how true the simulators are that datasets are judged in."""
    words = "that of D4RL's recordings, to rounding"
    if any(name.startswith("antmaze-") for name in datasets):
        return f"{words}; AntMaze's to 1e-5 a step"
    return words


def preset_experiments(default: str) -> config.ByPreset[Experiments]:
    """Return the experiments of every preset by name.

    Raises:
        SyntherError: `default` is no preset.
    """
    config.load_preset(default)
    return config.ByPreset(Experiments)


_WIDEST_ROW = 70
"""Columns of the widest transitions (AntMaze: 2 * 29 + 8 + 2, and padding)."""
