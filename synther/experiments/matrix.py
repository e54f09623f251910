"""The matrix of the benchmark: config -> runs, paths, settings, resources.

The workflow's rules and the command line ask this one module what there is to run, where it lies,
and with which settings; nothing else knows the layout of `data/`, `results/` and `figures/`.
"""

import dataclasses
import itertools
from typing import Any

from synther import config
from synther.config import specs
from synther.config.shares import Share
from synther.errors import SyntherError, unknown_name
from synther.experiments import kinds
from synther.experiments.runs import ONLINE, Run
from synther.sheets import writers

PAPER_PRESET = "paper"
FULL_ROWS = 1_000_000
FULL_FRAMES = 100_000
"""Agent steps of a rendered dataset: V-D4RL's (recalled; medium-expert there has twice as many)."""
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
        parts = [self.scale, self.part("online"), self.part("pixels")]
        parts += self.scale.get("experiments", {}).values()
        for key in ("experiments", "only", "aside"):
            for name in self.scale.get(key, []):
                config.spec(name, "experiment")  # misspelt, it would be ignored in silence
        for kind in ("dataset", "task"):
            known = config.load("datasets")[f"{kind}s"]
            for name in itertools.chain.from_iterable(part.get(f"{kind}s", []) for part in parts):
                if name not in known:
                    raise unknown_name(kind, name, known, f"preset '{preset}'")

    def plan(self, name: str) -> kinds.Plan:
        """Return what an experiment runs, and which files and words its table is made from.

        Raises:
            SyntherError: there is no such experiment, or its kind is unknown.
        """
        return kinds.plan_of(config.spec(name, "experiment")["kind"])(self, name)

    def results(self, *names: str) -> list[str]:
        """Return the paths of the agents' rows of experiments, each once."""
        return list(dict.fromkeys(file for name in names for file in self.plan(name).results()))

    def records(self, *names: str) -> list[str]:
        """Return the paths of everything else that their figures are made from, each once."""
        made = {file for name in names for file in self.plan(name).inputs()}
        return sorted(made - set(self.results(*names)))

    def table(self, name: str) -> dict[str, Any]:
        """Return what an experiment's table or figure shows, as plain data."""
        return dataclasses.asdict(self.plan(name).describe())

    def made(self) -> list[str]:
        """Return the experiments whose tables and figures the preset makes, but for those aside."""
        names = [name for name in self.specs if name not in self.scale.get("aside", [])]
        return [name for name in names if self.plan(name).is_run()]

    def all_figures(self) -> list[str]:
        """Return the files of all tables and figures."""
        return [path for name in self.made() for path in self.figures(name)]

    def sheets(self) -> dict[str, str]:
        """Return experiment -> the file of its sheet, of all that the page shows."""
        return {name: f"{self.figure(name)}.json" for name in self.made()}

    def titles(self) -> dict[str, dict[str, str]]:
        """Return "agents" and "sources" -> slug -> title, of all that the preset runs."""
        runs = [run for name in self.made() for run in self.plan(name).runs()]
        sources = dict.fromkeys(run.source for run in runs)
        return {
            "agents": {run.agent: specs.agent_spec(run.agent)["title"] for run in runs},
            "sources": {s: s if s == ONLINE else specs.source_spec(s)["title"] for s in sources},
        }

    def part(self, name: str) -> dict[str, Any]:
        """Return what the preset says of online or pixels; of all others ("") it is the preset."""
        return self.scale.get(name, {}) if name else self.scale

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

    def seed_blocks(self, part: str = "", count: int | None = None) -> list[tuple[int, ...]]:
        """Return the seeds of a part of the preset, or so many, a tuple a job."""
        scale = self.scale | self.part(part)
        seeds = range(scale["seeds"] if count is None else count)
        size = scale["seeds_per_job"]
        return [tuple(seeds[start : start + size]) for start in range(0, len(seeds), size)]

    def rows(self, dataset: str) -> int:
        """Return how many transitions a collected dataset has: a million by default."""
        return specs.collected_rows(dataset, self.preset) or FULL_ROWS

    def frames(self) -> int:
        """Return the agent steps of a rendered dataset."""
        return self.part("pixels").get("rows", FULL_FRAMES)

    def fidelity_samples(self) -> int:
        """Return how many samples of a source are measured."""
        return self.scale.get("fidelity_samples", FIDELITY_SAMPLES)

    def subset_choice(self, share: Share) -> dict[str, Any]:
        """Return what `synther subset` makes a share of a dataset with, by option."""
        choice = dict(config.load("sources")["subset"])
        choice["seed"] += share.draw
        names = ["discount"] if share.unit == "step" else ["choose", "seed"]
        choice |= {"choose": "trajectories"} if share.whole else {}
        return {share.option: share.amount, **{name: choice[name] for name in names}}

    def time_limit(self, dataset: str) -> int:
        """Return the time limit of a dataset's task, in environment steps."""
        return specs.task_spec(config.spec(dataset, "dataset")["task"])["time_limit"]

    def samples(self, source: str, part: str = "") -> int:
        """Return how many transitions a source generates; in part pixels, of latents."""
        scale = self.part(part) if part else specs.preset_scale(self.preset, source)
        return scale.get("samples", specs.source_spec(source).get("samples", 0))

    def body(self, dataset: str, agent: str) -> str:
        """Return the weights that latents are made with: those of the block with that seed.

        Raises:
            SyntherError: the preset trains no such seed.
        """
        seed = self.scale["generator_seed"]
        for block in self.seed_blocks("pixels"):
            if seed in block:
                return Run(self.preset, dataset, "real", agent, block, "pixels").body
        raise SyntherError(f"preset '{self.preset}' has generator_seed {seed}, and no such seed")

    # Where everything lies: `data/`, `results/` and `figures/` at the preset.

    def figure(self, name: str) -> str:
        """Return the path of a table or figure, without its suffix."""
        folder = "figures" if self.preset == PAPER_PRESET else f"figures/{self.preset}"
        return f"{folder}/{name}"

    def figures(self, name: str) -> list[str]:
        """Return the files of a table or figure, one a format."""
        return [self.figure(name) + suffix for suffix in writers.suffixes()]

    def page(self) -> str:
        """Return the path of the page, beside the tables and figures."""
        return f"{self.figure('report')}.html"

    def scores_file(self) -> str:
        """Return the path of the table of every seed's last score."""
        return f"results/{self.preset}/scores.csv"

    def dataset_root(self, dataset: str) -> str:
        """Return the folder that `load_dataset(dataset, root)` takes for this preset.

        Datasets made here have a preset's size, and so a folder a preset; published ones are
        shared.
        """
        kind = config.spec(dataset, "dataset")["kind"]
        return f"data/{self.preset}" if kind in ("collected", "rendered") else "data"

    def dataset_file(self, dataset: str) -> str:
        """Return the path of the file of a dataset of states."""
        return str(specs.dataset_files(dataset, self.dataset_root(dataset))[0])

    def shards(self, dataset: str) -> list[str]:
        """Return the files of a pixel dataset, V-D4RL's shards or the rendered one."""
        return [str(path) for path in specs.dataset_files(dataset, self.dataset_root(dataset))]

    def generator_folder(self, dataset: str, source: str) -> str:
        """Return the folder of a fitted generator and its samples."""
        return f"results/{self.preset}/generators/{dataset}/{source}"

    def model_folder(self, dataset: str, source: str) -> str:
        """Return the folder of the fitted generator that a source samples from."""
        return self.generator_folder(dataset, specs.fitted_source(source))

    def model_files(self, dataset: str, source: str) -> list[str]:
        """Return the files of the fitted generator that a source samples from."""
        folder = self.model_folder(dataset, source)
        return [f"{folder}/model.pt", f"{folder}/settings.json"]

    def start_states(self, dataset: str, source: str) -> list[str]:
        """Return the samples whose states a source's rollouts begin at; none where it says none."""
        spec = specs.source_spec(source)
        states = [spec["states"]] if "states" in spec else []
        return [self.training_data(dataset, specs.on_share(name, spec["share"])) for name in states]

    def fidelity_file(self, dataset: str, source: str) -> str:
        """Return the path of the measures of a source's samples; their record is beside it."""
        return f"results/{self.preset}/fidelity/{dataset}/{source}.parquet"

    def real_data(self, dataset: str, source: str) -> str:
        """Return the real transitions behind a source: the dataset, or a share of it."""
        share = specs.source_spec(source)["share"]
        if share is None:
            return self.dataset_file(dataset)
        return f"results/{self.preset}/subsets/{dataset}/{share}.npz"

    def statistics(self, dataset: str, source: str) -> str:
        """Return the real transitions whose statistics count: of one step each."""
        share = specs.source_spec(source)["share"]
        return self.real_data(dataset, "real" if share and share.unit == "step" else source)

    def training_data(self, dataset: str, source: str) -> str:
        """Return the file that an agent learns from: real transitions, samples or a mixture."""
        spec = specs.source_spec(source)
        if "generator" in spec:
            return f"{self.generator_folder(dataset, source)}/samples.npz"
        if "mix" in spec:
            return f"{self.generator_folder(dataset, source)}/mixture.npz"
        return self.real_data(dataset, source)

    def generated_source(self, source: str) -> str | None:
        """Return the source whose samples one has: itself, or a mixture's; None of real data."""
        spec = specs.source_spec(source)
        if "mix" in spec:
            return specs.on_share(spec["mix"]["with"], spec["share"])
        return source if "generator" in spec else None

    def mixed_samples(self, dataset: str, source: str) -> str:
        """Return the samples that a mixture takes its synthetic part from."""
        return self.training_data(dataset, self.generated_source(source) or source)
