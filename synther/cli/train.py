"""Verbs that train agents: on transitions, in their environment, on what a camera sees."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from synther.cli import options
from synther.config import specs
from synther.config.settings import resolve
from synther.errors import SyntherError
from synther.jobs.files import claimed, read_json
from synther.training.job import TrainingJob, parse_seeds

if TYPE_CHECKING:
    from synther.training.results import ResultRows

Job = TypeVar("Job", bound=TrainingJob)


def nested(assignments: dict[str, Any]) -> dict[str, Any]:
    """Return `{"diffusion.width": 64}` as `{"diffusion": {"width": 64}}`; other keys stay."""
    settings: dict[str, Any] = {}
    for key, value in assignments.items():
        for part in reversed(key.split(".")):
            value = {part: value}
        settings = specs.layered(settings, value)
    return settings


class Training(options.Scaling, options.Computing):
    """How agents are trained, and where."""

    def agent(self, name: str, verb: str, settings: dict[str, Any]) -> dict[str, Any]:
        """Return an agent's name, module, and typed settings: those given, and --set over them.

        Raises:
            SyntherError: another verb trains the agent, or a setting is unknown or unfit.
        """
        from synther.agents import load_agent_class
        from synther.agents.base import OnlineSettings
        from synther.agents.pixels import PixelSettings

        module = specs.agent_spec(name)["module"]
        kind = load_agent_class(module).Settings
        what, its_verb = "is an offline agent", "train"
        if issubclass(kind, PixelSettings):
            what, its_verb = "sees pixels", "pixels"
        elif issubclass(kind, OnlineSettings):
            what, its_verb = "is an online agent", "online"
        if its_verb != verb:
            raise SyntherError(f"{name} {what}: train it with `synther {its_verb}`")
        chosen = specs.layered(settings, nested(self.parsed()))
        typed: Any = resolve(kind, chosen, where=f"agent '{name}'")
        return {"agent": name, "module": module, "settings": typed}

    def result(self, task: str, seeds: str, out: Path) -> dict[str, Any]:
        """Return the fields that every job has but its agent and its device."""
        limits = specs.task_spec(task)
        return {
            "task": task,
            "seeds": parse_seeds(seeds),
            "out": options.require_suffix(out, ".parquet"),
            "reference": (limits["reference_min"], limits["reference_max"]),
            "preset": self.preset or "none",
            "threads": self.threads,
        }


def _run(job: Job, train: Callable[[Job], ResultRows]) -> None:
    """Train, and print to stderr where the result is, and its last mean score over seeds."""
    with claimed(job.out):
        rows = train(job)
    print(f"{job.out}: score {rows.last_score:.1f} over {rows.seeds} seeds", file=sys.stderr)


def _source(data: Path) -> str:
    """Return what a model was fitted as."""
    record = data / "fit.json"
    known = read_json(record).get("source") if record.is_file() else None
    return known if isinstance(known, str) else "synther"


class Train(options.Verb):
    """Train agents offline; every evaluation episode is a row of the result."""

    task: str | None = None  # what evaluates the agents; the dataset's task by default
    data: Path
    """transitions to learn from: .npz, .hdf5, or a model (a folder, or the authors' .pt)"""
    num: options.Count | None = None  # transitions drawn from a model; 5,000,000
    sample_seed: options.Seed | None = None  # of the noise of these; 0
    statistics_from: Path | None = None
    """the real dataset, for state statistics; --data by default"""
    agent: str = "td3_bc"  # a name of config/agents.yaml
    seeds: str = "0-7"  # 0-7, 3, or 0,2,5-6
    out: Path  # the result: .parquet, with .json beside it
    dataset: str | None = None
    """the dataset whose settings apply; that of the real rows' file name, else none's"""
    source: str | None = None
    """what the rows' column `source` says; real, or as a model was fitted"""
    physics: str = "d4rl"  # d4rl or stock
    reading: options.Rows
    training: Training

    def __call__(self) -> None:
        device = self.training.choose()
        from synther.datasets import dataset_of_file
        from synther.generators import is_model
        from synther.training.offline import OfflineJob, train_offline

        model, statistics = is_model(self.data), self.statistics_from or self.data
        # A misspelt name would take the wrong settings, or stand in the rows for good.
        told = options.told_task(self.task, self.dataset)
        dataset = self.dataset or dataset_of_file(statistics)
        task = told or options.require_task(None, dataset)
        if not model and (self.num, self.sample_seed) != (None, None):
            raise SyntherError(
                f"--num and --sample-seed draw from a model, and --data {self.data} is none: leave "
                "them out, or give the model's folder or model-STEP.pt"
            )
        source = self.source or (_source(self.data) if model else "real")
        made = model or {"generator", "mix"} & specs.source_spec(source).keys()
        if made and self.statistics_from is None:
            raise SyntherError(
                f"source '{source}' is made from a dataset: name that in --statistics-from, as "
                "states and rewards are scaled by the real rows"
            )
        settings = specs.agent_settings(self.agent, dataset or task, self.training.preset, source)
        job = OfflineJob(
            **self.training.agent(self.agent, "train", settings),
            **self.training.result(task, self.seeds, self.out),
            **vars(self.reading),
            data=self.data,
            statistics_from=statistics,
            time_limit=specs.task_spec(task)["time_limit"],
            dataset=dataset or task,
            source=source,
            physics=self.physics,
            samples=(self.num or 5_000_000) if model else 0,
            sample_seed=self.sample_seed or 0,
            device=device,
        )
        _run(job, train_offline)


class Online(options.Verb):
    """Train agents online; every evaluation episode is a row of the result."""

    task: str  # hopper, dmc-cheetah-run, ...
    agent: str = "sac"  # an online agent of config/agents.yaml
    seeds: str = "0-5"  # 0-5, 3, or 0,2,5-6
    out: Path  # the result: .parquet, with .json beside it
    physics: str = "d4rl"  # d4rl or stock; dmc tasks have their own
    training: Training

    def __call__(self) -> None:
        device = self.training.choose()
        from synther.training.online import OnlineJob, train_online

        settings = specs.online_settings(self.agent, self.task, self.training.preset)
        job = OnlineJob(
            **self.training.agent(self.agent, "online", settings),
            **self.training.result(self.task, self.seeds, self.out),
            time_limit=specs.task_spec(self.task)["time_limit"],
            physics=self.physics,
            device=device,
        )
        _run(job, train_online)


class _Frames(options.Options):
    """What agents that see pixels learn from."""

    dataset: str | None = None  # a pixel dataset of config/datasets.yaml
    data: options.Paths = ()  # shards (.hdf5); the dataset's by default
    root: Path = Path("data")  # folder of datasets
    agent: str = "drq_bc"  # drq_bc, pixel_bc
    body_seed: options.Number = 0  # which seed's of the encoder's weights
    training: Training

    def shards(self) -> tuple[Path, ...]:
        """Return the shards: --data, or the dataset's, fetched where they are not there."""
        if self.data:
            return self.data
        if not self.dataset:
            raise SyntherError("give --dataset, or --data with its shards")
        from synther.datasets.vd4rl import pixel_files

        return tuple(pixel_files(self.dataset, self.root))

    def fields(self) -> dict[str, Any]:
        """Return the agent's, as jobs have them."""
        settings = specs.pixel_settings(self.agent, self.dataset or "", self.training.preset)
        return self.training.agent(self.agent, "pixels", settings)


class Pixels(_Frames, options.Verb):
    """Train agents on frames; every evaluation episode is a row of the result."""

    task: str | None = None  # what evaluates the agents; the dataset's task by default
    seeds: str = "0-5"  # 0-5, 3, or 0,2,5-6
    latents: Path | None = None  # train the heads alone, on these transitions: .npz
    body: Path | None = None  # weights (.pt) of the encoder that made them
    source: str = "real"  # what the rows' column `source` says
    out: Path  # the result: .parquet, with .json beside it
    reading: options.Terminals

    def __call__(self) -> None:
        device = self.training.choose()
        from synther.training.pixels import PixelJob, train_pixels

        if bool(self.latents) != bool(self.body):
            raise SyntherError("--latents and --body belong together: give both, or neither")
        task = options.require_task(self.task, self.dataset)  # misspelt, it takes wrong settings
        specs.source_spec(self.source)
        job = PixelJob(
            **self.fields(),
            **self.training.result(task, self.seeds, self.out),
            **vars(self.reading),
            data=(self.latents,) if self.latents else self.shards(),
            body=self.body,
            body_seed=self.body_seed,
            dataset=self.dataset or task,
            source=self.source,
            device=device,
        )
        _run(job, train_pixels)


class Encode(_Frames, options.Verb):
    """Encode frames."""

    body: Path  # weights (.pt) that `synther pixels` left
    out: Path  # the .npz file

    def __call__(self) -> None:
        device = self.training.choose()
        from synther.training.pixels import encode_dataset

        made = self.fields()
        del made["agent"]
        with claimed(options.require_suffix(self.out, ".npz")):
            found = encode_dataset(
                self.shards(),
                self.body,
                self.body_seed,
                **made,
                out=self.out,
                device=device,
                task=options.told_task(None, self.dataset),
            )
        print(f"{self.out}: {len(found):,} transitions", file=sys.stderr)
