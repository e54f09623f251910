"""What the figure of agents that learn in their environment runs and shows."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from synther.config.specs import agent_spec, online_settings
from synther.experiments import kinds
from synther.experiments.kinds.spec import PaperColumns, Spec
from synther.experiments.runs import ONLINE, OnlineRun, Run


@dataclass(frozen=True, kw_only=True)
class OnlineSpec(Spec):
    """Agents that learn in their environment.

    Attributes:
        tasks: in order.
        paper: published numbers to print beside, if any; its variants are by agent.
    """

    kind: ClassVar[str] = "online"

    tasks: list[str]
    paper: PaperColumns | None = None

    def __post_init__(self) -> None:
        """Check what nothing online can do without."""
        self.require("tasks", "agents")


class Plan(kinds.Plan):
    """An experiment of this kind."""

    requires: ClassVar[tuple[str, ...]] = ("tasks", "agents")
    learns: ClassVar[str] = "online"

    def agents(self) -> list[str]:
        """Return all agents that are run."""
        return self.matrix.agents(self.name)

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
        return OnlineSpec(**self.learning(), paper=self.paper())

    def paper(self) -> PaperColumns | None:
        """Return which published numbers to print beside, if any."""
        self.check_paper()
        paper = self.spec.get("paper")
        return PaperColumns(**paper) if paper else None

    def learning(self) -> dict[str, Any]:
        """Return what the description of any experiment online has."""
        return {
            **self.heading(),
            "agents": {agent: agent_spec(agent)["title"] for agent in self.agents()},
            "tasks": self.matrix.tasks(self.name),
            "budget": self.budget(),
            "physics": "that of Gym's -v2 tasks on mujoco-py, to rounding; dm_control's own (dmc-)",
        }

    def budget(self) -> str:
        """Describe in words what the experiment spends."""
        tasks = self.matrix.tasks(self.name)
        every = list(itertools.chain.from_iterable(self.spec["tasks"].values()))
        each = [
            online_settings(agent, task, self.matrix.preset)
            for task in tasks
            for agent in self.agents()
        ]
        steps = sorted({settings["steps"] for settings in each})
        parts = [
            f"{sum(map(len, self.matrix.seed_blocks('online')))} seeds",
            f"{' or '.join(f'{n:,}' for n in steps)} environment steps",
        ]
        for settings in [s for s in each if s["synthetic_share"] > 0][:1]:
            diffusion = settings["diffusion"]
            parts.append(
                f"diffusion: width {diffusion['width']:,}, {diffusion['steps']:,} steps and "
                f"{settings['synthetic_samples']:,} samples every "
                f"{settings['retrain_every']:,} steps"
            )
        few = f"{len(tasks)} of {len(every)} tasks"
        return "; ".join([*parts, f"{len(every)} tasks" if tasks == every else few])
