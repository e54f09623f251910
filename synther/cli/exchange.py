"""Verbs that exchange files with others: import, export."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from synther.cli.data import write_transitions
from synther.cli.reading import reading, told_task
from synther.config.specs import task_spec
from synther.errors import SyntherError
from synther.jobs import provenance
from synther.jobs.files import claimed, require_file, require_writable, sha256, write_json
from synther.transitions import Transitions


def _widths(task: str) -> tuple[int, int]:
    """Return how wide a task's observations and actions are."""
    from synther.envs import make_env

    task_spec(task)
    env = make_env(task, num_envs=1, threads=1)
    return env.observation_dim, env.action_dim


def _require_widths(transitions: Transitions, task: str, path: str | Path) -> None:
    d, a = _widths(task)
    if (transitions.observation_dim, transitions.action_dim) != (d, a):
        raise SyntherError(
            f"{path} has {transitions.observation_dim} observation and {transitions.action_dim} "
            f"action dimensions; task '{task}' has {d} and {a}: name the task that it is of"
        )


def import_(options: argparse.Namespace) -> None:
    """Read the released code's checkpoint into a model folder, or its samples into an .npz."""
    from synther.datasets.belonging import require_task

    file, out = require_file(options.file), Path(options.out)
    task_spec(options.task)
    require_task(file, options.task)
    origin = {"path": str(file), "sha256": sha256(file)}
    if file.suffix == ".npz":
        if out.suffix != ".npz":
            raise SyntherError(f"--out {out} must end in .npz, as {file} does")
        with claimed(out):
            samples = Transitions.load(file, options.threshold_terminals)
            _require_widths(samples, options.task, file)
            about = {"imported": origin, "task": options.task, "samples": len(samples)}
            write_transitions(samples, out, about)
        print(f"{out}: {len(samples):,} transitions", file=sys.stderr)
        return
    if file.suffix not in (".pt", ".pth"):
        raise SyntherError(f"{file} is neither model-STEP.pt nor samples (.npz) of the authors'")
    if out.suffix in (".pt", ".npz"):
        raise SyntherError(f"--out {out} must be a folder: a model is two files")
    from synther.generators.diffusion.released import load_released

    model = load_released(file, *_widths(options.task))
    with claimed(out / "model.pt", "fit", "settings"):
        model.save(out)
        record = {
            "imported": origin,
            "task": options.task,
            "generator": model.name,
            "num_parameters": model.num_parameters,
            "model_sha256": sha256(out / "model.pt"),
            **provenance.describe(),
        }
        write_json(out / "fit.json", record)  # last: what has a record is whole
    print(f"{out}: {model.num_parameters:,} parameters", file=sys.stderr)


def export(options: argparse.Namespace) -> None:
    """Write transitions as D4RL's HDF5, a Minari dataset or the authors' npz."""
    from synther.datasets import dataset_path
    from synther.datasets import export as formats
    from synther.datasets.d4rl import read_hdf5

    out = Path(options.out)
    suffixes = {"d4rl": (".hdf5", ".h5"), "npz": (".npz",)}.get(options.format)
    if suffixes and out.suffix not in suffixes:
        raise SyntherError(f"--out {out} must end in {suffixes[0]}")
    data = options.data
    if not Path(data).suffix:  # a name, not a file's
        options.dataset = data
        told_task(options)
        data = dataset_path(data, options.root)
    how = reading(options, data)
    task = how.task
    if options.format != "minari":
        require_writable(out)
    if options.format == "minari" and Path(data).suffix in (".hdf5", ".h5"):
        transitions = read_hdf5(data, whole_episodes=True, **vars(how))
    else:
        transitions = how.read(data)
    if task:
        _require_widths(transitions, task, data)
    said = f"{out}: {len(transitions):,} transitions"
    if options.format == "npz":
        transitions.save(out, task)
    elif options.format == "d4rl":
        rows = formats.export_d4rl(transitions, out, task or "unknown")
        said += f" in {rows:,} rows"
    else:
        episodes = formats.export_minari(transitions, out, task or "unknown")
        said += f" in {episodes:,} episodes"
    print(said, file=sys.stderr)
