"""Verbs that make datasets: download, policies, collect, render, behaviour, subset, mix."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

from tyro.conf import create_mutex_group

from synther import config
from synther.cli import options
from synther.config.specs import dataset_files, policies_folder, task_spec
from synther.errors import SyntherError, unknown_name
from synther.experiments import FULL_FRAMES, FULL_ROWS, Experiments
from synther.jobs import provenance
from synther.jobs.files import claimed, describe_input, require_writable, sha256, write_json
from synther.jobs.threads import grant

if TYPE_CHECKING:
    from synther.transitions import Transitions

_PART = create_mutex_group(required=True)


class Download(options.Verb):
    """Fetch a published dataset."""

    dataset: str  # a name of config/datasets.yaml
    root: Path = Path("data")  # folder of datasets
    shard: str | None = None  # path of the only shard of V-D4RL's that is wanted

    def __call__(self) -> None:
        from synther.datasets import fetch
        from synther.datasets.download import download_shards

        if config.spec(self.dataset, "dataset")["kind"] == "vd4rl":
            for path in download_shards(self.dataset, self.root, self.shard):
                print(path)
            return
        if self.shard:
            raise SyntherError(f"{self.dataset} is one file, without shards: leave --shard out")
        print(fetch(self.dataset, self.root))


class Policies(options.Verb):
    """Fetch D4RL's own behaviour policies."""

    task: str  # hopper, halfcheetah or walker2d
    out: Path  # folder of policies and returns.json
    root: Path = Path("data")  # folder of datasets

    def __call__(self) -> None:
        from synther.datasets.d4rl_policies import fetch_policies

        with claimed(self.out / "returns.json"):
            record = fetch_policies(self.task, self.out, self.root)
        print(f"{self.out}: {len(record['returns'])} policies", file=sys.stderr)


class _RollOut(options.Threads):
    """A dataset of config/datasets.yaml, or a task and a level, that behaviour policies make."""

    dataset: str | None = None  # one of config/datasets.yaml that is made so
    task: str | None = None  # hopper, dmc-walker-walk-repeat2, ...; the dataset's by default
    level: str | None = None  # random, medium, medium-replay, ...; the dataset's
    rows: options.Number | None = None
    """steps; the preset's, or 1,000,000 of states, 100,000 of frames"""
    policies: Path | None = None  # folder of policies; the package's own
    seed: options.Seed = 0  # of starts and actions
    out: Path | None = None  # the HDF5 file; where a dataset's is looked for
    preset: str | None = None  # scale rows and policies by config/presets/PRESET.yaml

    def of_dataset(self, kind: str, instead: str) -> Self:
        """Return what is asked with the dataset's task, level and file, where it names one.

        Raises:
            SyntherError: the dataset is of another kind; `instead` says so, after its name.
        """
        if not self.dataset:
            return self
        spec = config.spec(self.dataset, "dataset")
        if spec["kind"] != kind:
            raise SyntherError(f"{self.dataset} {instead.format(kind=spec['kind'])}")
        return replace(
            self,
            task=options.told_task(self.task, self.dataset),
            level=self.level or spec["level"],
            out=self.out or dataset_files(self.dataset)[0],
        )

    def write(
        self, collect: Callable[..., dict[str, Any]], rows: int, policies: str | None, **how: Any
    ) -> None:
        """Write the file by `collect`; `rows` and `policies` are those where none are named.

        A file that is there already stays, and must be what is written now.
        """
        if not (self.task and self.level and self.out):
            raise SyntherError("give --dataset, or --task, --level and --out")
        options.require_suffix(self.out, ".hdf5", ".h5")
        task_spec(self.task)
        rows = rows if self.rows is None else self.rows
        place = self.policies or policies
        with claimed(self.out) as path:
            again = path.with_name(f".{path.stem}.again{path.suffix}") if path.exists() else path
            made = collect(self.task, self.level, rows, again, place, seed=self.seed, **how)
            if again != path:
                is_same = sha256(again) == sha256(path)
                again.unlink()
                if not is_same:
                    raise SyntherError(
                        f"{path} is there, and what was made now is not the same: remove it, or "
                        "write elsewhere"
                    )
        print(f"{self.out}: mean return {made['mean_return']}", file=sys.stderr)


class Collect(_RollOut, options.Verb):
    """Collect a dataset of states."""

    physics: str = "d4rl"  # d4rl or stock

    def __call__(self) -> None:
        from synther.datasets.collect import collect

        local = f"{str(self.dataset).rpartition('-')[0]}-local"
        instead = f"is D4RL's own: fetch it with `synther download`, or collect {local}"
        asked = self.of_dataset("collected", instead)
        rows, policies = FULL_ROWS, None
        if asked.preset:
            rows = Experiments(asked.preset).rows(asked.dataset or "")
            policies = policies_folder(asked.task, asked.preset) if asked.task else None
        asked.write(collect, rows, policies, physics=asked.physics, threads=asked.threads)


class Render(_RollOut, options.Verb):
    """Collect a dataset of pixels."""

    def __call__(self) -> None:
        from synther.datasets.collect_pixels import collect_pixels

        instead = "is not rendered but {kind}: name a dataset like walker-walk-medium-local"
        asked = self.of_dataset("rendered", instead)
        rows, policies = FULL_FRAMES, None
        if asked.preset:
            plan = Experiments(asked.preset)
            rows, policies = plan.frames(), plan.part("pixels").get("policies")
        asked.write(collect_pixels, rows, policies, processes=asked.threads)


class Behaviour(options.Verb):
    """Train the behaviour policies of one task."""

    task: str  # hopper, halfcheetah, walker2d, dmc-walker-walk-repeat2 or dmc-cheetah-run-repeat2
    seed: options.Seed = 0  # of everything random
    out: Path  # folder of policies and returns.json
    settings: options.Overrides
    computing: options.Threads

    def __call__(self) -> None:
        from synther.config.settings import resolve
        from synther.training.behaviour import BehaviourSettings, train_behaviour

        threads = self.computing.threads
        grant(threads)
        recipe = config.load("behaviour")
        if self.task not in recipe["tasks"]:
            where = str(config.config_dir() / "behaviour.yaml")
            raise unknown_name("task", self.task, recipe["tasks"], where)
        layers = recipe["settings"], recipe["tasks"][self.task], self.settings.parsed()
        settings = resolve(BehaviourSettings, *layers, where="behaviour policies")
        require_writable(self.out / "returns.json")
        # Beside the folder, which Snakemake empties before it runs a job again
        with claimed(self.out.with_suffix(".ckpt")):
            train_behaviour(self.task, self.out, settings, self.seed, threads)


def write_transitions(transitions: Transitions, out: Path, about: dict[str, Any]) -> None:
    """Write transitions, and what made them, with their checksum, as JSON beside them."""
    transitions.save(out, about["task"])
    record = {
        **about,
        "transitions": len(transitions),
        "output_sha256": sha256(out),
        **provenance.describe(),
    }
    write_json(out.with_suffix(".json"), record)


class Subset(options.Verb):
    """Keep a part of a dataset, or make its rows span several steps."""

    data: Path  # transitions: .npz or D4RL's .hdf5
    percent: Annotated[float | None, _PART] = None  # of the transitions
    rows: Annotated[int | None, options.whole(2), _PART] = None  # transitions
    n_step: Annotated[int | None, options.whole(2), _PART] = None  # all, in rows of n steps
    discount: float = 0.99  # gamma of these rows: that of the agents
    choose: str = "transitions"  # transitions or trajectories
    seed: options.Seed = 0  # of the choice
    out: Path  # the .npz file
    reading: options.Reading
    computing: options.Threads

    def __call__(self) -> None:
        from synther.datasets.subset import n_step, subset

        with claimed(options.require_suffix(self.out, ".npz")):
            how = self.reading.of(self.data)
            transitions = how.read(self.data)
            asked: dict[str, Any]
            if self.n_step is not None:
                asked = {"n_step": self.n_step, "discount": self.discount}
                kept = n_step(transitions, self.n_step, self.discount)
            else:
                asked = {"percent": self.percent} if self.rows is None else {"rows": self.rows}
                asked |= {"choose": self.choose, "seed": self.seed}
                kept = subset(transitions, **asked)
            write_transitions(
                kept, self.out, {"data": describe_input(self.data), **asked, **how.record()}
            )
        print(f"{self.out}: {len(kept):,} of {len(transitions):,} transitions", file=sys.stderr)


class Mix(options.Verb):
    """Mix real transitions with samples."""

    real: Path  # transitions: .npz or D4RL's .hdf5
    synthetic: Path  # samples: .npz
    real_share: float = 0.5  # of the mixture's rows
    seed: options.Seed = 0  # of the choice and the order
    out: Path  # the .npz file
    reading: options.Reading
    computing: options.Threads

    def __call__(self) -> None:
        from synther.datasets.subset import mix

        with claimed(options.require_suffix(self.out, ".npz")):
            how = self.reading.of(self.real, self.synthetic)
            real, synthetic = how.read(self.real), how.read(self.synthetic)
            mixed = mix(real, synthetic, self.real_share, self.seed)
            about = {
                "real": describe_input(self.real),
                "synthetic": describe_input(self.synthetic),
                "real_share": self.real_share,
                "seed": self.seed,
                **how.record(),
            }
            write_transitions(mixed, self.out, about)
        print(f"{self.out}: {len(mixed):,} transitions", file=sys.stderr)
