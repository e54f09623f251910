"""What the figure of returns against the update-to-data ratio runs and shows."""

from typing import Any

from synther.config.specs import online_settings
from synther.experiments.kinds.online import plan as online


class Plan(online.Plan):
    """An experiment of this kind; it is described as one of agents online, and made into one."""

    def agents(self) -> list[str]:
        """Return all agents that are run, those that are drawn as level lines included."""
        return [*super().agents(), *self.spec.get("reference", [])]

    def described(self) -> dict[str, Any]:
        """Return the fields of the description, the ratios of those that are swept among them."""
        task = self.datasets()[0]
        every = {a: online_settings(a, task, self.preset) for a in super().agents()}
        ratios = {agent: settings["updates_per_step"] for agent, settings in every.items()}
        return super().described() | {"ratios": ratios}
