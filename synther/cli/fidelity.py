"""The verb that measures samples."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from synther.cli.reading import reading, told_task
from synther.config.specs import source_spec
from synther.errors import SyntherError
from synther.jobs import provenance
from synther.jobs.checkpoint import Checkpoint
from synther.jobs.files import claimed, describe_input


def fidelity(options: argparse.Namespace) -> None:
    """Measure samples against the data that they were generated from."""
    from synther.fidelity.measure import measure

    task = told_task(options)  # a misspelt name would stay in the result
    if task is None:
        raise SyntherError("give --task, or --dataset, whose task it then is")
    source_spec(options.source)
    out = Path(options.out)
    if out.suffix != ".parquet":
        raise SyntherError(f"--out {out} must end in .parquet")
    with claimed(out):
        inputs = {"real": options.real, "samples": options.samples}
        how = reading(options, *inputs.values())
        identity = {
            "preset": options.preset or "none",
            "dataset": options.dataset or task,
            "source": options.source,
            **how.record(),
            "inputs": {name: describe_input(path) for name, path in inputs.items()},
            "version": provenance.version(),
        }
        real, samples = (how.read(path) for path in inputs.values())
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
