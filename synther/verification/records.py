"""Records beside results, held against the files that they name and the present configuration."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synther.config.settings import flat
from synther.errors import SyntherError
from synther.jobs import provenance
from synther.jobs.files import read_json
from synther.verification.findings import Report

SHOWN = 3
"""Differing settings that a finding names."""


@dataclass(frozen=True)
class Result:
    """A result's file, the record of what made it, and the report of what is found of both."""

    path: Path
    record: Mapping[str, Any]
    report: Report

    @classmethod
    def read(cls, path: Path, report: Report, record: Path | None = None) -> Result | None:
        """Return a result with its record; None, having said why, where there is none to use."""
        beside = record or path.with_suffix(".json")
        if not beside.is_file():
            report.add("incomplete", beside, "is missing: the job did not end; run it again")
            return None
        try:
            return cls(path, read_json(beside, "run its rule again"), report)
        except SyntherError as error:
            report.add("damaged", beside, str(error).removeprefix(f"{beside} "))
            return None

    def add(self, kind: str, message: str) -> None:
        """Note a finding."""
        self.report.add(kind, self.path, message)

    def check_says(self, **wanted: Any) -> None:
        """Hold what the record says against what the file and its path say."""
        for name, value in wanted.items():
            if self.record.get(name) != value:
                self.add("damaged", f"its record says {name} {self.record.get(name)}, not {value}")

    def check_asked(self, **now: Any) -> None:
        """Hold what the record says against what the configuration asks for now."""
        for name, value in now.items():
            if self.record.get(name) != value:
                self.add("stale", f"{name} was {self.record.get(name)}, is {value}")

    def check_inputs(self, *names: str, within: str | None = None) -> None:
        """Hold the inputs that the record names against the files that are there now.

        An input is {"path": ..., "sha256": ...}, or a list of them.
        """
        named = self.record.get(within) if within else self.record
        for name in names:
            value = named.get(name) if isinstance(named, Mapping) else None
            if value is None:
                self.add("damaged", f"its record does not say its {name}")
                continue
            for entry in value if isinstance(value, list) else [value]:
                if not isinstance(entry, dict) or not {"path", "sha256"} <= set(entry):
                    self.add("damaged", f"its record's {name} has no path and checksum")
                else:
                    self._check_input(f"its {name}, {entry['path']},", entry)

    def _check_input(self, what: str, entry: Mapping[str, Any]) -> None:
        there = self.report.sums.place(str(entry["path"]))
        if there.is_dir():  # a generator's folder stands for its model
            there /= "model.pt"
        if not there.is_file():
            self.add("unverified", f"{what} is not here")
            return
        then, now = str(entry["sha256"]), self.report.sums.of(there)
        if now is not None and now != then:
            changed = f"sha256 {then[:12]}… then, {now[:12]}… now"
            self.add("stale", f"{what} has changed since: {changed}")

    def check_output(self, key: str) -> None:
        """Hold the file against the checksum that the record has of it, under `key`."""
        if key not in self.record:
            self.add("unverified", "its record has no checksum of it (an older version's)")
            return
        now = self.report.sums.of(self.path)
        if now is not None and now != self.record[key]:
            self.add("damaged", "it is not the file that was written: its checksum differs")

    def check_version(self) -> None:
        """Note a result of another version of the package."""
        made = self.record.get("version", self.record.get("versions", {}).get("synther"))
        if made != provenance.version():
            self.add("unverified", f"made by version {made}, this is {provenance.version()}")

    def check_settings(self, now: Mapping[str, Any], complete: bool = False) -> None:
        """Hold the record's settings against what the configuration resolves to now.

        Args:
            now: the configuration's.
            complete: whether the record has no others than the configuration gave; else it has the
                defaults of what the configuration leaves out besides.
        """
        then = self.record.get("settings")
        if not isinstance(then, Mapping):
            self.add("damaged", "its record has no settings")
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
            self.add("stale", "settings differ: " + "; ".join(changes[:SHOWN]) + more)


def _same(then: Any, now: Any) -> bool:
    if then == now:
        return True
    try:  # YAML 1.1 reads 3e-4 as text
        return float(then) == float(now)
    except (TypeError, ValueError):
        return False
