"""Verbs that exchange files with others: import, export."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tyro.conf import Positional

from synther.cli.data import write_transitions
from synther.cli.options import Reading, Terminals, Verb, require_suffix, told_task
from synther.config.specs import task_spec
from synther.errors import SyntherError
from synther.jobs import provenance
from synther.jobs.archive import merge
from synther.jobs.files import (
    claimed,
    read_json,
    require_file,
    require_writable,
    sha256,
    write_json,
)

if TYPE_CHECKING:
    from synther.transitions import Transitions


def _widths(task: str) -> tuple[int, int]:
    """Return how wide a task's observations and actions are."""
    from synther.envs import make_env

    task_spec(task)
    env = make_env(task, num_envs=1, threads=1)
    return env.observation_dim, env.action_dim


def _require_widths(transitions: Transitions, task: str, path: Path) -> None:
    d, a = _widths(task)
    if (transitions.observation_dim, transitions.action_dim) != (d, a):
        raise SyntherError(
            f"{path} has {transitions.observation_dim} observation and {transitions.action_dim} "
            f"action dimensions; task '{task}' has {d} and {a}: name the task that it is of"
        )


class Import(Verb):
    """Read what the released code, or `synther pack`, wrote."""

    file: Positional[Path]  # model-STEP.pt; samples: .npz; packed results: .zip
    task: str = ""  # of the authors' files, hopper, ...: the widths they must have
    out: Path  # folder of the model, or the .npz file; of packed results: results
    reading: Terminals

    def __call__(self) -> None:
        from synther.datasets.belonging import require_task

        file, out, task = require_file(self.file), self.out, self.task
        if file.suffix == ".zip":
            new, there = merge(file, out)
            print(f"{out}: {new} files are new, {there} were there already", file=sys.stderr)
            return
        task_spec(task)
        require_task(file, task)
        about = {"imported": {"path": str(file), "sha256": sha256(file)}, "task": task}
        made = out.with_suffix(".json") if file.suffix == ".npz" else out / "fit.json"
        if made.is_file() and read_json(made).get("imported", {}).get("sha256") != sha256(file):
            raise SyntherError(
                f"{made} says that what is there was not made from this file: remove it with what "
                "lies beside it, or name another --out"
            )
        if file.suffix == ".npz":
            if out.suffix != ".npz":
                raise SyntherError(f"--out {out} must end in .npz, as {file} does")
            self._samples(about)
            return
        if file.suffix not in (".pt", ".pth"):
            raise SyntherError(
                f"{file} is neither model-STEP.pt nor samples (.npz) of the authors'"
            )
        if out.suffix in (".pt", ".npz"):
            raise SyntherError(f"--out {out} must be a folder: a model is two files")
        from synther.generators.diffusion.released import load_released

        model = load_released(file, *_widths(task))
        with claimed(out / "model.pt", "fit", "settings"):
            model.save(out)
            record = {
                **about,
                "generator": model.name,
                "num_parameters": model.num_parameters,
                "model_sha256": sha256(out / "model.pt"),
                **provenance.describe(),
            }
            write_json(out / "fit.json", record)  # last: what has a record is whole
        print(f"{out}: {model.num_parameters:,} parameters", file=sys.stderr)

    def _samples(self, about: dict[str, Any]) -> None:
        from synther.transitions import Transitions

        with claimed(self.out):
            samples = Transitions.load(self.file, self.reading.threshold_terminals)
            _require_widths(samples, self.task, self.file)
            write_transitions(samples, self.out, {**about, "samples": len(samples)})
        print(f"{self.out}: {len(samples):,} transitions", file=sys.stderr)


class Export(Verb):
    """Write transitions for other libraries."""

    data: Path  # a dataset's name, .npz or D4RL's .hdf5
    format: Literal["d4rl", "minari", "npz"]  # of what is written
    root: Path = Path("data")  # folder of datasets
    out: Path  # .hdf5, .npz, or Minari's folder NAME-v0
    reading: Reading

    def __call__(self) -> None:
        from synther.datasets import dataset_path
        from synther.datasets import export as formats
        from synther.datasets.d4rl import load_transitions

        data, out, minari = self.data, self.out, self.format == "minari"
        if not minari:
            suffixes = (".hdf5", ".h5") if self.format == "d4rl" else (".npz",)
            require_writable(require_suffix(out, *suffixes))
        dataset = None if data.suffix else str(data)  # a name, not a file's
        if dataset:
            told_task(self.reading.task, dataset)
            data = dataset_path(dataset, self.root)
        how = self.reading.of(data, dataset=dataset)
        transitions = load_transitions(data, whole_episodes=minari, **vars(how))
        if how.task:
            _require_widths(transitions, how.task, data)
        said, task = f"{out}: {len(transitions):,} transitions", how.task or "unknown"
        if self.format == "npz":
            transitions.save(out, how.task)
        elif minari:
            said += f" in {formats.export_minari(transitions, out, task):,} episodes"
        else:
            said += f" in {formats.export_d4rl(transitions, out, task):,} rows"
        print(said, file=sys.stderr)
