"""What the figure of agents that learn in their environment runs and shows."""

from __future__ import annotations

from typing import ClassVar

from synther.config.specs import online_settings
from synther.experiments import budget, kinds
from synther.experiments.kinds.spec import Spec
from synther.experiments.runs import ONLINE


class OnlineSpec(Spec):
    """Agents that learn in their environment."""

    kind = "online"
    needs: ClassVar[tuple[str, ...]] = ("tasks", "agents")


class Plan(kinds.Plan):
    """An experiment of this kind."""

    requires = ("tasks", "agents")
    shows: ClassVar[type[Spec]] = OnlineSpec
    learns = "online"
    settings = staticmethod(online_settings)

    def physics(self) -> str:
        """Say in words how true the simulators are."""
        return "that of Gym's -v2 tasks on mujoco-py, to rounding; dm_control's own (dmc-)"

    def budget(self) -> str:
        """Return in words what the experiment spends."""
        tasks, preset = self.datasets(), self.matrix.preset
        every = sum(map(len, self.spec["tasks"].values()))
        each = [online_settings(agent, task, preset) for task in tasks for agent in self.agents()]
        parts = [
            f"{self.matrix.seeds(self.name, ONLINE)} seeds",
            f"{budget.listed(settings['steps'] for settings in each)} environment steps",
        ]
        for settings in [s for s in each if s["synthetic_share"] > 0][:1]:
            diffusion = settings["diffusion"]
            parts.append(
                f"diffusion: width {diffusion['width']:,}, {diffusion['steps']:,} steps and "
                f"{settings['synthetic_samples']:,} samples every "
                f"{settings['retrain_every']:,} steps"
            )
        few = f"{len(tasks)} of " if len(tasks) < every else ""
        return "; ".join([*parts, f"{few}{every} tasks"])
