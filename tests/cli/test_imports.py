"""What a job of each kind leaves unimported: each of them costs a tenth of a second or more."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from small import SMALL

DRAWN = {"matplotlib", "rliable", "seaborn", "typst"}
READ = {"h5py", "pandas", "scipy", "sklearn"}
SIMULATED = {"dm_control", "gymnasium", "mujoco", "ogbench"}
COMPILED = {"jax", "sympy", "torch._dynamo", "torch._inductor"}
TORCH, RESULTS = {"torch"}, {"pyarrow"}
ONE = ("--threads", "1", "--device", "cpu")
ONLINE = ("random_steps=10", "steps=20", "batch_size=8", "hidden=[16,16]", "eval_every=20")


def jobs(rows: Path, model: Path, out: Path) -> dict[str, tuple[list[object], set[str]]]:
    """Return kind -> the words of its command, and what it must not import."""
    settings = [text for pair in ONLINE for text in ("--set", pair)]
    data, task = ["--data", rows], ["--task", "hopper"]
    agent = [*data, *task, "--agent", "bc", "--seeds", "0", *SMALL, *ONE]
    online = [*task, "--agent", "sac", "--seeds", "0", *settings, "--set", "eval_episodes=1", *ONE]
    mixed = ["--real", rows, "--synthetic", rows, "--real-share", "0.5", "--threads", "1"]
    measured = [*task, "--real", rows, "--samples", rows, "--num", "50", "--threads", "1"]
    noise = [*data, *task, "--source", "noise-additive", *ONE]
    light = DRAWN | READ | COMPILED
    return {
        "subset": (
            [*data, "--rows", "100", "--threads", "1", "--out", out / "some.npz"],
            light | SIMULATED | TORCH | RESULTS,
        ),
        "mix": ([*mixed, "--out", out / "mix.npz"], light | SIMULATED | TORCH | RESULTS),
        "fit": ([*noise, "--out", out / "noise"], light | SIMULATED | RESULTS),
        "sample": (
            ["--model", model, "--num", "100", *ONE, "--out", out / "samples.npz"],
            light | SIMULATED | RESULTS,
        ),
        "train": ([*agent, "--out", out / "rows.parquet"], light | SIMULATED - {"mujoco"}),
        "online": ([*online, "--out", out / "rows.parquet"], light | SIMULATED - {"mujoco"}),
        "fidelity": (
            [*measured, "--out", out / "rows.parquet"],
            DRAWN | COMPILED | TORCH | SIMULATED - {"mujoco"} | {"h5py", "sklearn"},
        ),
        "scores": (
            ["--preset", "reference", "--out", out / "scores.csv"],
            DRAWN | COMPILED | TORCH | SIMULATED | {"h5py", "scipy", "sklearn"},
        ),
        "table": (
            [
                "--preset",
                "reference",
                "--experiment",
                "small_data",
                "--partial",
                "--out",
                out / "t",
            ],
            COMPILED | TORCH | SIMULATED | {"h5py", "sklearn"},
        ),
    }


@pytest.mark.parametrize("verb", jobs(Path(), Path(), Path()))
def test_a_job_imports_what_it_uses(verb, hopper, fitted, tmp_path):
    rows = tmp_path / "rows.npz"
    subset = ["subset", "--data", str(hopper), "--rows", "200", "--out", str(rows)]
    subprocess.run([sys.executable, "-m", "synther.cli", *subset], check=True, capture_output=True)
    words, unwanted = jobs(rows, fitted, tmp_path)[verb]
    command = ["synther", verb, *map(str, words)]
    script = (
        f"import sys\nfrom synther.cli import main\nsys.argv = {command}\n"
        f"assert main() == 0\nprint(sorted({sorted(unwanted)} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
