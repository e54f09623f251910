"""What a table or figure shows, as resolved from `config/`: plain data, in and out of JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

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


@dataclass(frozen=True)
class PaperColumns:
    """Which published numbers to print: the file's table, and its names of agents and sources.

    Agents and sources that are left out of the mappings get no paper columns. `also` names other
    tables of published numbers, each with its variant, that get columns besides.
    """

    table: str
    agents: dict[str, str]
    variants: dict[str, str]
    also: dict[str, str] = dataclasses.field(default_factory=dict)

    def columns(self, sources: Iterable[str]) -> Iterable[tuple[str, str, str]]:
        """Yield (key, table, variant) of every published column an agent has.

        The key is the source that it stands beside, or the other table's name.
        """
        for source in sources:
            if source in self.variants:
                yield source, self.table, self.variants[source]
        for table, variant in self.also.items():
            yield table, table, variant


@dataclass(frozen=True)
class Scaling:
    """Agents beside their larger versions, and what the paper claims of these.

    Attributes:
        pairs: slug of an agent -> slug of the same with larger networks.
        claim: which of the paper's claims to print beside (its `dataset` in the paper's numbers).
        claim_source: the source that the claim is about, if not the first beside the baseline.
        claim_percent: what the claim is expected to say; a file that says otherwise is an error.
        claim_status: the status that it is expected to have there; likewise.
        group: the table's group to average over, if not all datasets.
    """

    pairs: dict[str, str]
    claim: str = "AVERAGE (scaled network)"
    claim_source: str = ""
    claim_percent: float | None = None
    claim_status: str = ""
    group: str = ""


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
    def provenance_lines(self) -> list[str]:
        """The preset with its budget, and the simulator where it is given."""
        starts = self.budget.startswith(self.preset)
        named = self.budget if starts else f"{self.preset}: {self.budget}"
        lines = [f"Preset {named if self.budget else self.preset}"]
        return [*lines, f"Physics: {self.physics}"] if self.physics else lines

    def to_dict(self) -> dict[str, Any]:
        """Return plain dictionaries and lists with the kind, ready for JSON."""
        return {"kind": self.kind} | dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Build a spec from what `to_dict` returned; the kind may be left out.

        Raises:
            SyntherError: it is of another kind, or a key is unknown or missing.
        """
        if (kind := content.get("kind", cls.kind)) != cls.kind:
            raise SyntherError(f"a {kind} was given where a {cls.kind} is wanted")
        try:
            return cls(**cls._parse({k: v for k, v in content.items() if k != "kind"}))
        except (KeyError, TypeError, AttributeError) as error:
            raise SyntherError(
                f"the description of the {cls.kind} is incomplete or wrong: {error}"
            ) from error

    @classmethod
    def _parse(cls, fields: dict[str, Any]) -> dict[str, Any]:
        """Turn what JSON has of the fields into what the class has."""
        return fields


@dataclass(frozen=True, kw_only=True)
class TableSpec(Spec):
    """A comparison of sources and agents: a row a dataset, a column an agent and source.

    Attributes:
        groups: group -> rows, in order; each group has an average row.
        sources: slug -> name to print, in order.
        paper: published numbers to print beside, if any.
        baseline: the source that others are compared with, if not the first.
        scaling: agents to set beside their larger versions, if any.
    """

    kind: ClassVar[str] = "comparison"

    groups: dict[str, list[DatasetRow]]
    sources: dict[str, str]
    paper: PaperColumns | None = None
    baseline: str = ""
    scaling: Scaling | None = None

    def __post_init__(self) -> None:
        """Check what no table can do without."""
        self.require("groups", "agents", "sources")
        self.require_known("baseline", self.baseline, self.sources)
        if self.scaling:
            for small, large in self.scaling.pairs.items():
                self.require_known("agent of a pair", small, self.agents)
                self.require_known("agent of a pair", large, self.agents)
            self.require_known("source of a claim", self.scaling.claim_source, self.sources)
            self.require_known("group", self.scaling.group, self.groups)

    @property
    def baseline_source(self) -> str:
        """Slug of the source over which the probability of improvement is."""
        return self.baseline or next(iter(self.sources))

    @property
    def rows(self) -> list[DatasetRow]:
        """The dataset rows of all groups, in order."""
        return [row for rows in self.groups.values() for row in rows]

    @classmethod
    def _parse(cls, fields: dict[str, Any]) -> dict[str, Any]:
        groups = {
            name: [DatasetRow(**row) for row in rows] for name, rows in fields["groups"].items()
        }
        paper, scaling = fields.get("paper"), fields.get("scaling")
        return fields | {
            "groups": groups,
            "paper": PaperColumns(**paper) if paper else None,
            "scaling": Scaling(**scaling) if scaling else None,
        }
