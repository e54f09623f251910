"""What the figure of agents that learn in their environment runs and shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from synther.config.specs import agent_spec, online_settings
from synther.experiments import budget, kinds
from synther.experiments.kinds.spec import Spec
from synther.experiments.runs import ONLINE, OnlineRun, Run


@dataclass(frozen=True, kw_only=True)
class OnlineSpec(Spec):
    """Agents that learn in their environment.

    Attributes:
        tasks: in order. Variants of `paper` are by agent.
    """

    kind: ClassVar[str] = "online"
    needs: ClassVar[tuple[str, ...]] = ("tasks", "agents")

    tasks: list[str]


class Plan(kinds.Plan):
    """An experiment of this kind."""

    requires: ClassVar[tuple[str, ...]] = ("tasks", "agents")
    learns: ClassVar[str] = "online"

    def runs(self) -> Sequence[Run]:
        """Return all training jobs."""
        for agent in self.agents():
            agent_spec(agent)
        return [
            OnlineRun(self.matrix.preset, task, ONLINE, agent, seeds)
            for task in self.matrix.tasks(self.name)
            for agent in self.agents()
            for seeds in self.matrix.seed_blocks("online")
        ]

    def run_name(self, place: str) -> str:
        """Return the task itself: none stands in for another."""
        return place

    def protocol_steps(self, agent: str, place: str) -> int:
        """Return the protocol's environment steps."""
        return int(online_settings(agent, place)["steps"])

    def describe(self) -> Spec:
        """Return what the figure shows."""
        return OnlineSpec(**self.described())

    def described(self) -> dict[str, Any]:
        """Return what the description of any experiment online has."""
        return super().described() | {"tasks": self.matrix.tasks(self.name)}

    def physics(self) -> str:
        """Say in words how true the simulators are."""
        return "that of Gym's -v2 tasks on mujoco-py, to rounding; dm_control's own (dmc-)"

    def budget(self) -> str:
        """Return in words what the experiment spends."""
        tasks, preset = self.matrix.tasks(self.name), self.matrix.preset
        every = sum(map(len, self.spec["tasks"].values()))
        each = [online_settings(agent, task, preset) for task in tasks for agent in self.agents()]
        parts = [
            f"{sum(map(len, self.matrix.seed_blocks('online')))} seeds",
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
