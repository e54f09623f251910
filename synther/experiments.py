"""The matrix of the benchmark: config -> runs, paths, settings, resources.

The workflow's rules and the command line ask this one module what there is to run, where it lies,
and with which settings; nothing else knows the layout of `data/`, `results/` and `figures/`.
"""

from __future__ import annotations

import fnmatch
import functools
from dataclasses import dataclass
from typing import Any

from synther import config
from synther.errors import SyntherError, unknown_name

FIGURE_FORMATS = ("pdf", "png", "csv", "tex", "md")
PAPER_PRESET = "paper"
FULL_ROWS = 1_000_000


@dataclass(frozen=True)
class Run:
    """One training job: seeds of one agent that learn from one source of one dataset."""

    preset: str
    dataset: str
    source: str
    agent: str
    seeds: tuple[int, ...]

    @property
    def result(self) -> str:
        """Path of the run's rows; its resolved configuration stands beside it as `.json`."""
        return (
            f"results/{self.preset}/offline/{self.dataset}/{self.source}/{self.agent}/"
            f"seeds-{self.seeds[0]}-{self.seeds[-1]}.parquet"
        )


def dataset_settings(spec: dict[str, Any], dataset: str) -> dict[str, Any]:
    """Return an agent's or source's settings for a dataset: its own, then matching patterns'."""
    name = stands_for(dataset)
    merged = dict(spec.get("settings", {}))
    for pattern, settings in spec.get("datasets", {}).items():
        if fnmatch.fnmatchcase(name, pattern):
            merged |= settings
    return merged


def stands_for(dataset: str) -> str:
    """Return the D4RL dataset that a collected one stands for; another name is returned as is."""
    spec = config.load("datasets")["datasets"].get(dataset, {})
    return spec.get("stands_for", dataset)


def agent_settings(agent: str, dataset: str, preset: str | None = None) -> dict[str, Any]:
    """Return an agent's settings on a dataset, scaled by a preset where one is given."""
    settings = dataset_settings(config.spec(agent, "agent"), dataset)
    return settings | (config.load_preset(preset).get("agents", {}) if preset else {})


def source_settings(source: str, dataset: str, preset: str | None = None) -> dict[str, Any]:
    """Return the settings of a source's generator for a dataset, scaled by a preset if given.

    Raises:
        SyntherError: the source is the dataset itself and has no generator.
    """
    spec = config.spec(source, "source")
    if "generator" not in spec:
        raise SyntherError(f"source '{source}' has no generator: its data are the dataset's own")
    settings = dataset_settings(spec, dataset)
    scale = config.load_preset(preset).get("generators", {}) if preset else {}
    return settings | scale.get(spec["generator"], {})


@functools.cache
def task_spec(task: str) -> dict[str, Any]:
    """Return a task's reference returns and time limit (config/datasets.yaml)."""
    tasks = config.load("datasets")["tasks"]
    if task not in tasks:
        raise unknown_name("task", task, tasks, str(config.config_dir() / "datasets.yaml"))
    return tasks[task]


class Experiments:
    """What a preset runs, and where everything lies, relative to the repository's root.

    Args:
        preset: a file of config/presets/.
    """

    def __init__(self, preset: str) -> None:
        self.preset = preset
        self.scale = config.load_preset(preset)
        self.specs = config.load("experiments")["experiments"]
        known = config.load("datasets")["datasets"]
        for name in self.scale.get("datasets", []):
            if name not in known:
                raise unknown_name("dataset", name, known, f"preset '{preset}'")

    def experiment(self, name: str) -> dict[str, Any]:
        """Return the entry of config/experiments.yaml."""
        return config.spec(name, "experiment")

    def figures(self, name: str) -> list[str]:
        """Return the files of a table or figure, one a format."""
        folder = "figures" if self.preset == PAPER_PRESET else f"figures/{self.preset}"
        return [f"{folder}/{name}.{suffix}" for suffix in FIGURE_FORMATS]

    def all_figures(self) -> list[str]:
        """Return the files of all tables and figures."""
        return [path for name in self.specs for path in self.figures(name)]

    def datasets(self, name: str) -> dict[str, list[str]]:
        """Return an experiment's datasets by group: the paper's names of those that are run."""
        chosen = self.scale.get("datasets")
        groups = {}
        for group, names in self.experiment(name)["datasets"].items():
            for dataset in names:
                config.spec(dataset, "dataset")
            kept = [n for n in names if chosen is None or n in chosen]
            if kept:
                groups[group] = kept
        return groups

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

    def runs(self, name: str) -> list[Run]:
        """Return all training jobs of an experiment."""
        spec = self.experiment(name)
        for kind in ("agent", "source"):
            for entry in spec[f"{kind}s"]:
                config.spec(entry, kind)
        return [
            Run(self.preset, self.run_name(dataset), source, agent, seeds)
            for names in self.datasets(name).values()
            for dataset in names
            for source in spec["sources"]
            for agent in spec["agents"]
            for seeds in self.seed_blocks()
        ]

    def results(self, name: str) -> list[str]:
        """Return the paths of an experiment's results."""
        return [run.result for run in self.runs(name)]

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

    def training_data(self, dataset: str, source: str) -> str:
        """Return the file that an agent learns from: the dataset's own, or a source's samples."""
        if "generator" not in config.spec(source, "source"):
            return self.dataset_file(dataset)
        return f"{self.generator_folder(dataset, source)}/samples.npz"

    def rows(self) -> int:
        """Return how many transitions a collected dataset has: as many as D4RL's by default."""
        return self.scale.get("rows", FULL_ROWS)

    def time_limit(self, dataset: str) -> int:
        """Return the time limit of a dataset's task, in environment steps."""
        return task_spec(config.spec(dataset, "dataset")["task"])["time_limit"]

    def samples(self, source: str) -> int:
        """Return how many transitions a source generates."""
        return self.scale.get("samples", config.spec(source, "source").get("samples", 0))

    def memory_mb(self, dataset: str, source: str) -> int:
        """Estimate a job's memory: its transitions thrice (file, table, copies), and the rest."""
        spec = config.spec(dataset, "dataset")
        rows = self.scale.get("rows") or _D4RL_ROWS.get(spec.get("level", ""), 1_000_000)
        if "generator" in config.spec(source, "source"):
            rows += self.samples(source)
        return 1000 + 3 * rows * _WIDEST_ROW * 4 // 1_000_000

    def table(self, name: str) -> dict[str, Any]:
        """Return what `synther.analysis.spec.TableSpec.from_dict` takes."""
        spec, groups = self.experiment(name), self.datasets(name)
        titles = {agent: config.spec(agent, "agent")["title"] for agent in spec["agents"]}
        sources = {s: config.spec(s, "source").get("title", s) for s in spec["sources"]}
        return {
            "name": name,
            "title": spec["title"],
            "preset": self.preset,
            "budget": self.budget(name),
            "is_paper_protocol": self.scale["protocol"] == "paper",
            "groups": {
                group: [{"name": self.run_name(n), "paper_name": n} for n in names]
                for group, names in groups.items()
            },
            "agents": titles,
            "sources": sources,
            "paper": spec.get("paper"),
            "bootstrap_reps": self.scale["bootstrap_reps"],
            "seed": 0,
        }

    def budget(self, name: str) -> str:
        """Describe in words what an experiment spends: seeds, updates, transitions, samples."""
        spec, groups = self.experiment(name), self.datasets(name)
        datasets = [dataset for names in groups.values() for dataset in names]
        everything = sum(len(names) for names in spec["datasets"].values())
        steps = sorted(
            {agent_settings(a, d, self.preset)["steps"] for a in spec["agents"] for d in datasets}
        )
        parts = [
            f"{self.scale['seeds']} seeds",
            f"{' or '.join(f'{n:,}' for n in steps)} updates",
        ]
        if "rows" in self.scale:
            parts.append(f"{self.scale['rows']:,} transitions a dataset")
        for source in spec["sources"]:
            if "generator" in config.spec(source, "source"):
                settings = source_settings(source, datasets[0], self.preset)
                fitted = f", {settings['steps']:,} steps" if "steps" in settings else ""
                wide = f", width {settings['width']:,}" if "width" in settings else ""
                parts.append(f"{source}: {self.samples(source):,} samples{wide}{fitted}")
        parts.append(
            f"all {everything} datasets"
            if len(datasets) == everything
            else f"{len(datasets)} of {everything} datasets"
        )
        return "; ".join(parts)


def preset_experiments(default: str) -> dict[str, Experiments]:
    """Return the experiments of every preset by name.

    Raises:
        SyntherError: `default` is no preset.
    """
    config.load_preset(default)
    return {name: Experiments(name) for name in config.preset_names()}


_WIDEST_ROW = 70
"""Columns of the widest transitions (AntMaze: 2 * 29 + 8 + 2, and padding)."""
_D4RL_ROWS = {"medium-expert": 2_000_000, "medium-replay": 400_000}
