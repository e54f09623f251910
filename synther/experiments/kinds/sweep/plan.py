"""What the figure of returns against the update-to-data ratio runs and shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from synther.config.specs import online_settings
from synther.experiments.kinds.online import plan as online


@dataclass(frozen=True, kw_only=True)
class SweepSpec(online.OnlineSpec):
    """Agents that differ in how many updates they make an environment step, beside others.

    Attributes:
        ratios: agent -> updates an environment step, of those that are swept.
        reference: the agents that are drawn as level lines.
    """

    kind: ClassVar[str] = "sweep"
    needs: ClassVar[tuple[str, ...]] = ("tasks", "agents", "ratios")

    ratios: dict[str, int]
    reference: list[str]

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

    def agents(self) -> list[str]:
        """Return all agents that are run, those that are drawn as level lines included."""
        return [*super().agents(), *self.spec.get("reference", [])]

    def listed_agents(self) -> list[str]:
        """Return every agent that the experiment names, those of level lines included."""
        return [*super().listed_agents(), *self.spec.get("reference", [])]

    def describe(self) -> SweepSpec:
        """Return what the figure shows."""
        preset, task = self.matrix.preset, self.matrix.tasks(self.name)[0]
        return SweepSpec(
            **self.described(),
            reference=self.spec.get("reference", []),
            ratios={
                agent: online_settings(agent, task, preset)["updates_per_step"]
                for agent in self.matrix.agents(self.name)
            },
        )
