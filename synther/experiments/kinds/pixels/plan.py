"""What the table of agents that see pixels runs and shows."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from typing import ClassVar

from synther import config
from synther.config.specs import agent_spec, pixel_settings, source_spec
from synther.errors import SyntherError
from synther.experiments import budget
from synther.experiments.kinds.comparison import plan as comparison
from synther.experiments.kinds.spec import DatasetRow
from synther.experiments.pixels import Pixels
from synther.experiments.runs import PixelRun, Run


class Plan(comparison.Plan):
    """An experiment of this kind; it is described as a comparison, and made into one."""

    learns: ClassVar[str] = "pixels"

    @functools.cached_property
    def pixels(self) -> Pixels:
        """What is asked of all such experiments."""
        return self.matrix.pixels()

    def datasets(self) -> dict[str, list[str]]:
        """Return the datasets by group: V-D4RL's names of those that are run.

        Raises:
            SyntherError: one is not V-D4RL's, or the preset runs none of them.
        """
        groups = self.spec["datasets"].values()
        chosen = self.matrix.scaled(self.name).get(
            "datasets", self.pixels.scale.get("datasets", [])
        )
        for dataset in (*itertools.chain.from_iterable(groups), *chosen):
            if config.spec(dataset, "dataset")["kind"] != "vd4rl":
                raise SyntherError(f"{dataset} of experiment '{self.name}' is not V-D4RL's")
        return self.matrix.datasets(self.name, "pixels")

    def runs(self) -> Sequence[Run]:
        """Return all training jobs."""
        for agent in self.agents():
            agent_spec(agent)
        return [
            PixelRun(self.matrix.preset, self.run_name(dataset), source, agent, seeds)
            for names in self.datasets().values()
            for dataset in names
            for source in self.matrix.whole_sources(self.name)
            for agent in self.agents()
            for seeds in self.pixels.blocks()
        ]

    def run_name(self, place: str) -> str:
        """Return the dataset that is run for V-D4RL's."""
        return self.pixels.run_name(place)

    def protocol_steps(self, agent: str, place: str) -> int:
        """Return the protocol's updates."""
        return int(pixel_settings(agent, place)["steps"])

    def groups(self) -> dict[str, list[DatasetRow]]:
        """Return the datasets by group, each with what it stands for and is called in print."""
        names = self.spec.get("paper", {}).get("datasets", {})
        return {
            group: [DatasetRow(self.run_name(n), n, names.get(n, n)) for n in members]
            for group, members in self.datasets().items()
        }

    def physics(self) -> str:
        """Say in words what frames are of."""
        return "dm_control, rendered headless; every action held for two steps"

    def budget(self) -> str:
        """Return in words what the experiment spends."""
        pixels, preset = self.pixels, self.matrix.preset
        chosen = list(itertools.chain.from_iterable(self.datasets().values()))
        names = [self.run_name(dataset) for dataset in chosen]
        each = [pixel_settings(agent, name, preset) for agent in self.agents() for name in names]
        cut = min(settings["eval_steps"] for settings in each)
        parts = [
            f"{sum(map(len, pixels.blocks()))} seeds",
            f"{budget.listed(settings['steps'] for settings in each)} updates",
        ]
        if cut < 500:
            parts.append(f"evaluation cut after {cut} of 500 steps, so that scores are low")
        if names[0] != chosen[0]:
            parts.append(f"{pixels.rows():,} frames a dataset, rendered here")
        for source in self.matrix.whole_sources(self.name):
            if generator := source_spec(source).get("generator"):
                settings = pixels.generator_settings(names[0], source)
                parts.append(
                    f"{generator} of latents: {pixels.samples(source):,} samples, "
                    f"width {settings['width']:,}, {settings['steps']:,} steps"
                )
        every = sum(map(len, self.spec["datasets"].values()))
        return "; ".join([*parts, budget.part_of(len(chosen), every)])
