"""Profiles: a scheduler whose commands are not at hand, and the rate of jobs."""

from __future__ import annotations

import inspect
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from snakemake.cli import get_argument_parser
from snakemake.scheduling.job_scheduler import JobRateLimiter, JobScheduler
from snakemake.settings.types import MaxJobsPerTimespan
from test_dag import ROOT, copy_workflow, environment

SNAKEFILE = (ROOT / "Snakefile").read_text(encoding="utf-8")


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


def limits_after_start(limit: Any) -> Any:
    """Return the scheduler's limit that the workflow leaves of one of `limit`."""
    rules = (ROOT / "workflow/rules/common.smk").read_text(encoding="utf-8")
    (source,) = re.findall(r"^def lift_usual_rate.*?(?=\n\n\n)", rules, re.DOTALL | re.MULTILINE)
    defined: dict[str, Any] = {}
    exec(source, defined)  # rules are no module
    workflow = SimpleNamespace(
        scheduling_settings=SimpleNamespace(max_jobs_per_timespan=limit),
        scheduler=SimpleNamespace(job_rate_limiter=limit and JobRateLimiter(limit)),
    )
    defined["lift_usual_rate"](workflow)
    return workflow.scheduler.job_rate_limiter


def test_snakemake_s_usual_rate_of_jobs_is_lifted_and_one_s_own_is_kept() -> None:
    usual = get_argument_parser().get_default("max_jobs_per_timespan")
    assert limits_after_start(MaxJobsPerTimespan.parse_choice(usual)) is None
    assert limits_after_start(None) is None
    own = limits_after_start(MaxJobsPerTimespan.parse_choice("50/1m"))
    assert (own.max_jobs, own.timespan) == (50, 60)
    assert re.search(r"onstart:(\n    .+)*\n    lift_usual_rate\(workflow\)", SNAKEFILE)


def test_a_scheduler_without_a_rate_starts_all_that_fit() -> None:
    """What is lifted is an attribute of Snakemake's own, which another version may rename."""
    scheduler = inspect.getsource(JobScheduler)
    assert "if self.job_rate_limiter is None" in scheduler
    assert "if self.job_rate_limiter is not None" in scheduler
