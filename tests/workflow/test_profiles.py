"""A profile where its scheduler's commands are not at hand."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from test_dag import copy_workflow, environment


@pytest.mark.slow
def test_a_scheduler_that_is_not_here_is_named_at_once(tmp_path: Path) -> None:
    """The plugins' threads would die of the missing command, and snakemake wait for ever."""
    pytest.importorskip("snakemake_executor_plugin_slurm", reason="pip install 'synther[slurm]'")
    checkout, here = copy_workflow(tmp_path / "checkout"), tmp_path / "bin"
    here.mkdir()
    for command in ("sh", "bash", "env", "which", "git"):
        if place := shutil.which(command):
            (here / command).symlink_to(place)
    wanted = ["--profile", "workflow/profiles/slurm", "--config", "device=cpu"]
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "figures/quick/table1.pdf", *wanted],
        cwd=checkout,
        env=environment(checkout) | {"PATH": str(here)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 1, done.stderr
    assert "not found: sbatch" in done.stdout + done.stderr
