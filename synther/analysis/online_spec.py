"""What a figure or table of online training shows."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar

from synther.analysis.spec import Spec
from synther.errors import unknown_name

LAYOUTS = ("online", "sweep", "wall_time")
DMC = "dmc-"
"""With which tasks of the DeepMind Control Suite begin."""


@dataclass(frozen=True, kw_only=True)
class Published:
    """Other people's numbers to print beside: their table, and their names of agents and tasks."""

    table: str
    agents: dict[str, str]
    variants: dict[str, str]
    datasets: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class OnlineSpec(Spec):
    """Agents that learn in their environment.

    Attributes:
        layout: online (return against steps), sweep (against the update-to-data ratio) or
            wall_time (a table).
        tasks: in order.
        reference: of a sweep, the agents that are drawn as level lines.
        ratios: of a sweep, agent -> updates an environment step.
        records: of wall_time, paths of the runs' records.
        paper: published numbers to print beside, if any.
    """

    kind: ClassVar[str] = "online"

    layout: str
    tasks: list[str]
    reference: list[str] = dataclasses.field(default_factory=list)
    ratios: dict[str, int] = dataclasses.field(default_factory=dict)
    records: list[str] = dataclasses.field(default_factory=list)
    paper: Published | None = None

    def __post_init__(self) -> None:
        """Check what nothing online can do without."""
        self.require("tasks", "agents")
        if self.layout not in LAYOUTS:
            raise unknown_name("layout", self.layout, LAYOUTS, f"online {self.name}")
        for agent in [*self.reference, *(self.paper.agents if self.paper else [])]:
            self.require_known("agent", agent, self.agents)

    @property
    def learners(self) -> dict[str, str]:
        """Agents that are no reference: slug -> name to print."""
        return {slug: name for slug, name in self.agents.items() if slug not in self.reference}

    @property
    def swept(self) -> str:
        """The name of what a sweep is over: its agents' names without their ratios."""
        return min(self.learners.values(), key=len)

    @classmethod
    def _parse(cls, fields: dict[str, Any]) -> dict[str, Any]:
        paper = fields.get("paper")
        return fields | {"paper": Published(**paper) if paper else None}
