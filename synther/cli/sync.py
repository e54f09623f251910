"""The verb that hands finished runs to a tracker."""

from __future__ import annotations

import argparse
from pathlib import Path

from synther import config
from synther.errors import SyntherError


def sync(options: argparse.Namespace) -> None:
    """Hand finished runs to wandb."""
    from synther.jobs.tracking import finished_runs, sync_runs

    preset = options.preset or config.load("config")["preset"]
    if options.preset:
        config.load_preset(preset)  # a misspelt one would have no runs
    results = [Path(path) for path in options.results] or finished_runs(preset)
    if not results:
        raise SyntherError(
            f"no finished run in results/{preset}: name another --preset, or result files"
        )
    new, old = sync_runs(results, options.project, Path(options.dir), options.online)
    where = "sent" if options.online else f"stored in {Path(options.dir) / 'wandb'}"
    print(f"{len(new):,} runs {where}, {len(old):,} were already")
    if new and not options.online:
        print("To send them: synther sync --online, or `wandb sync --sync-all` from there")
