"""What the table of agents that see pixels runs and shows."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import ClassVar

from synther.config.specs import agent_spec, pixel_settings, source_spec
from synther.experiments.kinds.comparison import plan as comparison
from synther.experiments.kinds.spec import DatasetRow, PaperColumns
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

    def describe(self) -> comparison.TableSpec:
        """Return what the table shows."""
        self.check_paper()
        paper = self.spec.get("paper")
        names = paper.get("datasets", {}) if paper else {}
        return comparison.TableSpec(
            **self.heading(),
            budget=self.budget(),
            agents={agent: agent_spec(agent)["title"] for agent in self.matrix.agents(self.name)},
            physics="dm_control, rendered headless; every action held for two steps",
            groups={
                group: [DatasetRow(self.run_name(n), n, names.get(n, n)) for n in members]
                for group, members in self.pixels.datasets().items()
            },
            sources={s: source_spec(s)["title"] for s in self.matrix.whole_sources(self.name)},
            paper=PaperColumns(**paper) if paper else None,
        )

    def budget(self) -> str:
        """Describe in words what the experiment spends."""
        chosen = list(itertools.chain.from_iterable(self.pixels.datasets().values()))
        every = list(itertools.chain.from_iterable(self.spec["datasets"].values()))
        each = [
            pixel_settings(agent, self.run_name(dataset), self.matrix.preset)
            for agent in self.matrix.agents(self.name)
            for dataset in chosen
        ]
        steps = sorted({settings["steps"] for settings in each})
        cut = min(settings["eval_steps"] for settings in each)
        parts = [
            f"{sum(map(len, self.pixels.blocks()))} seeds",
            f"{' or '.join(f'{n:,}' for n in steps)} updates",
        ]
        if cut < 500:
            parts.append(f"evaluation cut after {cut} of 500 steps, so that scores are low")
        if self.run_name(chosen[0]) != chosen[0]:
            parts.append(f"{self.pixels.rows():,} frames a dataset, rendered here")
        for source in self.matrix.whole_sources(self.name):
            if "generator" in source_spec(source):
                settings = self.pixels.generator_settings(self.run_name(chosen[0]), source)
                parts.append(
                    f"{source_spec(source)['generator']} of latents: "
                    f"{self.pixels.samples(source):,} samples, width {settings['width']:,}, "
                    f"{settings['steps']:,} steps"
                )
        few = f"{len(chosen)} of {len(every)} datasets"
        return "; ".join([*parts, f"all {len(every)} datasets" if chosen == every else few])
