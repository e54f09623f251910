"""Records beside results, held against the files that they name and the present configuration."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from synther.config.settings import flat
from synther.errors import SyntherError
from synther.jobs import provenance
from synther.jobs.files import read_json
from synther.verification.findings import Checksums, Report

SHOWN = 3
"""Differing settings that a finding names."""


def read_record(path: Path, report: Report) -> dict[str, Any] | None:
    """Return a result's record; None, having said why, where there is none to use."""
    if not path.is_file():
        report.add("incomplete", path, "is missing: the job did not end; run it again")
        return None
    try:
        return read_json(path, "run its rule again")
    except SyntherError as error:
        report.add("damaged", path, str(error).removeprefix(f"{path} "))
        return None


def check_inputs(
    record: Mapping[str, Any], names: tuple[str, ...], path: Path, sums: Checksums, report: Report
) -> None:
    """Hold the inputs that a record names, by `names`, against the files that are there now.

    An input is {"path": ..., "sha256": ...}, or a list of them.
    """
    for name in names:
        value = record.get(name)
        if value is None:
            report.add("damaged", path, f"its record does not say its {name}")
            continue
        for entry in value if isinstance(value, list) else [value]:
            if not isinstance(entry, dict) or not {"path", "sha256"} <= set(entry):
                report.add("damaged", path, f"its record's {name} has no path and checksum")
                continue
            _check_input(name, entry, path, sums, report)


def _check_input(
    name: str, entry: Mapping[str, Any], path: Path, sums: Checksums, report: Report
) -> None:
    there = sums.place(str(entry["path"]))
    if there.is_dir():  # a generator's folder stands for its model
        there /= "model.pt"
    if not there.is_file():
        report.add("unverified", path, f"its {name}, {entry['path']}, is not here")
        return
    now = sums.of(there)
    if now is not None and now != entry["sha256"]:
        report.add(
            "stale",
            path,
            f"its {name}, {entry['path']}, has changed since: sha256 {str(entry['sha256'])[:12]}… "
            f"then, {now[:12]}… now",
        )


def check_output(
    record: Mapping[str, Any], key: str, path: Path, sums: Checksums, report: Report
) -> None:
    """Hold a file against the checksum that its record has of it, under `key`."""
    if key not in record:
        report.add("unverified", path, "its record has no checksum of it (an older version's)")
        return
    now = sums.of(path)
    if now is not None and now != record[key]:
        report.add("damaged", path, "it is not the file that was written: its checksum differs")


def check_version(record: Mapping[str, Any], path: Path, report: Report) -> None:
    """Note a result of another version of the package."""
    made = record.get("version", record.get("versions", {}).get("synther"))
    if made != provenance.version():
        report.add("unverified", path, f"made by version {made}, this is {provenance.version()}")


def check_settings(
    then: Any, now: Mapping[str, Any], path: Path, report: Report, complete: bool = False
) -> None:
    """Hold a record's settings against what the configuration resolves to now.

    Args:
        then: the record's.
        now: the configuration's.
        path: the result.
        report: takes what is found.
        complete: whether the record has no others than the configuration gave; else it has the
            defaults of what the configuration leaves out besides.
    """
    if not isinstance(then, Mapping):
        report.add("damaged", path, "its record has no settings")
        return
    before, present = flat(then), flat(json.loads(json.dumps(dict(now))))
    changes = [
        f"{key} was {before.get(key, 'not set')}, is {value}"
        for key, value in present.items()
        if not _same(before.get(key), value)
    ]
    if complete:
        changes += [f"{key} was {before[key]}, is not set" for key in before.keys() - present]
    if changes:
        more = f"; and {len(changes) - SHOWN} more" if len(changes) > SHOWN else ""
        report.add("stale", path, "settings differ: " + "; ".join(changes[:SHOWN]) + more)


def _same(then: Any, now: Any) -> bool:
    if then == now:
        return True
    try:  # YAML 1.1 reads 3e-4 as text
        return float(then) == float(now)
    except (TypeError, ValueError):
        return False
