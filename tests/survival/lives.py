"""Jobs that take a second or two, run whole and run killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

CPU = ("--threads", "1", "--device", "cpu")
OFFLINE = ("steps=200", "hidden=[16,16]", "eval_every=100", "eval_episodes=1", "batch_size=16")
ONLINE = (
    *("steps=70", "random_steps=10", "eval_every=35", "eval_episodes=1", "hidden=[16,16]"),
    *("batch_size=16", "retrain_every=30", "synthetic_samples=200"),
    *("diffusion.steps=40", "diffusion.width=16", "diffusion.depth=1", "diffusion.dim_t=16"),
    *("diffusion.sampling_steps=2", "diffusion.batch_size=32"),
)
DYNAMICS = ("steps=300", "members=3", "elites=2", "width=16", "depth=2", "evaluate_every=50")
DIFFUSION = ("steps=300", "width=32", "depth=1", "dim_t=16", "sampling_steps=4", "batch_size=64")


def settings(*pairs: str) -> list[str]:
    """Return --set arguments."""
    return [text for pair in pairs for text in ("--set", pair)]


def command(kind: str, folder: Path, data: Path) -> list[str]:
    """Return the arguments of a job that writes into `folder`."""
    out = {
        "train": folder / "offline.parquet",
        "online": folder / "online.parquet",
        "fit": folder / "model",
        "fit-dynamics": folder / "dynamics",
        "sample": folder / "samples.npz",
    }[kind]
    own = {
        "train": ["--task", "hopper", "--data", str(data), "--seeds", "0-1", *settings(*OFFLINE)],
        "online": [
            *("--task", "hopper", "--agent", "sac_synther", "--seeds", "0-1"),
            *settings(*ONLINE),
        ],
        "fit": ["--data", str(data), *settings(*DIFFUSION)],
        "fit-dynamics": ["--data", str(data), "--source", "dynamics", *settings(*DYNAMICS)],
        "sample": ["--model", str(folder / "model"), "--num", "40000"],
    }[kind]
    return [kind.partition("-")[0], *own, "--out", str(out), *CPU]


def run(jobs: list[dict[str, Any]], interval: str = "0.02", **more: str) -> list[list[int]]:
    """Run jobs one after another, killed as they ask for; return how every life of them ended."""
    environment = {**os.environ, "SYNTHER_CHECKPOINT_INTERVAL": interval, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("killing.py")), json.dumps(jobs)],
        env=environment | more,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    ends: list[list[int]] = json.loads(done.stdout.splitlines()[-1])
    return ends
