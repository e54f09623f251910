"""What the verdict on the paper's claims is made from, as resolved from `config/`."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar

from synther.analysis.spec import Spec

RULES = ("parity", "at_least", "better", "gain", "ratio")
MEASURES = ("score", "percent", "marginal", "correlation", "dynamics", "compression")


@dataclass(frozen=True)
class Cell:
    """What one side has in one stratum (a dataset, or a share of one).

    Attributes:
        dataset: what was run.
        paper_name: what that is, or stands in for.
        source: slug of what was learned from or generated.
        agent: slug; empty where samples are measured.
        steps: the protocol's updates or environment steps.
        results: paths of the agent's rows, each with its record beside it as .json.
        files: "fidelity" and "fit" -> path, where samples are measured.
    """

    dataset: str
    paper_name: str
    source: str
    agent: str
    steps: int
    results: list[str]
    files: dict[str, str]


@dataclass(frozen=True)
class Side:
    """What is compared: a cell a stratum of the protocol, None where the preset leaves it out."""

    label: str
    cells: list[Cell | None]

    @classmethod
    def parse(cls, content: dict[str, Any]) -> Side:
        """Build a side from plain data."""
        return cls(content["label"], [Cell(**cell) if cell else None for cell in content["cells"]])


@dataclass(frozen=True)
class Claim:
    """A claim of the paper.

    Attributes:
        name: slug.
        statement: in our words.
        status: where it is known from, one of `paper.STATUSES`.
        provenance: the same in words.
        experiment: whose runs decide it.
        budget: that one's, in words.
        measure: one of `MEASURES`.
        rule: one of `RULES`.
        margin: of parity, in the measure's unit.
        expected: the claimed value, if the rule has one.
        seeds: how many the protocol has; 0 where nothing has seeds.
        of: what the claim is about.
        against: what it is held against, stratum by stratum.
        majority: each stratum is decided by itself, and most of them have to hold.
    """

    name: str
    statement: str
    status: str
    provenance: str
    experiment: str
    budget: str
    measure: str
    rule: str
    margin: float
    expected: float | None
    seeds: int
    of: Side
    against: list[Side]
    majority: bool = False

    @classmethod
    def parse(cls, content: dict[str, Any]) -> Claim:
        """Build a claim from plain data."""
        sides = {
            "of": Side.parse(content["of"]),
            "against": [Side.parse(side) for side in content["against"]],
        }
        return cls(**(content | sides))


@dataclass(frozen=True, kw_only=True)
class ClaimsSpec(Spec):
    """All claims."""

    kind: ClassVar[str] = "claims"

    claims: list[Claim]

    def __post_init__(self) -> None:
        """Check what can't be done without."""
        self.require("claims")
        for claim in self.claims:
            self.require_known("rule", claim.rule, RULES)
            self.require_known("measure", claim.measure, MEASURES)

    @property
    def banner_text(self) -> str:
        """The line that keeps a preset's verdicts from being taken for more than they are."""
        if self.is_paper_protocol or not self.is_evidence:
            return super().banner_text
        return f"{self.preset} preset: below the protocol, no verdict is more than indicative"

    @classmethod
    def _parse(cls, fields: dict[str, Any]) -> dict[str, Any]:
        claims = [
            claim if dataclasses.is_dataclass(claim) else Claim.parse(claim)
            for claim in fields["claims"]
        ]
        return fields | {"claims": claims}
