"""What every table and figure shows: a heading, agents, and how its intervals are made."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from synther.errors import SyntherError, unknown_name

NO_EVIDENCE = "a check of the pipeline, not evidence"
BELOW_PROTOCOL = "below the paper's protocol"


@dataclass(frozen=True)
class DatasetRow:
    """A dataset that was run, and the paper's that it is, or stands in for.

    `published` is what the paper's numbers call that one, if not by its name.
    """

    name: str
    paper_name: str
    published: str = ""

    @property
    def is_stand_in(self) -> bool:
        """Whether the paper's numbers are of another dataset."""
        return self.name != self.paper_name


@dataclass(frozen=True)
class PaperColumns:
    """Which published numbers to print: the file's table, and its names of agents and sources.

    Agents and sources that are left out of the mappings get no paper columns. `also` names other
    tables of published numbers, each with its variant, that get columns besides; `measures` has the
    file's name of each measure of samples.
    """

    table: str
    agents: dict[str, str] = dataclasses.field(default_factory=dict)
    variants: dict[str, str] = dataclasses.field(default_factory=dict)
    also: dict[str, str] = dataclasses.field(default_factory=dict)
    measures: dict[str, str] = dataclasses.field(default_factory=dict)
    datasets: dict[str, str] = dataclasses.field(default_factory=dict)

    def columns(self, sources: Iterable[str]) -> Iterable[tuple[str, str, str]]:
        """Yield (key, table, variant) of every published column an agent has.

        The key is the source that it stands beside, or the other table's name.
        """
        for source in sources:
            if source in self.variants:
                yield source, self.table, self.variants[source]
        for table, variant in self.also.items():
            yield table, table, variant


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What every kind of table and figure has in common.

    Attributes:
        name: the experiment's slug.
        title: the heading.
        preset: slug of the preset that the results are of.
        budget: the preset in words, printed on it.
        is_paper_protocol: False prints a banner that says so.
        agents: slug -> name to print, in order.
        bootstrap_reps: resamples of the intervals.
        seed: of the resampling.
        physics: simulator in words, printed where given.
        banner: words of the banner if not the default.
        is_evidence: False where the preset checks the pipeline: nothing is held against the paper.
        notes: further footnotes.
    """

    kind: ClassVar[str]

    name: str
    title: str
    preset: str
    budget: str
    is_paper_protocol: bool
    agents: dict[str, str]
    bootstrap_reps: int = 2000
    seed: int = 0
    physics: str = ""
    banner: str = ""
    is_evidence: bool = True
    notes: list[str] = dataclasses.field(default_factory=list)

    def require(self, *fields: str) -> None:
        """Check that fields which it can't do without aren't empty."""
        for field in fields:
            if not getattr(self, field):
                raise SyntherError(f"{self.kind} {self.name} has no {field}; give it at least one")

    def require_known(self, what: str, name: str, known: Iterable[str]) -> None:
        """Check that a name, where one is given, is among the known ones."""
        if name and name not in known:
            raise unknown_name(what, name, known, f"{self.kind} {self.name}")

    @property
    def banner_text(self) -> str:
        """The line that keeps a preset's numbers from being taken for the paper's, or nothing."""
        if not self.is_evidence:
            return f"{self.preset} preset: {NO_EVIDENCE}"
        if self.is_paper_protocol:
            return ""
        return f"{self.preset} preset: {self.banner or BELOW_PROTOCOL}"

    @property
    def provenance_lines(self) -> tuple[str, ...]:
        """The preset with its budget, and the simulator where it is given."""
        starts = self.budget.startswith(self.preset)
        named = self.budget if starts else f"{self.preset}: {self.budget}"
        lines = (f"Preset {named if self.budget else self.preset}",)
        return (*lines, f"Physics: {self.physics}") if self.physics else lines

    def heading(self) -> dict[str, Any]:
        """Return the fields of a `Sheet` that stand above its content."""
        return {
            **{"name": self.name, "kind": self.kind, "title": self.title, "preset": self.preset},
            "lines": self.provenance_lines,
            "banner": self.banner_text,
        }
