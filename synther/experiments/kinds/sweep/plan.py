"""What the figure of returns against the update-to-data ratio runs and shows."""

from __future__ import annotations

from typing import Any

from synther.config.specs import online_settings
from synther.experiments.kinds.online import plan as online


class SweepSpec(online.OnlineSpec):
    """Agents that differ in how many updates they make an environment step, beside others."""

    needs = ("tasks", "agents", "ratios")


class Plan(online.Plan):
    """An experiment of this kind; it is described as one of agents online, and made into one."""

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
