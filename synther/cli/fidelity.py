"""The verb that measures samples."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from synther import config, provenance
from synther.checkpoint import Checkpoint
from synther.errors import SyntherError
from synther.files import claimed, describe_input
from synther.specs import source_spec, task_spec


def fidelity(options: argparse.Namespace) -> None:
    """Measure samples against the data that they were generated from."""
    from synther.datasets.d4rl import load_transitions
    from synther.fidelity.measure import measure

    task = options.task
    if options.dataset:
        spec = config.spec(options.dataset, "dataset")  # a misspelt name would stay in the result
        task = task or spec["task"]
    if task is None:
        raise SyntherError("give --task, or --dataset, whose task it then is")
    limit = task_spec(task)["time_limit"]
    source_spec(options.source)
    out = Path(options.out)
    if out.suffix != ".parquet":
        raise SyntherError(f"--out {out} must end in .parquet")
    with claimed(out):
        inputs = {"real": options.real, "samples": options.samples}
        identity = {
            "preset": options.preset or "none",
            "dataset": options.dataset or task,
            "source": options.source,
            "task": task,
            "inputs": {name: describe_input(path) for name, path in inputs.items()},
            "version": provenance.version(),
        }
        real, samples = (load_transitions(path, limit) for path in inputs.values())
        checkpoint = Checkpoint(
            out.with_suffix(".ckpt"),
            {**identity, "num": options.num, "seed": options.seed, "physics": options.physics},
        )
        found = measure(
            real,
            samples,
            task,
            options.num,
            options.seed,
            options.physics,
            options.threads,
            checkpoint,
        )
        record = {**identity, "threads": options.threads, **provenance.describe("cpu")}
        found.save(out, record)
        checkpoint.remove()
    print(f"{out}: {found.record['measured']:,} samples measured", file=sys.stderr)
