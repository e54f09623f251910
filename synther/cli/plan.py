"""Verbs that say what a preset will cost, and how far it is."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from synther import config
from synther.errors import SyntherError
from synther.experiments import Experiments
from synther.planning.dag import Job, read_jobs
from synther.planning.progress import STATES, JobState, survey
from synther.planning.rates import read_rates
from synther.planning.totals import totals, wall_hours

_COLUMNS = {
    **{"jobs": "jobs", "updates": "updates", "samples": "samples"},
    **{"environment_steps": "env steps", "gpu_hours": "GPU h", "cpu_hours": "CPU h"},
    **{"disk_gb": "disk GB", "memory_gb": "memory GB"},
}


def _jobs(options: argparse.Namespace, from_scratch: bool = False) -> tuple[str, list[Job]]:
    """Return the preset that is planned, and Snakemake's jobs.

    Raises:
        SyntherError: a target is none of the preset's.
    """
    preset = options.preset or config.load("config")["preset"]
    device = options.device or config.load("config")["device"]
    plan = Experiments(preset)
    files = [plan.figures(t)[0] if t in plan.specs else t for t in options.targets]
    jobs = read_jobs(files, preset, device, from_scratch)
    found = sorted({job.preset for job in jobs if job.preset})
    if options.preset and found not in ([], [preset]):
        others = ", ".join(name for name in found if name != preset)
        raise SyntherError(f"{' '.join(options.targets)} is of preset {others}, not '{preset}'")
    return " and ".join(found) or preset, jobs


def plan(options: argparse.Namespace) -> None:
    """Print what the jobs cost that are not done yet."""
    preset, jobs = _jobs(options, options.from_scratch)
    rates = read_rates(options.device or config.load("config")["device"])
    ahead = [job for job in jobs if job.is_due]
    done = len(jobs) - len(ahead)
    gpus = options.gpus if rates.device == "cuda" else 0
    costs = totals(ahead, on_gpus=rates.device == "cuda")
    hours = wall_hours(ahead, options.cores, gpus)
    if options.json:
        content = {
            "preset": preset,
            "folder": str(Path.cwd()),
            "device": rates.device,
            "rates": rates.origin,
            "done": done,
            "total": costs.pop("all"),
            "rules": costs,
            "cores": options.cores,
            "gpus": gpus,
            "wall_hours": hours,
        }
        print(json.dumps(content, indent=2))
        return
    what = " ".join(options.targets) or "all tables and figures"
    counted = f"{len(ahead):,} jobs to run, {done:,} done already"
    print(f"{what}, preset {preset}: {counted}")
    _print_anew(ahead)
    lines = [[rule, *_cells(cost)] for rule, cost in costs.items()]
    print(_aligned([["", *_COLUMNS.values()], *lines]))
    place = f"{options.cores} cores" + (f" and {gpus} GPUs" if gpus else "")
    print(f"At best {_duration(3600 * hours)} on {place}. Rates ({rates.device}): {rates.origin}.")


def status(options: argparse.Namespace) -> None:
    """Print what is done, running, failed and left."""
    preset, jobs = _jobs(options)
    states = survey(jobs)
    counts = {name: sum(state.state == name for state in states) for name in STATES}
    seconds = sum(state.seconds_left for state in states)
    running = counts["running"]
    # As many at once as now; alone, as many as this machine has cores for.
    abreast = running or options.cores
    estimate = seconds / max(abreast, 1)
    if options.json:
        content = {
            "preset": preset,
            "folder": str(Path.cwd()),
            "counts": counts,
            "rules": _by_rule(states),
            "job_seconds_left": seconds,
            "at_once": abreast,
            "seconds_left": estimate,
            "jobs": [_described(state) for state in states if state.state != "done"],
        }
        print(json.dumps(content, indent=2))
        return
    shown = ", ".join(f"{counts[name]:,} {name}" for name in STATES if counts[name])
    print(f"preset {preset}: {shown} of {len(states):,} jobs")
    rules = _by_rule(states)
    table = [["", *STATES], *[[rule, *map(_count, row.values())] for rule, row in rules.items()]]
    print(_aligned(table))
    _print_anew(state.job for state in states if state.state == "left")
    for name in ("running", "queued", "stopped", "failed"):
        for state in states:
            if state.state == name:
                print(f"{name}: {_line(state)}")
    if seconds:
        print(f"About {_duration(estimate)} left with {abreast} jobs at a time.")


def _print_anew(jobs: Iterable[Job]) -> None:
    anew = [job for job in jobs if all(Path(path).exists() for path in job.outputs)]
    if anew:
        print(
            f"{len(anew):,} of these have their files already, which inputs, settings or a device "
            "have changed since: `snakemake -n` says which"
        )


def _by_rule(states: Sequence[JobState]) -> dict[str, dict[str, int]]:
    rules: dict[str, dict[str, int]] = {}
    for state in states:
        rules.setdefault(state.job.rule, dict.fromkeys(STATES, 0))[state.state] += 1
    return rules


def _described(state: JobState) -> dict[str, Any]:
    job = state.job
    return {
        "rule": job.rule,
        "output": job.outputs[0],
        "log": job.log,
        "state": state.state,
        "share": state.share,
        "seconds_left": state.seconds_left,
        "reason": state.reason,
    }


def _line(state: JobState) -> str:
    name = str(Path(state.job.outputs[0]))
    if state.state == "failed":
        return f"{name}: {state.reason} (see {state.job.log})"
    if state.state == "queued":
        return name
    return f"{name}: {100 * state.share:.0f}%, about {_duration(state.seconds_left)} left"


def _count(number: float) -> str:
    for size, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "K")):
        if number >= 10 * size:
            return f"{number / size:,.0f}{suffix}"
        if number >= size:
            return f"{number / size:.1f}{suffix}"
    return f"{number:.0f}" if number else "-"


def _amount(number: float) -> str:
    if number == 0:
        return "-"
    return f"{number:,.0f}" if number >= 10 else f"{number:.2g}"


def _cells(cost: Mapping[str, float]) -> list[str]:
    names = list(_COLUMNS)
    return [*(_count(cost[n]) for n in names[:4]), *(_amount(cost[n]) for n in names[4:])]


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86400:.1f} days"
