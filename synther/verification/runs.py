"""Training results: rows an evaluation episode, and the record of what made them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from synther.config.specs import agent_settings, online_settings, pixel_settings, task_spec
from synther.errors import SyntherError
from synther.statistics.scores import read_result
from synther.verification.findings import Report
from synther.verification.records import Result


@dataclass(frozen=True)
class RunFile:
    """One file of rows, and what its path says of it."""

    path: Path
    kind: str
    """offline, online or pixels."""
    preset: str
    dataset: str
    source: str
    agent: str
    seeds: tuple[int, ...]

    @property
    def labels(self) -> dict[str, str]:
        """What every row's text columns should say."""
        return {name: getattr(self, name) for name in ("preset", "dataset", "source", "agent")}

    def settings(self) -> dict[str, Any]:
        """Return what the configuration asks of it now."""
        if self.kind == "offline":
            return agent_settings(self.agent, self.dataset, self.preset, self.source)
        if self.kind == "online":
            return online_settings(self.agent, self.dataset, self.preset)
        return pixel_settings(self.agent, self.dataset, self.preset)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the inputs in its record."""
        every = {"offline": ("data", "statistics_from"), "online": (), "pixels": ("data", "body")}
        return every[self.kind]


def check_run(run: RunFile, report: Report) -> None:
    """Check one result: its rows, its record, what it was made from, and how."""
    report.checked += 1
    report.runs += 1
    try:
        rows = read_result(run.path)
    except SyntherError as error:
        kind = "duplicate" if "is there twice" in str(error) else "damaged"
        report.add(kind, run.path, str(error).removeprefix(f"{run.path}: "))
        return
    result = Result.read(run.path, report)
    _check_rows(run, rows, result.record if result else {}, report)
    if result is None:
        return
    if run.kind == "pixels" and run.source == "real" and not run.path.with_suffix(".pt").is_file():
        result.add("unverified", "the agents' weights (.pt) are removed, or not shipped")
    result.check_says(**run.labels, seeds=list(run.seeds))
    result.check_output("rows_sha256")
    result.check_inputs(*run.inputs)
    result.check_version()
    try:
        result.check_settings(run.settings())
        limits = task_spec(str(result.record.get("task")))
    except SyntherError as error:
        result.add("foreign", str(error))
        return
    reference = [limits["reference_min"], limits["reference_max"]]
    now = {"reference": reference, "time_limit": limits["time_limit"]}  # what scores are made with
    result.check_asked(**{name: now[name] for name in now.keys() & result.record.keys()})


def _check_rows(
    run: RunFile, rows: pd.DataFrame, record: Mapping[str, Any], report: Report
) -> None:
    for name, value in run.labels.items():
        others = sorted(set(rows[name]) - {value})
        if others:
            report.add(
                "damaged", run.path, f"rows say {name} {', '.join(others)}, its path {value}"
            )
    missing = sorted(set(run.seeds) - set(rows["seed"]))
    if missing:
        report.add("incomplete", run.path, f"seeds {_listed(missing)} have no rows; run it again")
    extra = sorted(set(rows["seed"]) - set(run.seeds))
    if extra:
        report.add("damaged", run.path, f"rows of seeds {_listed(extra)}, which are not its own")
    grids = {
        seed: frozenset(zip(part["step"], part["episode"], strict=True))
        for seed, part in rows.groupby("seed")
    }
    if len(set(grids.values())) > 1:
        report.add("incomplete", run.path, "its seeds were not evaluated alike; run it again")
    settings = record.get("settings")
    last = settings.get("steps") if isinstance(settings, Mapping) else None
    if last is not None and rows["step"].max() != last:
        report.add(
            "incomplete", run.path, f"rows end at step {rows['step'].max()} of {last}; run it again"
        )


def _listed(seeds: Iterable[int]) -> str:
    return ", ".join(map(str, seeds))


def check_seeds(runs: Iterable[RunFile], expected: Mapping[str, set[int]], report: Report) -> None:
    """Find seeds that several files have, and runs of which some of the preset's seeds are missing.

    Args:
        runs: the files that are there.
        expected: folder of a run -> the preset's seeds, of the runs that it has.
        report: takes what is found.
    """
    folders: dict[Path, list[RunFile]] = defaultdict(list)
    for run in runs:
        folders[run.path.parent].append(run)
    for folder, files in sorted(folders.items()):
        owners: dict[int, list[str]] = defaultdict(list)
        for run in files:
            for seed in run.seeds:
                owners[seed].append(run.path.name)
        for names in sorted({tuple(names) for names in owners.values() if len(names) > 1}):
            seeds = [seed for seed, own in owners.items() if tuple(own) == names]
            report.add(
                "duplicate",
                folder,
                f"{' and '.join(names)} both have seeds {_listed(seeds)}: remove one of them",
            )
        wanted = expected.get(str(folder))
        if wanted is None:
            report.add("foreign", folder, "no table of the preset has this run")
        elif missing := sorted(wanted - set(owners)):
            report.add("incomplete", folder, f"the preset's seeds {_listed(missing)} are missing")
