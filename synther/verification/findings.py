"""What a look at results finds."""

from collections import Counter
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
KINDS = {**WRONG, **NOTES}


@dataclass(frozen=True)
class Finding:
    """One thing found: its kind, of `KINDS`, the file, and what about it."""

    kind: str
    path: str
    message: str

    @property
    def is_wrong(self) -> bool:
        """Whether the file should not be used as it is."""
        return self.kind in WRONG

    def __str__(self) -> str:
        return f"{self.kind:<10}  {self.path}: {self.message}"


@dataclass
class Report:
    """Everything found.

    Attributes:
        base: the folder that records' paths are relative to.
        has_checksums: whether files are read for their checksums, each once.
        findings: in the order of the files.
        checked: results looked at, what they are made from included.
        runs: training results among them.
        expected: training results that their presets have in all.
        pipeline_checks: those of the presets whose numbers are no evidence.
    """

    base: Path
    has_checksums: bool = True
    findings: list[Finding] = field(default_factory=list)
    checked: int = 0
    runs: int = 0
    expected: int = 0
    pipeline_checks: list[str] = field(default_factory=list)
    _sums: dict[Path, str] = field(default_factory=dict)

    @property
    def wrong(self) -> int:
        """How many findings make a result unfit for a table."""
        return sum(finding.is_wrong for finding in self.findings)

    def sum_of(self, path: Path) -> str | None:
        """Return a file's SHA-256; None where no file is read."""
        if self.has_checksums and path not in self._sums:
            self._sums[path] = sha256(path)
        return self._sums.get(path)

    def add(self, kind: str, path: Path | str, message: str) -> None:
        """Note a finding."""
        assert kind in KINDS
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
        counts = Counter(finding.kind for finding in self.findings)
        found = ", ".join(f"{counts[kind]} {kind}" for kind in KINDS if counts[kind])
        names = ", ".join(self.pipeline_checks)
        summary = (
            f"{self.checked} results checked, among them {self.runs} of the {self.expected} runs "
            f"of their presets{names and f' (pipeline check, no evidence: {names})'}: "
            f"{found or 'all is well'}"
        )
        return [*lines, summary]

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        names = ("checked", "runs", "expected", "pipeline_checks", "wrong")
        findings = [{**vars(finding), "wrong": finding.is_wrong} for finding in self.findings]
        return {name: getattr(self, name) for name in names} | {"findings": findings}
