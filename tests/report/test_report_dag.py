"""The page as a target of the workflow, and Snakemake's own report."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from checkout import make_results

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for part in ("workflow", "config", "profiles"):
        shutil.copytree(ROOT / part, tmp_path / part)
    for part in ("Snakefile", "environment.yml"):
        shutil.copy(ROOT / part, tmp_path / part)
    return tmp_path


def snakemake(folder: Path, *arguments: str) -> str:
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "SYNTHER_CONFIG": str(folder / "config"),
    }
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def documented() -> list[list[str]]:
    """Return the arguments of every command of docs/verdict.md."""
    text = (ROOT / "docs/verdict.md").read_text()
    return [line.partition("#")[0].split() for line in re.findall(r"^\$ (.*)$", text, re.M)]


def test_documented_targets_are_there(folder: Path) -> None:
    """At the quick preset: planning all of the paper's takes longer, and the rules are alike."""
    commands = [command[1:] for command in documented() if command[0] == "snakemake"]
    targets = {c[0].replace("figures/claims", "figures/quick/claims") for c in commands}
    assert {"report", "figures/quick/claims.pdf"} <= targets
    said = snakemake(folder, "-n", *sorted(targets), "--config", "preset=quick")
    jobs = dict(re.findall(r"^(\w+) +(\d+)$", said.rpartition("Job stats:")[2], re.M))
    assert jobs["page"] == jobs["report"] == "1"
    assert int(jobs["table"]) > 15  # every table and figure
    assert "figures/quick/report.html" in said


@pytest.mark.slow
def test_snakemakes_own_report_has_captions(folder: Path) -> None:
    make_results(folder, ["wall_time"])
    target = "figures/quick/wall_time.pdf"
    said = snakemake(folder, target)
    assert "train_online" not in said
    snakemake(folder, target, "--report", "snakemake.html")
    page = (folder / "snakemake.html").read_text()
    assert "wall_time.png" in page
    assert re.search("Below the paper.{1,8}s protocol", page)  # the table's caption
    assert "from raw datasets to tables and figures" in page  # the workflow's
