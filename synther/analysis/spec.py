"""What a comparison table shows, as resolved from `config/`: plain data, in and out of JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from synther.errors import SyntherError, unknown_name


@dataclass(frozen=True)
class DatasetRow:
    """A row: the dataset that was run, and the name that the paper has for it."""

    name: str
    paper_name: str


@dataclass(frozen=True)
class PaperColumns:
    """Which published numbers to print: the file's table, and its names of agents and sources.

    Agents and sources that are left out of the mappings get no paper columns.
    """

    table: str
    agents: dict[str, str]
    variants: dict[str, str]


@dataclass(frozen=True)
class TableSpec:
    """A table as resolved from `config/`: what to print, and how it came about.

    Attributes:
        name: the experiment's slug.
        title: the table's heading.
        preset: slug of the preset that the results are of.
        budget: the preset in words, printed on the table.
        is_paper_protocol: False prints a banner that this is no evidence.
        groups: group -> rows, in order; each group has an average row.
        agents: slug -> name to print, in order.
        sources: slug -> name to print, in order.
        paper: published numbers to print beside, if any.
        bootstrap_reps: resamples of the intervals.
        seed: of the resampling.
        physics: simulator in words, printed where given.
        banner: words of the banner if not the default.
        baseline: the source that others are compared with, if not the first.
        notes: further footnotes.
    """

    name: str
    title: str
    preset: str
    budget: str
    is_paper_protocol: bool
    groups: dict[str, list[DatasetRow]]
    agents: dict[str, str]
    sources: dict[str, str]
    paper: PaperColumns | None = None
    bootstrap_reps: int = 2000
    seed: int = 0
    physics: str = ""
    banner: str = ""
    baseline: str = ""
    notes: list[str] = dataclasses.field(default_factory=list)

    def __post_init__(self) -> None:
        """Check what no table can do without."""
        for kind in ("groups", "agents", "sources"):
            if not getattr(self, kind):
                raise SyntherError(f"table {self.name} has no {kind}; give it at least one")
        if self.baseline and self.baseline not in self.sources:
            raise unknown_name("baseline", self.baseline, self.sources, f"table {self.name}")

    @property
    def banner_text(self) -> str:
        """The line that keeps a preset's numbers from being taken for evidence, or nothing."""
        if self.is_paper_protocol:
            return ""
        return self.banner or f"{self.preset} preset: a check of the pipeline, not evidence"

    @property
    def baseline_source(self) -> str:
        """Slug of the source over which the probability of improvement is."""
        return self.baseline or next(iter(self.sources))

    @property
    def rows(self) -> list[DatasetRow]:
        """The dataset rows of all groups, in order."""
        return [row for rows in self.groups.values() for row in rows]

    def to_dict(self) -> dict[str, Any]:
        """Return plain dictionaries and lists, ready for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> TableSpec:
        """Build a spec from what `to_dict` returned.

        Raises:
            SyntherError: a key is unknown or missing.
        """
        try:
            fields = dict(content)
            fields["groups"] = {
                group: [DatasetRow(**row) for row in rows]
                for group, rows in fields["groups"].items()
            }
            fields["paper"] = PaperColumns(**fields["paper"]) if fields.get("paper") else None
            return cls(**fields)
        except (KeyError, TypeError) as error:
            raise SyntherError(
                f"the table's description is incomplete or wrong: {error}"
            ) from error
