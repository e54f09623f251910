"""What starting costs: a verb, a training job, the plan of the whole paper."""

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from synther.bench.agents import some_transitions
from synther.bench.measure import Measurement

HELP, JOB, PLAN = 0.3, 4.0, 15.0
"""Targets, in seconds."""


def _took(command: list[str], folder: Path | None = None) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, cwd=folder)
    return time.perf_counter() - started


def measure(device: str) -> Iterator[Measurement]:
    """Measure start-up of a verb, of a job and of the workflow."""
    command = [sys.executable, "-m", "synther.cli"]
    took = min(_took([*command, "--help"]) for _ in range(3))
    yield Measurement("start-up", "synther --help", "s", took, target=HELP, at_most=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        some_transitions(2000).save(folder / "data.npz")
        options = (
            "--task halfcheetah --agent td3_bc --seeds 0 --data data.npz --statistics-from data.npz"
            f" --set steps=1 --set eval_episodes=1 --out row.parquet --threads 1 --device {device}"
        )
        took = min(_took([*command, "train", *options.split()], folder) for _ in range(2))
        name = "a training job of one update and one episode"
        yield Measurement("start-up", name, "s", took, target=JOB, at_most=True)
    if Path("Snakefile").is_file() and shutil.which("snakemake"):
        plan = [sys.executable, "-m", "snakemake", "-n", "--quiet", "all", "--nolock"]
        name = "dry-run of the whole paper"
        yield Measurement("start-up", name, "s", _took(plan), target=PLAN, at_most=True)
