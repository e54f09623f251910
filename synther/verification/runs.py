"""Training results: rows an evaluation episode, and the record of what made them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from synther.config.specs import agent_settings, online_settings, pixel_settings, task_spec
from synther.statistics.scores import read_result
from synther.verification.findings import Report
from synther.verification.records import Result

INPUTS = {"offline": ("data", "statistics_from"), "online": (), "pixels": ("data", "body")}
"""Part of results/ -> names of the inputs in a run's record."""


def seeds_of(path: Path) -> range:
    """Return the seeds that a run's file says it has, seeds-FIRST-LAST."""
    _, first, last = path.stem.split("-")
    return range(int(first), int(last) + 1)


def check_run(result: Result) -> None:
    """Check one result: its rows, its record, what it was made from, and how."""
    result.report.runs += 1
    names, preset = {"source": "online", **result.names}, result.plan.preset
    part, dataset, source, agent = (names[n] for n in ("part", "dataset", "source", "agent"))
    labels = {"preset": preset, "dataset": dataset, "source": source, "agent": agent}
    with result.otherwise("damaged"):
        rows = read_result(result.path)
    _check_rows(result, rows, labels)
    settings = result.record.get("settings")
    last = settings.get("steps") if isinstance(settings, Mapping) else None
    if last is not None and rows["step"].max() != last:
        result.add("incomplete", f"rows end at step {rows['step'].max()} of {last}; run it again")
    if (part, source) == ("pixels", "real") and not result.path.with_suffix(".pt").is_file():
        result.add("unverified", "the agents' weights (.pt) are removed, or not shipped")
    result.check_says(**labels, seeds=list(seeds_of(result.path)))
    result.check_made("rows_sha256", *INPUTS[part])
    result.check_version()
    with result.otherwise("foreign"):
        if part == "offline":
            result.check_settings(agent_settings(agent, dataset, preset, source))
        elif part == "online":
            result.check_settings(online_settings(agent, dataset, preset))
        else:
            result.check_settings(pixel_settings(agent, dataset, preset))
        limits = task_spec(str(result.record.get("task")))
    reference = [limits["reference_min"], limits["reference_max"]]
    now = {"reference": reference, "time_limit": limits["time_limit"]}  # what scores are made with
    result.check_asked(**{name: now[name] for name in now.keys() & result.record.keys()})


def _check_rows(result: Result, rows: pd.DataFrame, labels: Mapping[str, str]) -> None:
    for name, value in labels.items():
        if others := sorted(set(rows[name]) - {value}):
            result.add("damaged", f"rows say {name} {', '.join(others)}, its path {value}")
    seeds, there = set(seeds_of(result.path)), set(rows["seed"])
    if missing := sorted(seeds - there):
        result.add("incomplete", f"seeds {_listed(missing)} have no rows; run it again")
    if extra := sorted(there - seeds):
        result.add("damaged", f"rows of seeds {_listed(extra)}, which are not its own")
    grids = {
        frozenset(zip(part["step"], part["episode"], strict=True))
        for _, part in rows.groupby("seed")
    }
    if len(grids) > 1:
        result.add("incomplete", "its seeds were not evaluated alike; run it again")


def _listed(values: Iterable[Any]) -> str:
    return ", ".join(map(str, values))


def check_seeds(runs: Iterable[Path], expected: Mapping[Path, set[int]], report: Report) -> None:
    """Find seeds that several files have, and runs of which some of the preset's seeds are missing.

    Args:
        runs: the files that are there.
        expected: folder of a run -> the preset's seeds, of the runs that it has.
        report: takes what is found.
    """
    folders: dict[Path, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    for path in runs:
        for seed in seeds_of(path):
            folders[path.parent][seed].append(path.name)
    for folder, owners in sorted(folders.items()):
        for names in sorted({tuple(names) for names in owners.values() if len(names) > 1}):
            seeds = _listed(seed for seed, own in owners.items() if tuple(own) == names)
            both = f"{' and '.join(names)} both have seeds {seeds}: remove one of them"
            report.add("duplicate", folder, both)
        if (wanted := expected.get(folder)) is None:
            report.add("foreign", folder, "no table of the preset has this run")
        elif missing := sorted(wanted - owners.keys()):
            report.add("incomplete", folder, f"the preset's seeds {_listed(missing)} are missing")
