"""Verbs that say what a preset will cost and how far it is, and write the workflow out."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from pathlib import Path

from tyro.conf import Positional

from synther import config
from synther.cli.options import Count, Options, Verb
from synther.errors import SyntherError
from synther.experiments import Experiments
from synther.jobs.threads import cores
from synther.planning.checkout import write_workflow
from synther.planning.dag import Job, read_jobs
from synther.planning.progress import STATES, JobState, survey
from synther.planning.rates import read_rates
from synther.planning.resources import totals, wall_hours

_COLUMNS = {
    **{"jobs": "jobs", "updates": "updates", "samples": "samples"},
    **{"environment_steps": "env steps", "gpu_hours": "GPU h", "cpu_hours": "CPU h"},
    **{"disk_gb": "disk GB", "memory_gb": "memory GB"},
}


class _Targets(Options):
    """What of the workflow is looked at."""

    targets: Positional[tuple[str, ...]] = ()  # experiments, or as snakemake's; all
    preset: str | None = None  # the target's, or that of config/config.yaml
    device: str | None = None
    """as snakemake's --config device=...; that of config/config.yaml"""
    cores: Count = field(default_factory=cores)  # to run on
    json: bool = False  # print JSON

    def asked(self) -> dict[str, str]:
        """Return preset and device, as snakemake has them."""
        given = {"preset": self.preset, "device": self.device}
        return {key: value or config.load("config")[key] for key, value in given.items()}

    def files(self) -> list[str]:
        """Return the targets, with a file in place of an experiment."""
        plan = Experiments(self.asked()["preset"])
        return [plan.figures(t)[0] if t in plan.specs else t for t in self.targets]

    def jobs(self, from_scratch: bool = False) -> tuple[str, list[Job]]:
        """Return the preset that is planned, and Snakemake's jobs.

        Raises:
            SyntherError: a target is none of the preset's.
        """
        asked = self.asked()
        preset = asked["preset"]
        jobs = read_jobs(self.files(), **asked, from_scratch=from_scratch)
        found = sorted({job.preset for job in jobs if job.preset})
        if self.preset and found not in ([], [preset]):
            others = ", ".join(name for name in found if name != preset)
            raise SyntherError(f"{' '.join(self.targets)} is of preset {others}, not '{preset}'")
        return " and ".join(found) or preset, jobs

    def print_anew(self, jobs: Iterable[Job]) -> None:
        """Say how many of the jobs that are to run have their files already."""
        if anew := sum(all(Path(path).exists() for path in job.outputs) for job in jobs):
            asked = " ".join(f"{key}={value}" for key, value in self.asked().items())
            command = " ".join(["snakemake -n", *self.files(), "--config", asked])
            print(
                f"{anew:,} of these have their files already, which inputs, settings or a device "
                f"have changed since: `{command}` says which"
            )


class Plan(_Targets, Verb):
    """Print what the jobs cost that are not done yet."""

    gpus: Count = 1  # to run on, where --device has
    from_scratch: bool = False  # count what is done already, too

    def __call__(self) -> None:
        preset, jobs = self.jobs(self.from_scratch)
        rates = read_rates(self.asked()["device"])
        ahead = [job for job in jobs if job.is_due]
        done = len(jobs) - len(ahead)
        gpus = self.gpus if rates.device == "cuda" else 0
        costs = totals(ahead, on_gpus=rates.device == "cuda")
        hours = wall_hours(ahead, self.cores, gpus)
        if self.json:
            content = {
                "preset": preset,
                "folder": str(Path.cwd()),
                "device": rates.device,
                "rates": rates.origin,
                "done": done,
                "total": costs.pop("all"),
                "rules": costs,
                "cores": self.cores,
                "gpus": gpus,
                "wall_hours": hours,
            }
            print(json.dumps(content, indent=2))
            return
        what = " ".join(self.targets) or "all tables and figures"
        print(f"{what}, preset {preset}: {len(ahead):,} jobs to run, {done:,} done already")
        self.print_anew(ahead)
        print(_aligned(_COLUMNS.values(), [[rule, *_cells(cost)] for rule, cost in costs.items()]))
        place = f"{self.cores} cores" + (f" and {gpus} GPUs" if gpus else "")
        took = f"At best {_duration(3600 * hours)} on {place}."
        print(f"{took} Rates ({rates.device}): {rates.origin}.")


class Status(_Targets, Verb):
    """Print how far the jobs are."""

    def __call__(self) -> None:
        preset, jobs = self.jobs()
        states = survey(jobs)
        rules: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(STATES, 0))
        for state in states:
            rules[state.job.rule][state.state] += 1
        counts = {name: sum(row[name] for row in rules.values()) for name in STATES}
        seconds = sum(state.seconds_left for state in states)
        # As many at once as now; alone, as many as this machine has cores for.
        abreast = counts["running"] or self.cores
        estimate = seconds / max(abreast, 1)
        if self.json:
            content = {
                "preset": preset,
                "folder": str(Path.cwd()),
                "counts": counts,
                "rules": rules,
                "job_seconds_left": seconds,
                "at_once": abreast,
                "seconds_left": estimate,
                "jobs": [state.to_dict() for state in states if state.state != "done"],
            }
            print(json.dumps(content, indent=2))
            return
        shown = ", ".join(f"{counts[name]:,} {name}" for name in STATES if counts[name])
        print(f"preset {preset}: {shown} of {len(states):,} jobs")
        print(_aligned(STATES, [[rule, *map(_count, row.values())] for rule, row in rules.items()]))
        self.print_anew(state.job for state in states if state.state == "left")
        for name in ("running", "queued", "stopped", "failed"):
            for state in states:
                if state.state == name:
                    print(f"{name}: {_line(state)}")
        if seconds:
            print(f"About {_duration(estimate)} left with {abreast} jobs at a time.")


class Workflow(Verb):
    """Write Snakefile, rules, profiles and config/ into a folder; `snakemake` there runs them."""

    folder: Positional[Path]  # a new one, or one without any of these files

    def __call__(self) -> None:
        print(write_workflow(self.folder))


def _line(state: JobState) -> str:
    name = state.job.outputs[0]
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


def _aligned(columns: Iterable[str], rows: Sequence[Sequence[str]]) -> str:
    from tabulate import tabulate

    names = ["", *columns]
    sides = ["left"] + ["right"] * (len(names) - 1)
    return tabulate(rows, names, tablefmt="plain", colalign=sides, disable_numparse=True)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86400:.1f} days"
