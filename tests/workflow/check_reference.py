"""Makes the beginning of one shipped cell anew, and holds it against what is shipped.

    make reference-row

The cell is TD3+BC on hopper-medium's real rows at the preset `known`: D4RL's own policy collects a
million transitions, and four seeds learn from them at the paper's settings, up to the first
evaluation, after 5,000 updates. It runs in a scratch copy of the workflow, so that nothing here is
overwritten.

The exit code is 0 where the mean score is within `TOLERANCE` of the shipped cell's at the same
evaluation, 1 where not, and 3 where it could not be tried, for want of the policy. Rounding differs
among processors, and falls of a robot amplify it: another one gives other episodes, as other seeds
do. Cloning the rows already gives a score of about 50, an agent that does not learn below 10.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd
import yaml

from synther.datasets.d4rl_policies import fetch_policies
from synther.errors import SyntherError
from synther.experiments import Experiments

PRESET, DATASET, SOURCE, AGENT = "known", "hopper-medium-local", "real", "td3_bc"
TASK = "hopper"
STEPS = 5000
TOLERANCE = 15.0
"""Points of score; the standard error of a difference of four seeds is about 4 here."""
NEEDED = ("Snakefile", "config", "profiles", "workflow", "environment.yml")


def cell() -> str:
    """Return the path of the cell's rows, relative to the repository."""
    wanted = (DATASET, SOURCE, AGENT)
    return next(
        run.result for run in Experiments(PRESET).plan("table1").runs() if run.cell == wanted
    )


def score(path: Path) -> tuple[float, float]:
    """Return the mean and the standard deviation over seeds at the evaluation looked at.

    Raises:
        SystemExit: there is no such file.
    """
    if not path.is_file():
        raise SystemExit(f"{path} is not there: run the preset {PRESET} (docs/reference.md)")
    rows = pd.read_parquet(path)
    seeds = rows[rows["step"] == STEPS].groupby("seed")["score"].mean()
    return float(seeds.mean()), float(seeds.std(ddof=1))


def set_up(root: Path, scratch: Path) -> None:
    """Copy the workflow to `scratch`, with a preset that ends at the evaluation looked at."""
    for part in NEEDED:
        copy = shutil.copytree if (root / part).is_dir() else shutil.copy
        copy(root / part, scratch / part)
    path = scratch / f"config/presets/{PRESET}.yaml"
    preset = yaml.safe_load(path.read_text(encoding="utf-8"))
    preset["agents"]["steps"] = STEPS
    path.write_text(yaml.safe_dump(preset), encoding="utf-8")


def main() -> int:
    """Train the cell, print both scores, and return the exit code."""
    root = Path(__file__).resolve().parents[2]
    path = cell()
    shipped = score(root / path)
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        set_up(root, scratch)
        try:
            fetch_policies(TASK, scratch / "data/policies" / TASK, scratch / "data")
        except SyntherError as error:
            print(f"Not tried: D4RL's policies, which collect the data, can't be had. {error}")
            return 3
        # Targets first: options with several values would take them for theirs.
        command = [sys.executable, "-m", "snakemake", path, "--cores", "all"]
        settings = ["--quiet", "rules", "--config", "device=cpu"]
        own = {**os.environ, "SYNTHER_CONFIG": str(scratch / "config")}
        subprocess.run([*command, *settings], cwd=scratch, env=own, check=True)
        anew = score(scratch / path)
    for name, (mean, std) in (("shipped", shipped), ("made anew", anew)):
        print(f"{name:<10} {mean:5.1f} ± {std:.1f} after {STEPS:,} updates")
    if abs(anew[0] - shipped[0]) <= TOLERANCE:
        print("The cell agrees with the shipped one.")
        return 0
    print(
        f"They are more than {TOLERANCE:g} points apart: a change moved the scores. If it was "
        "meant to, run the cell anew (docs/reference.md)."
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
