"""Verbs that fit generators and sample from them."""

from __future__ import annotations

import argparse
import importlib.metadata
import sys
import time
from pathlib import Path

from synther.cli.device import choose_device
from synther.cli.reading import reading, told_task
from synther.config.settings import parse_assignments
from synther.config.specs import source_settings, source_spec
from synther.errors import SyntherError
from synther.jobs import provenance
from synther.jobs.checkpoint import Checkpoint, kind_of
from synther.jobs.files import claimed, describe_input, sha256, write_json


def _device(options: argparse.Namespace, generator: str) -> str:
    """Return the device; noise computes nothing, and would keep a GPU from those that do."""
    return choose_device("cpu" if generator == "noise" else options.device, options.threads)


def fit(options: argparse.Namespace) -> None:
    """Fit a source's generator and leave it, with what made it, in a folder."""
    from synther.generators import make_generator

    started = time.monotonic()
    told_task(options)  # a misspelt name would take the wrong settings
    settings = source_settings(options.source, options.dataset or "", options.preset)
    settings |= parse_assignments(options.set)
    name = source_spec(options.source)["generator"]
    device = _device(options, name)
    generator = make_generator(name, settings, device)
    out = Path(options.out)
    with claimed(out / "model.pt", "fit", "settings"):
        how = reading(options, options.data)
        transitions = how.read(options.data)
        identity = {
            "generator": name,
            "source": options.source,
            "settings": settings,
            "seed": options.seed,
            "data": describe_input(options.data),
            **how.record(),
            "version": provenance.version(),
        }
        checkpoint = Checkpoint(out / "fit.ckpt", identity, device)
        generator.fit(transitions, seed=options.seed, checkpoint=checkpoint)
        record = {
            **identity,
            "transitions": len(transitions),
            "num_parameters": generator.num_parameters,
            "wall_time_s": round(checkpoint.before_s + time.monotonic() - started, 1),
            "threads": options.threads,
            **provenance.describe(device),
        }
        if package := source_spec(options.source).get("requires"):
            record["versions"][package] = importlib.metadata.version(package)
        generator.save(out)
        write_json(out / "fit.json", {**record, "model_sha256": sha256(out / "model.pt")})
        checkpoint.remove()


def sample(options: argparse.Namespace) -> None:
    """Draw transitions from a fitted generator, in bounded memory."""
    from synther.datasets.belonging import common_task
    from synther.generators import (
        change_sampling,
        fitted_name,
        generator_class,
        remaining_chunks,
    )
    from synther.jobs.progress import Progress
    from synther.jobs.resumable import ResumableWriter

    started = time.monotonic()
    if options.num < 1:
        raise SyntherError(f"--num is {options.num}; it must be at least 1")
    folder, out = Path(options.model), Path(options.out)
    if out.suffix != ".npz":
        raise SyntherError(f"--out {out} must end in .npz")
    name = fitted_name(folder)
    device = _device(options, name)
    generator = generator_class(name).load(folder, device)
    overrides = parse_assignments(options.set)
    change_sampling(generator, overrides)
    task = common_task([folder])
    about = {
        "generator": name,
        "task": task,
        "model": describe_input(folder),
        "settings": overrides,
        "samples": options.num,
        "seed": options.seed,
        "version": provenance.version(),
    }
    # Another device or torch draws or rounds otherwise: its parts do not belong to these.
    identity = {**about, "device": kind_of(device), "torch": importlib.metadata.version("torch")}
    with claimed(out):
        with (
            ResumableWriter(out, identity, task) as writer,
            Progress(options.num, f"sample {out.parent.name}", "row", done=writer.rows) as progress,
        ):
            for part in remaining_chunks(generator, options.num, options.seed, writer.parts):
                progress.advance(len(part))
                writer.append(part)
        record = {
            **about,
            "output_sha256": sha256(out),
            "wall_time_s": round(writer.before_s + time.monotonic() - started, 1),
            "threads": options.threads,
            **provenance.describe(device),
        }
        write_json(out.with_suffix(".json"), record)
    print(f"{out}: {writer.rows:,} transitions", file=sys.stderr)
