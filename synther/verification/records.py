"""Results, held against the records beside them, the files that these name, and config/."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

from synther.config.settings import flat
from synther.errors import SyntherError
from synther.experiments import Experiments
from synther.jobs import provenance
from synther.jobs.files import read_json
from synther.verification.findings import Report

SHOWN = 3
"""Differing settings that a finding names."""


class Settled(Exception):
    """Nothing more can be said of a result: what was found of it is in the report."""


@dataclass(frozen=True)
class Result:
    """A result's file, and who is told what is found of it.

    Attributes:
        path: the file.
        names: what its path says of it: dataset, source, agent, ...
        plan: its preset's experiments.
        report: takes what is found.
    """

    path: Path
    names: Mapping[str, str]
    plan: Experiments
    report: Report

    def add(self, kind: str, message: str, path: Path | None = None) -> None:
        """Note a finding, of another file than the result's where one is named."""
        self.report.add(kind, path or self.path, message)

    def give_up(self, kind: str, message: str, path: Path | None = None) -> NoReturn:
        """Note a finding after which the rest can't be checked."""
        self.add(kind, message, path)
        raise Settled

    @contextmanager
    def otherwise(self, kind: str, path: Path | None = None) -> Iterator[None]:
        """Within the block, an error is a finding of that kind, and the last."""
        try:
            yield
        except SyntherError as error:
            message = str(error).removeprefix(str(path or self.path)).lstrip(": ")
            if "is there twice" in message:
                kind = "duplicate"
            self.give_up(kind, message, path)

    @cached_property
    def record(self) -> dict[str, Any]:
        """What the record beside it says, that of a model in its folder's fit.json."""
        is_model = self.path.name == "model.pt"
        beside = self.path.with_name("fit.json") if is_model else self.path.with_suffix(".json")
        if not beside.is_file():
            self.give_up("incomplete", "is missing: the job did not end; run it again", beside)
        with self.otherwise("damaged", beside):
            return read_json(beside, "run its rule again")

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

    def check_made(self, output: str, *inputs: str, within: str | None = None) -> None:
        """Hold the file, and then `check_inputs`, against the checksums that the record has.

        Args:
            output: key of the file's own checksum.
            inputs: keys of inputs.
            within: key of the object that has the inputs, if not the record.
        """
        if output not in self.record:
            self.add("unverified", "its record has no checksum of it (an older version's)")
        elif self.report.sum_of(self.path) not in (None, self.record[output]):
            self.add("damaged", "it is not the file that was written: its checksum differs")
        self.check_inputs(*inputs, within=within)

    def check_inputs(self, *inputs: str, within: str | None = None) -> None:
        """Hold inputs that the record names against its checksums of them.

        Args:
            inputs: their keys, {"path": ..., "sha256": ...} or a list of these.
            within: key of the object that has the inputs, if not the record.
        """
        named = self.record.get(within) if within else self.record
        for name in inputs:
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
        there = self.report.base / str(entry["path"])
        if there.is_dir():  # a generator's folder stands for its model
            there /= "model.pt"
        if not there.is_file():
            self.add("unverified", f"{what} is not here")
            return
        then, now = str(entry["sha256"]), self.report.sum_of(there)
        if now is not None and now != then:
            changed = f"sha256 {then[:12]}… then, {now[:12]}… now"
            self.add("stale", f"{what} has changed since: {changed}")

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
            if before.get(key) != value
        ]
        if complete:
            changes += [f"{key} was {before[key]}, is not set" for key in before.keys() - present]
        if changes:
            more = f"; and {len(changes) - SHOWN} more" if len(changes) > SHOWN else ""
            self.add("stale", "settings differ: " + "; ".join(changes[:SHOWN]) + more)
