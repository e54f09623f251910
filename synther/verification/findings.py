"""What a look at results finds."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from synther.jobs.files import sha256

WRONG = {
    "damaged": "can't be read, or is not what was written",
    "incomplete": "a part of it is missing",
    "duplicate": "is there twice",
    "stale": "was made from other data, or with another configuration, than there is now",
}
"""Kinds of findings that make a result unfit for a table."""
NOTES = {
    "unfinished": "what a job left that did not end, and goes on from",
    "unverified": "can't be checked here",
    "foreign": "belongs to nothing that is configured",
}
"""Kinds of findings that are good to know."""


@dataclass(frozen=True)
class Finding:
    """One thing found: its kind, of `WRONG` or `NOTES`, the file, and what about it."""

    kind: str
    path: str
    message: str

    @property
    def is_wrong(self) -> bool:
        """Whether the file should not be used as it is."""
        return self.kind in WRONG

    def __str__(self) -> str:
        return f"{self.kind:<10}  {self.path}: {self.message}"


class Checksums:
    """Checksums of files, each worked out once; None where they are not wanted.

    Args:
        base: the folder that records' paths are relative to.
        wanted: whether any file is read for its checksum.
    """

    def __init__(self, base: Path, wanted: bool = True) -> None:
        self._base, self._wanted = base, wanted
        self._known: dict[Path, str] = {}

    def place(self, path: str) -> Path:
        """Return where a path of a record is now."""
        return self._base / path

    def of(self, path: Path) -> str | None:
        """Return a file's SHA-256."""
        if not self._wanted:
            return None
        if path not in self._known:
            self._known[path] = sha256(path)
        return self._known[path]


@dataclass
class Report:
    """Everything found.

    Attributes:
        sums: checksums of the files that there are.
        findings: in the order of the files.
        checked: results looked at, what they are made from included.
        runs: training results among them.
        expected: training results that their presets have in all.
        pipeline_checks: those of the presets whose numbers are no evidence.
    """

    sums: Checksums
    findings: list[Finding] = field(default_factory=list)
    checked: int = 0
    runs: int = 0
    expected: int = 0
    pipeline_checks: list[str] = field(default_factory=list)

    @property
    def wrong(self) -> int:
        """How many findings make a result unfit for a table."""
        return sum(finding.is_wrong for finding in self.findings)

    def add(self, kind: str, path: Path | str, message: str) -> None:
        """Note a finding."""
        assert kind in WRONG or kind in NOTES
        self.findings.append(Finding(kind, str(path), message))

    def lines(self) -> list[str]:
        """Return the report for people: all that is wrong, and notes that say the same as one."""
        alike: dict[tuple[str, str], list[Finding]] = {}
        for finding in self.findings:
            key = (finding.path, "") if finding.is_wrong else (finding.kind, finding.message)
            alike.setdefault(key, []).append(finding)
        lines: list[str] = []
        for group in alike.values():
            if group[0].is_wrong or len(group) == 1:
                lines += map(str, group)
            else:
                lines.append(f"{group[0]} (and {len(group) - 1} more like it)")
        return [*lines, self.summary()]

    def summary(self) -> str:
        """Return the last line for people."""
        kinds = {**WRONG, **NOTES}
        counts = {kind: sum(f.kind == kind for f in self.findings) for kind in kinds}
        found = ", ".join(f"{number} {kind}" for kind, number in counts.items() if number)
        names = ", ".join(self.pipeline_checks)
        return (
            f"{self.checked} results checked, among them {self.runs} of the {self.expected} runs "
            f"of their presets{names and f' (pipeline check, no evidence: {names})'}: "
            f"{found or 'all is well'}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return {
            "checked": self.checked,
            "runs": self.runs,
            "expected": self.expected,
            "pipeline_checks": self.pipeline_checks,
            "wrong": self.wrong,
            "findings": [{**vars(finding), "wrong": finding.is_wrong} for finding in self.findings],
        }
