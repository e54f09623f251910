"""The paper's claims as resolved from config/: what each compares, by which rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from synther.experiments.kinds.spec import Spec

OF_SAMPLES = ("marginal", "correlation", "dynamics")
"""Measures of samples, which no agent learns from."""


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
    files: Mapping[str, str]

    @property
    def run(self) -> tuple[str, str, str]:
        """What its rows are of."""
        return self.dataset, self.source, self.agent


@dataclass(frozen=True)
class Side:
    """What is compared: a cell a stratum of the protocol, None where the preset leaves it out."""

    label: str
    cells: list[Cell | None]


@dataclass(frozen=True)
class Claim:
    """A claim of the paper.

    Attributes:
        name: slug.
        statement: in our words.
        status: where it is known from, one of `published.STATUSES`.
        provenance: the same in words.
        experiment: whose runs decide it.
        budget: that one's, in words.
        measure: of scores or samples, as config/claims.yaml has it.
        rule: likewise; see `verdicts.decide`.
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

    @property
    def cells(self) -> list[Cell]:
        """Those of all sides that the preset has."""
        return [cell for side in (self.of, *self.against) for cell in side.cells if cell]


@dataclass(frozen=True, kw_only=True)
class ClaimsSpec(Spec):
    """All claims."""

    kind: ClassVar[str] = "claims"
    needs: ClassVar[tuple[str, ...]] = ("claims",)

    claims: list[Claim]

    @property
    def banner_text(self) -> str:
        """The line that keeps a preset's verdicts from being taken for more than they are."""
        if self.is_paper_protocol or not self.is_evidence:
            return super().banner_text
        return f"{self.preset} preset: below the protocol, no verdict is more than indicative"
