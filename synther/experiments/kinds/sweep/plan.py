"""What the figure of returns against the update-to-data ratio runs and shows."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from synther.config.specs import online_settings
from synther.experiments.kinds.online import plan as online


@dataclass(frozen=True, kw_only=True)
class SweepSpec(online.OnlineSpec):
    """Agents that differ in how many updates they make an environment step, beside others.

    Attributes:
        ratios: agent -> updates an environment step, of those that are swept.
        reference: the agents that are drawn as level lines.
    """

    kind = "sweep"
    needs = ("tasks", "agents", "ratios")

    ratios: dict[str, int]
    reference: list[str] = dataclasses.field(default_factory=list)

    def __post_init__(self) -> None:
        """Check what no sweep can do without."""
        super().__post_init__()
        for agent in [*self.reference, *self.ratios]:
            self.require_known("agent", agent, self.agents)

    @property
    def swept(self) -> str:
        """The name of what is swept: its agents' names without their ratios."""
        return min((self.agents[agent] for agent in self.ratios), key=len)


class Plan(online.Plan):
    """An experiment of this kind."""

    shows = SweepSpec

    def agents(self) -> list[str]:
        """Return all agents that are run, those that are drawn as level lines included."""
        return [*super().agents(), *self.spec.get("reference", [])]

    def listed_agents(self) -> list[str]:
        """Return every agent that the experiment names, those of level lines included."""
        return [*super().listed_agents(), *self.spec.get("reference", [])]

    def described(self) -> dict[str, Any]:
        """Return the fields of the description, the ratios of those that are swept among them."""
        preset, task = self.matrix.preset, self.datasets()[0]
        swept = self.matrix.agents(self.name)
        ratios = {a: online_settings(a, task, preset)["updates_per_step"] for a in swept}
        return super().described() | {"ratios": ratios}
