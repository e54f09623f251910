"""Verbs of the pixel experiments: render, pixels, encode."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from synther import config
from synther.cli.device import choose_device
from synther.cli.reading import told_task
from synther.cli.training import job_fields, run
from synther.config.settings import parse_assignments, resolve
from synther.config.specs import agent_spec, pixel_settings, source_spec, task_spec
from synther.errors import SyntherError
from synther.experiments import Experiments
from synther.experiments.pixels import FULL_ROWS
from synther.jobs.files import claimed


def render(options: argparse.Namespace) -> None:
    """Collect a pixel dataset with behaviour policies."""
    from synther.datasets.collect_pixels import collect_pixels

    task, level, out = options.task, options.level, options.out
    rows, policies = options.rows, options.policies
    if options.dataset:
        spec = config.spec(options.dataset, "dataset")
        if spec["kind"] != "rendered":
            raise SyntherError(
                f"{options.dataset} is not rendered but {spec['kind']}: name a dataset like "
                "walker-walk-medium-local"
            )
        task, level = told_task(options), level or spec["level"]
        out = out or f"data/pixels/{options.dataset}.hdf5"
    if options.preset:
        plan = Experiments(options.preset).pixels()
        rows = plan.rows() if rows is None else rows
        policies = policies or plan.scale.get("policies")
    if not (task and level and out):
        raise SyntherError("give --dataset, or --task, --level and --out")
    if Path(out).suffix not in (".hdf5", ".h5"):
        raise SyntherError(f"--out {out} must end in .hdf5")
    task_spec(task)
    rows = FULL_ROWS if rows is None else rows
    with claimed(out):
        metadata = collect_pixels(
            task, level, rows, out, policies, seed=options.seed, processes=options.threads
        )
    print(f"{out}: mean return {metadata['mean_return']}", file=sys.stderr)


def _shards(options: argparse.Namespace) -> tuple[Path, ...]:
    """Return the shards to read: --data, or the dataset's, fetched where they are not there."""
    if options.data:
        return tuple(Path(path) for path in options.data)
    if not options.dataset:
        raise SyntherError("give --dataset, or --data with its shards")
    from synther.datasets.vd4rl import pixel_files

    return tuple(pixel_files(options.dataset, options.root))


def _settings(options: argparse.Namespace) -> tuple[str, Any]:
    """Return the module of the agent's class, and its settings."""
    from synther.agents import load_agent_class
    from synther.training.pixels import require_pixels

    agent = agent_spec(options.agent)
    kind = load_agent_class(agent["module"]).Settings
    require_pixels(kind, options.agent)
    settings: Any = resolve(
        kind,
        pixel_settings(options.agent, options.dataset or "", options.preset),
        parse_assignments(options.set),
        where=f"agent '{options.agent}'",
    )
    return agent["module"], settings


def pixels(options: argparse.Namespace) -> None:
    """Train seeds of an agent on frames, or its heads on latents, and write every episode."""
    device = choose_device(options.device, options.threads)
    from synther.training.pixels import PixelJob, train_pixels

    if bool(options.latents) != bool(options.body):
        raise SyntherError("--latents and --body belong together: give both, or neither")
    task = told_task(options)  # a misspelt name would take the wrong settings
    if task is None:
        raise SyntherError("give --task, or --dataset, whose task it then is")
    source_spec(options.source)
    module, settings = _settings(options)
    job = PixelJob(
        **job_fields(options, task, module, settings, device),
        data=(Path(options.latents),) if options.latents else _shards(options),
        body=Path(options.body) if options.body else None,
        body_seed=options.body_seed,
        dataset=options.dataset or task,
        source=options.source,
        threshold_terminals=options.threshold_terminals,
    )
    run(job, train_pixels)


def encode(options: argparse.Namespace) -> None:
    """Encode a pixel dataset into an agent's latents."""
    device = choose_device(options.device, options.threads)
    from synther.training.pixels import encode_dataset

    module, settings = _settings(options)
    out = Path(options.out)
    if out.suffix != ".npz":
        raise SyntherError(f"--out {out} must end in .npz")
    with claimed(out):
        found = encode_dataset(
            _shards(options),
            Path(options.body),
            options.body_seed,
            module,
            settings,
            out,
            device,
            told_task(options),
        )
    print(f"{out}: {len(found):,} transitions", file=sys.stderr)
