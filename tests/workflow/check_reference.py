"""Trains one row of the shipped reference results anew and holds it against them.

    make reference-row

The row is 1% of hopper-full-replay, on which TD3+BC learns from the rows themselves and from
samples of a diffusion model that was fitted to them: the dataset is collected, the share drawn, the
model fitted, 50,000 transitions sampled, both agents trained. It runs in a scratch copy of the
workflow, so that nothing here is overwritten.

The exit code is 0 where, on both sources, the 95% interval of the difference of the means includes
zero (bootstrap over both sets of seeds), and samples are better than the rows once more, as the
paper claims and the shipped results show; 1 where not; 3 where it could not be tried, for want of
the policies that collect the data.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from synther.datasets.d4rl_policies import fetch_policies
from synther.errors import SyntherError
from synther.experiments import Experiments
from synther.verification.trees import Comparison, compare_trees
from synther.verification.trees_text import text

PRESET, EXPERIMENT = "reference", "small_data"
REAL, SYNTHER = SOURCES = ("real-1pct", "synther-1pct")
TASK = "hopper"
NEEDED = ("Snakefile", "config", "profiles", "workflow", "environment.yml")
REPS = 10_000


def row_files(root: Path) -> list[str]:
    """Return the shipped results of the row, relative to the repository.

    Raises:
        SystemExit: the reference does not have it.
    """
    runs = Experiments(PRESET).runs(EXPERIMENT)
    wanted = [run.result for run in runs if run.source in SOURCES]
    for path in wanted:
        if not (root / path).is_file():
            raise SystemExit(f"{path} is not shipped: run the reference (docs/reference.md)")
    return wanted


def set_up(root: Path, scratch: Path, files: list[str]) -> Path:
    """Copy the workflow to `scratch`, and the shipped row to a folder in it, which is returned."""
    shipped = scratch / "shipped"
    for path in files:
        for suffix in (".parquet", ".json"):
            there = (shipped / path).with_suffix(suffix)
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy((root / path).with_suffix(suffix), there)
    for part in NEEDED:
        copy = shutil.copytree if (root / part).is_dir() else shutil.copy
        copy(root / part, scratch / part)
    return shipped


def agrees(found: Comparison) -> bool:
    """Return whether every source is there and no difference's interval leaves out zero."""
    return len(found.pairs) == len(SOURCES) and not any(pair.apart for pair in found.pairs)


def shows(found: Comparison) -> bool:
    """Return whether agents on samples are better than on the rows they were made from."""
    means = {
        source: pair.b.mean for pair in found.pairs for source in SOURCES if source in pair.name
    }
    return means[SYNTHER] > means[REAL]


def main() -> int:
    """Train the row, print both sides, and return the exit code."""
    root = Path(__file__).resolve().parents[2]
    files = row_files(root)
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        shipped = set_up(root, scratch, files)
        try:
            fetch_policies(TASK, scratch / "data/policies" / TASK, scratch / "data")
        except SyntherError as error:
            print(f"Not tried: D4RL's policies, which collect the data, can't be had. {error}")
            return 3
        # Targets first: options with several values would take them for theirs.
        command = [sys.executable, "-m", "snakemake", *files, "--cores", "all"]
        settings = ["--quiet", "rules", "--config", "device=cpu"]
        subprocess.run([*command, *settings], cwd=scratch, check=True)
        found = compare_trees(shipped, scratch / "results", REPS)
    print(text(found))
    if agrees(found) and shows(found):
        print("The row agrees with the shipped results within its interval, and shows the same.")
        return 0
    print(
        "The row does NOT agree with the shipped results: a change moved the scores. If it was "
        "meant to, run the reference anew (docs/reference.md)."
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
