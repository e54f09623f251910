"""What starting costs: a verb, a training job, the plan of the whole paper; and memory."""

from __future__ import annotations

import json
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

_MEMORY = """
import json, re, sys
import numpy as np
from synther.bench.agents import D, some_transitions
from synther.generators.diffusion import Diffusion
from synther.training.evaluate import Standardiser
from synther.training.offline import TransitionTable
from synther.jobs.resumable import TransitionsWriter

def status(name):  # getrusage's would count what this process was forked from
    return int(re.search(name + r":\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024

kind, rows, path = sys.argv[1], int(sys.argv[2]), sys.argv[3]
if kind == "table":
    from synther.transitions import Transitions
    before = status("VmRSS")
    data = Transitions.load(path)
    table = TransitionTable(data, Standardiser(np.zeros(D), np.ones(D)), 0.0, "cpu")
    del data
    print(json.dumps([status("VmRSS") - before, status("VmHWM") - before]))
else:
    model = Diffusion().fit(
        some_transitions(2000), steps=1, width=64, sampling_steps=2, progress=False
    )
    next(model.sample_chunks(4096))
    before = status("VmRSS")
    with TransitionsWriter(path) as writer:
        for part in model.sample_chunks(rows):
            writer.append(part)
    print(json.dumps([status("VmRSS") - before, status("VmHWM") - before]))
"""


def _took(command: list[str], folder: Path | None = None) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, cwd=folder)
    return time.perf_counter() - started


def measure(device: str, rows: int = 1_000_000) -> Iterator[Measurement]:
    """Measure start-up of a verb, of a job and of the workflow, and memory against its data."""
    command = [sys.executable, "-m", "synther.cli"]
    took = min(_took([*command, "--help"]) for _ in range(3))
    yield Measurement("start-up", "synther --help", took, "s", target=HELP, at_most=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        some_transitions(2000).save(folder / "data.npz")
        options = ["--task", "halfcheetah", "--agent", "td3_bc", "--seeds", "0"]
        options += ["--data", "data.npz", "--statistics-from", "data.npz", "--threads", "1"]
        options += ["--set", "steps=1", "--set", "eval_episodes=1", "--out", "row.parquet"]
        options += ["--device", device]
        took = min(_took([*command, "train", *options], folder) for _ in range(2))
        name = "a training job of one update and one episode"
        yield Measurement("start-up", name, took, "s", target=JOB, at_most=True)
        yield from _memory(folder, rows)
    if Path("Snakefile").is_file() and shutil.which("snakemake"):
        plan = [sys.executable, "-m", "snakemake", "-n", "--quiet", "all", "--nolock"]
        name = "dry-run of the whole paper"
        yield Measurement("start-up", name, _took(plan), "s", target=PLAN, at_most=True)


def _memory(folder: Path, rows: int) -> Iterator[Measurement]:
    data = some_transitions(rows)
    data.save(folder / "large.npz")
    megabytes = data.packed().nbytes / 2**20

    def used(*arguments: str) -> list[float]:
        done = subprocess.run(
            [sys.executable, "-c", _MEMORY, *arguments], check=True, capture_output=True, cwd=folder
        )
        return [float(value) for value in json.loads(done.stdout)]

    name, once = f"a table of {rows:,} rows, read from .npz", "its data, float32, once"
    for words, megabytes_used in zip(
        ("", ", at its making"), used("table", "0", "large.npz"), strict=True
    ):
        ratio = megabytes_used / megabytes
        yield Measurement("memory", name + words, megabytes_used, "MiB", megabytes, once, ratio)
    few, many = (used("sample", str(n), f"{n}.npz")[1] for n in (20_000, 200_000))
    yield Measurement(
        "memory",
        "sampling to disk, 200,000 rows against 20,000",
        many,
        "MiB",
        few,
        "ten times fewer rows",
        many / max(few, 1.0),
    )
