"""What the online tables and figures are made from: which runs, files and words.

A part of `synther.experiments`, which hands in its preset and what config/experiments.yaml says.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

from synther.errors import NotRunError
from synther.experiments.runs import OnlineRun
from synther.specs import agent_spec, layered, online_settings, task_spec

KINDS = ("online", "sweep", "wall_time")
"""Kinds of config/experiments.yaml whose agents learn in their environment."""


@dataclass(frozen=True)
class OnlinePlan:
    """The online part of a preset.

    Attributes:
        preset: its name.
        scale: its content.
        name: the experiment's name.
        spec: the experiment's entry.
    """

    preset: str
    scale: dict[str, Any]
    name: str
    spec: dict[str, Any]

    @property
    def _scaled(self) -> dict[str, Any]:
        return layered(
            self.scale.get("online", {}), self.scale.get("experiments", {}).get(self.name, {})
        )

    def tasks(self) -> list[str]:
        """Return the tasks that are run.

        Raises:
            SyntherError: the preset runs none of the experiment's, or a task has no limits.
        """
        every = list(itertools.chain.from_iterable(self.spec["tasks"].values()))
        chosen = self._scaled.get("tasks", every)
        for task in (*every, *chosen):
            task_spec(task)
        kept = [task for task in every if task in chosen]
        if not kept:
            raise NotRunError(
                f"preset '{self.preset}' runs no task of experiment '{self.name}': add one of them "
                f"to the preset's online.tasks, or to its experiments.{self.name}.tasks"
            )
        return kept

    def agents(self) -> list[str]:
        """Return all agents that are run, those drawn as level lines included."""
        return [*self.spec["agents"], *self.spec.get("reference", [])]

    def blocks(self) -> list[tuple[int, ...]]:
        """Return the seeds, a tuple a job."""
        online = self.scale.get("online", {})
        seeds = range(online.get("seeds", self.scale["seeds"]))
        size = online.get("seeds_per_job", self.scale["seeds_per_job"])
        return [tuple(seeds[start : start + size]) for start in range(0, len(seeds), size)]

    def runs(self) -> list[OnlineRun]:
        """Return all training jobs."""
        for agent in self.agents():
            agent_spec(agent)
        return [
            OnlineRun(self.preset, task, agent, seeds)
            for task in self.tasks()
            for agent in self.agents()
            for seeds in self.blocks()
        ]

    def describe(self) -> dict[str, Any]:
        """Return what `synther.analysis.online_spec` needs besides what all tables have."""
        return {
            "kind": "online",
            "layout": self.spec["kind"],
            "agents": {agent: agent_spec(agent)["title"] for agent in self.agents()},
            "tasks": self.tasks(),
            "reference": self.spec.get("reference", []),
            "ratios": {
                agent: online_settings(agent, task, self.preset)["updates_per_step"]
                for agent in self.spec["agents"]
                for task in self.tasks()[:1]
            },
            "records": [run.record for run in self.runs()],
            "budget": self.budget(),
            "physics": "that of Gym's -v2 tasks on mujoco-py, to rounding; dm_control's own (dmc-)",
            "paper": self.spec.get("paper"),
        }

    def budget(self) -> str:
        """Describe in words what the experiment spends."""
        tasks, every = self.tasks(), list(itertools.chain(*self.spec["tasks"].values()))
        each = {
            (task, agent): online_settings(agent, task, self.preset)
            for task in tasks
            for agent in self.agents()
        }
        steps = sorted({settings["steps"] for settings in each.values()})
        seeds = sum(len(block) for block in self.blocks())
        parts = [
            f"{seeds} seeds",
            f"{' or '.join(f'{n:,}' for n in steps)} environment steps",
        ]
        for settings in each.values():
            if settings["synthetic_share"] > 0:
                diffusion = settings["diffusion"]
                parts.append(
                    f"diffusion: width {diffusion['width']:,}, {diffusion['steps']:,} steps and "
                    f"{settings['synthetic_samples']:,} samples every "
                    f"{settings['retrain_every']:,} steps"
                )
                break
        few = f"{len(tasks)} of {len(every)} tasks"
        return "; ".join([*parts, f"{len(every)} tasks" if tasks == every else few])

    def memory_mb(self, task: str, agent: str, seeds: int) -> int:
        """Estimate a job's memory: all seeds' replay twice, samples thrice, and the rest.

        A checkpoint copies what it saves; new samples are drawn while the last ones are there.
        """
        settings = online_settings(agent, task, self.preset)
        rows = 2 * min(settings["steps"], settings["replay_size"])
        if settings["synthetic_share"] > 0:
            rows += 3 * settings["synthetic_samples"]
        return 2000 + seeds * rows * _WIDEST_ROW * 4 // 1_000_000


_WIDEST_ROW = 170
"""Columns of the widest transitions: quadruped-walk's, 2 * 78 + 12 + 2."""
