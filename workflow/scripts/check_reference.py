"""Trains one row of the shipped reference results anew and holds it against them.

    make reference-row
    python workflow/scripts/check_reference.py [DATASET] [AGENT]

The row is one dataset and agent, on real data and on SynthER's samples, with all that it needs: a
dataset is collected, a diffusion model fitted, 100,000 transitions sampled. It runs in a scratch
copy of the workflow, so that nothing here is overwritten. The exit code is 0 where, on both
sources, the 95% interval of the difference of the means includes zero (bootstrap over both sets of
seeds).
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from synther.analysis.trees import Comparison, compare_trees
from synther.analysis.trees_render import text
from synther.experiments import Experiments

PRESET = "reference"
ROW = ("walker2d-medium-local", "td3_bc")
"""It needs no download: walker2d's policies are the package's own."""
SOURCES = ("real", "synther")
NEEDED = ("Snakefile", "config", "profiles", "workflow", "environment.yml")
REPS = 10_000


def row_files(root: Path, dataset: str, agent: str) -> list[str]:
    """Return the shipped results of a row, relative to the repository.

    Raises:
        SystemExit: the reference has no such row.
    """
    wanted = [
        run.result
        for run in Experiments(PRESET).runs("table1")
        if run.dataset == dataset and run.agent == agent and run.source in SOURCES
    ]
    missing = [path for path in wanted if not (root / path).is_file()]
    if missing or not wanted:
        raise SystemExit(
            f"results/{PRESET} ships no row of {dataset} and {agent}"
            + (f": {missing[0]} is missing" if missing else "")
        )
    return wanted


def set_up(root: Path, scratch: Path, files: list[str]) -> Path:
    """Copy the workflow to `scratch`, and the shipped row to a folder beside, which is returned."""
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
    """Return whether no difference's interval leaves out zero, on every source."""
    return len(found.pairs) == len(SOURCES) and not any(pair.apart for pair in found.pairs)


def main(dataset: str = ROW[0], agent: str = ROW[1]) -> int:
    """Train the row, print both sides, and return the exit code."""
    root = Path(__file__).resolve().parents[2]
    files = row_files(root, dataset, agent)
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        shipped = set_up(root, scratch, files)
        command = [sys.executable, "-m", "snakemake", "--cores", "all", "--quiet", "rules", *files]
        subprocess.run([*command, "--config", "device=cpu"], cwd=scratch, check=True)
        found = compare_trees(shipped, scratch / "results", REPS)
    print(text(found))
    if agrees(found):
        print(f"{dataset}, {agent}: agrees with the shipped results within its interval.")
        return 0
    print(
        f"{dataset}, {agent}: does NOT agree with the shipped results: a change moved the scores. "
        "If it was meant to, run the reference anew (docs/reference.md)."
    )
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
