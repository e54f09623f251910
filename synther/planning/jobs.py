"""The jobs of a preset, counted: the DAG of workflow/rules/ without running Snakemake."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import Any

from synther import config
from synther.errors import SyntherError, unknown_name
from synther.experiments import D4RL_ROWS, FULL_ROWS, Experiments, report_plan
from synther.planning import paths
from synther.planning.pixel_jobs import PixelJobs
from synther.planning.work import (
    Job,
    Work,
    agent_updates,
    denoiser_parameters,
    diffusion_fit,
    diffusion_samples,
)
from synther.specs import (
    agent_settings,
    agent_spec,
    collected_rows,
    fetched_policies,
    online_settings,
    source_settings,
    source_spec,
    task_spec,
)

_DENOISERS = ("diffusion", "flow", "prioritised")
"""Generators that train SynthER's network."""
_TABULAR = ("tvae", "ctgan")
_MODES, _TABULAR_COPIES = 11, 3
"""Float64 numbers that ctgan makes of one entry (at most), and how often it holds them at once."""
DEFAULTS: dict[str, Any] = {
    **{"steps": 1_000_000, "batch_size": 256, "eval_every": 5_000, "eval_episodes": 10},
    "hidden": [256, 256],
}
"""What an agent of one's own leaves out; `OfflineSettings`' defaults, by a test."""
_WIDEST = (33, 4)
"""Dimensions of a task that states none, taken wide (those of AntMaze sum up to this)."""
FIDELITY_THREADS_FROM = 20_000
"""Samples from which on measuring them takes several threads."""


class Jobs:
    """What the workflow's rules do at a preset.

    Args:
        preset: a file of config/presets/.
    """

    def __init__(self, preset: str) -> None:
        self.preset = preset
        self.experiments = Experiments(preset)
        self._pixels = PixelJobs(self.experiments.pixels())
        self._job = functools.cache(self._make)

    def job(self, rule: str, wildcards: Mapping[str, str]) -> Job:
        """Return the job of a rule, by its wildcards as in workflow/rules/."""
        return self._job(rule, tuple(sorted(wildcards.items())))

    def _make(self, rule: str, wildcards: tuple[tuple[str, str], ...]) -> Job:
        names = dict(wildcards) | {"preset": self.preset}
        home = self if hasattr(self, f"_{rule}") else self._pixels
        about: dict[str, Any] = getattr(home, f"_{rule}")(
            **{key: value for key, value in names.items() if key != "preset"}
        )
        return Job(rule, paths.outputs(rule, names), log=paths.log(rule, names), **about)

    def all_jobs(self, targets: Iterable[str] = ()) -> dict[str, Job]:
        """Return every job that targets need, themselves included, those needed first.

        Args:
            targets: experiments, or files that the workflow makes; all experiments by default.

        Returns:
            First output -> job.

        Raises:
            SyntherError: a target is neither.
        """
        found: dict[str, Job] = {}
        for path in self._files(targets):
            self._collect(path, found, set())
        return found

    def _files(self, targets: Iterable[str]) -> list[str]:
        files = []
        for target in targets or (*self.experiments.made(), self.experiments.scores_file()):
            if target in self.experiments.specs:
                files.append(self.experiments.figures(target)[0])
            elif paths.maker(target) is None:
                raise unknown_name("target", target, self.experiments.specs)
            elif paths.preset_of(target) not in (self.preset, None):
                raise SyntherError(f"{target} is not of preset '{self.preset}'")
            else:
                files.append(target)
        return files

    def _collect(self, path: str, found: dict[str, Job], seen: set[str]) -> None:
        if path in seen:
            return
        seen.add(path)
        made = paths.maker(path)
        if made is None:
            return  # a file of the user's, or of the package
        job = self.job(*made)
        if job.outputs[0] in found:
            return
        for needed in job.needs:
            self._collect(needed, found, seen)
        found[job.outputs[0]] = job

    # Each of these returns what a rule's jobs need, do and take, by the rule's wildcards.

    def _download_dataset(self, file: str) -> dict[str, Any]:
        known = config.load("datasets")["datasets"]
        spec = next((s for s in known.values() if s.get("url", "").endswith(f"/{file}.hdf5")), None)
        if spec is None:
            raise SyntherError(f"no dataset of config/datasets.yaml is the file {file}.hdf5")
        size = spec.get("bytes", self._rows_bytes(FULL_ROWS, spec["task"]))
        return {
            "needs": (),
            "memory_mb": 1000,
            "disk_bytes": size,
            "work": (Work("download_bytes", size),),
        }

    def _d4rl_policies(self, task: str) -> dict[str, Any]:
        dataset = config.load("behaviour")["d4rl"]["tasks"][task]["medium"]["dataset"]
        size = config.spec(dataset, "dataset")["bytes"]  # the medium policy is in its metadata
        return {
            "needs": (),
            "memory_mb": 2000,
            "disk_bytes": size,
            "work": (Work("download_bytes", size),),
        }

    def _collect_dataset(self, dataset: str) -> dict[str, Any]:
        spec, rows = config.spec(dataset, "dataset"), self.experiments.rows(dataset)
        return {
            "needs": tuple(fetched_policies(dataset, self.preset)),
            "memory_mb": self.experiments.memory_mb(dataset, "real"),
            "disk_bytes": self._rows_bytes(rows, spec["task"]),
            "work": (Work("env_steps", rows, spec["task"]),),
        }

    def _subset(self, dataset: str, share: str) -> dict[str, Any]:
        rows = self.transitions(dataset, "real")
        return {
            "needs": (self.experiments.dataset_file(dataset),),
            "memory_mb": self.experiments.memory_mb(dataset, "real"),
            "disk_bytes": self._rows_bytes(
                self.transitions(dataset, f"real-{share}"), self._task(dataset)
            ),
            "work": (Work("rows", rows),),
        }

    def _fit_generator(self, dataset: str, source: str) -> dict[str, Any]:
        settings = source_settings(source, dataset, self.preset)
        kind, rows = source_spec(source)["generator"], self.transitions(dataset, source)
        columns = self.columns(self._task(dataset))
        work, size = Work("rows", rows), self._rows_bytes(rows, self._task(dataset))
        memory = self.experiments.memory_mb(dataset, "real")
        if kind in _DENOISERS:
            work = diffusion_fit(settings, self._synther(), columns, rows)
            size = 2 * 4 * denoiser_parameters(settings, columns)  # trained and averaged
        elif kind in _TABULAR:
            fitted = min(settings["rows"] or rows, rows)
            work, size = Work("tabular_rows", fitted * settings["epochs"] * columns), 10e6
            memory += round(_TABULAR_COPIES * 8 * _MODES * columns * fitted / 1e6)
        return {
            "needs": (self.experiments.real_data(dataset, source),),
            "memory_mb": memory,
            "disk_bytes": size,
            "on_device": kind != "noise",
            "work": (work,),
        }

    def _sample_generator(self, dataset: str, source: str) -> dict[str, Any]:
        settings = source_settings(source, dataset, self.preset)
        kind, number = source_spec(source)["generator"], self.experiments.samples(source)
        work = Work("rows", number, count=number)
        if kind in _DENOISERS:
            columns = self.columns(self._task(dataset))
            work = diffusion_samples(kind, settings, self._synther(), columns, number)
        return {
            "needs": tuple(self.experiments.model_files(dataset, source)),
            "memory_mb": 2000,
            "disk_bytes": self._rows_bytes(number, self._task(dataset)),
            "on_device": kind != "noise",
            "work": (work,),
        }

    def _mix_sources(self, dataset: str, source: str) -> dict[str, Any]:
        number = self.experiments.samples(source)
        return {
            "needs": (
                self.experiments.real_data(dataset, source),
                self.experiments.mixed_samples(dataset, source),
            ),
            "memory_mb": self.experiments.memory_mb(dataset, source),
            "disk_bytes": self._rows_bytes(number, self._task(dataset)),
            "work": (Work("rows", number),),
        }

    def _fidelity(self, dataset: str, source: str) -> dict[str, Any]:
        number = self.experiments.fidelity_samples()
        return {
            "needs": (
                self.experiments.real_data(dataset, source),
                self.experiments.training_data(dataset, source),
            ),
            "threads": 8 if number > FIDELITY_THREADS_FROM else 1,
            "memory_mb": self.experiments.memory_mb(dataset, source),
            "work": (
                Work("pairs", number * self.transitions(dataset, source)),
                Work("env_steps", number, self._task(dataset)),
            ),
        }

    def _train_offline(
        self, dataset: str, source: str, agent: str, first: str, last: str
    ) -> dict[str, Any]:
        settings = DEFAULTS | agent_settings(agent, dataset, self.preset, source)
        seeds = int(last) - int(first) + 1
        evaluations = -(-settings["steps"] // settings["eval_every"])
        episodes = evaluations * settings["eval_episodes"] * seeds
        steps = episodes * self.experiments.time_limit(dataset)
        data = self.experiments.training_data(dataset, source)
        real = self.experiments.real_data(dataset, source)
        return {
            "needs": tuple(dict.fromkeys((data, real))),
            "memory_mb": self.experiments.memory_mb(dataset, source),
            "disk_bytes": 20.0 * episodes,
            "on_device": True,
            "work": (
                self._updates(agent, settings, settings["steps"], seeds),
                Work("env_steps", steps, self._task(dataset)),
            ),
        }

    def _train_online(self, task: str, agent: str, first: str, last: str) -> dict[str, Any]:
        settings = online_settings(agent, task, self.preset)
        seeds, steps = int(last) - int(first) + 1, settings["steps"]
        learning = max(0, steps - settings["random_steps"])
        updates = learning * settings["updates_per_step"]
        evaluations = steps // settings["eval_every"]
        episodes = evaluations * settings["eval_episodes"] * seeds
        work = [
            self._updates(agent, settings, updates, seeds),
            Work("env_steps", steps * seeds + episodes * task_spec(task)["time_limit"], task),
        ]
        if settings["synthetic_share"] > 0:
            fits = seeds * (learning // settings["retrain_every"])
            diffusion = self._synther() | settings["diffusion"]
            columns = self.columns(task)
            number = fits * settings["synthetic_samples"]
            work += [
                diffusion_fit(diffusion, self._synther(), columns, steps, fits),
                diffusion_samples("diffusion", diffusion, self._synther(), columns, number),
            ]
        return {
            "needs": (),
            "memory_mb": self.experiments.online_memory_mb(task, agent, seeds),
            "disk_bytes": 20.0 * episodes,
            "on_device": True,
            "work": tuple(work),
        }

    def _table(self, experiment: str) -> dict[str, Any]:
        return {
            "needs": tuple(self.experiments.inputs(experiment)),
            "memory_mb": 2000,
            "disk_bytes": 1e6,
            "work": (Work("tables", 1),),
        }

    def _paper_table(self, experiment: str) -> dict[str, Any]:
        return self._table(experiment)

    def _scores(self) -> dict[str, Any]:
        return {
            "needs": tuple(report_plan.results(self.experiments, self.experiments.made())),
            "memory_mb": 2000,
            "disk_bytes": 1e6,
            "work": (Work("tables", 1),),
        }

    def _updates(self, agent: str, settings: Mapping[str, Any], updates: int, seeds: int) -> Work:
        name, spec = agent, config.spec(agent, "agent")
        while "like" in spec:  # measured as the one that it is like, at that one's size
            name, spec = spec["like"], config.spec(spec["like"], "agent")
        measured = DEFAULTS | agent_spec(name)["settings"]
        return agent_updates(name, settings, measured, updates, seeds)

    def transitions(self, dataset: str, source: str) -> int:
        """Return how many real transitions a source has."""
        level = config.spec(dataset, "dataset").get("level", "")
        rows = collected_rows(dataset, self.preset) or D4RL_ROWS.get(level, FULL_ROWS)
        share = source_spec(source)["share"]
        return share.of(rows) if share else rows

    def _task(self, dataset: str) -> str:
        return config.spec(dataset, "dataset")["task"]

    @staticmethod
    def columns(task: str) -> int:
        """Return the columns of a task's transitions: (s, a, r, s', terminal)."""
        observation, action = task_spec(task).get("dimensions", _WIDEST)
        return 2 * observation + action + 2

    def _rows_bytes(self, rows: float, task: str) -> float:
        return 4.0 * rows * self.columns(task)

    @staticmethod
    def _synther() -> dict[str, Any]:
        """The settings at which the diffusion model's rates are measured."""
        return source_spec("synther")["settings"]
