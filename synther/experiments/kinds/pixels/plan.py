"""What the table of agents that see pixels runs and shows."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import ClassVar

from synther.config.specs import pixel_settings, source_spec
from synther.experiments import budget
from synther.experiments.kinds.comparison import plan as comparison
from synther.experiments.kinds.spec import DatasetRow
from synther.experiments.pixels import Pixels
from synther.experiments.runs import Run


class Plan(comparison.Plan):
    """An experiment of this kind; it is described as a comparison, and made into one."""

    learns: ClassVar[str] = "pixels"

    @property
    def pixels(self) -> Pixels:
        """What is asked of the experiment; an error where the preset leaves it out."""
        return self.matrix.pixels(self.name)

    def runs(self) -> Sequence[Run]:
        """Return all training jobs."""
        return self.pixels.runs()

    def run_name(self, place: str) -> str:
        """Return the dataset that is run for V-D4RL's."""
        return self.matrix.pixels().run_name(place)

    def protocol_steps(self, agent: str, place: str) -> int:
        """Return the protocol's updates."""
        return int(pixel_settings(agent, place)["steps"])

    def groups(self) -> dict[str, list[DatasetRow]]:
        """Return the datasets by group, each with what it stands for and is called in print."""
        names = self.spec.get("paper", {}).get("datasets", {})
        return {
            group: [DatasetRow(self.run_name(n), n, names.get(n, n)) for n in members]
            for group, members in self.pixels.datasets().items()
        }

    def physics(self) -> str:
        """Say in words what frames are of."""
        return "dm_control, rendered headless; every action held for two steps"

    def budget(self) -> str:
        """Return in words what the experiment spends."""
        pixels, preset = self.pixels, self.matrix.preset
        chosen = list(itertools.chain.from_iterable(pixels.datasets().values()))
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
