"""What the table of agents that see pixels runs and shows."""

from __future__ import annotations

import itertools

from synther import config
from synther.config.specs import pixel_settings, source_spec
from synther.errors import SyntherError
from synther.experiments import budget
from synther.experiments.kinds.comparison import plan as comparison


class Plan(comparison.Plan):
    """An experiment of this kind; it is described as a comparison, and made into one."""

    learns = "pixels"
    settings = staticmethod(pixel_settings)

    def datasets(self) -> list[str]:
        """Return V-D4RL's names of the datasets that are run.

        Raises:
            SyntherError: one is not V-D4RL's, or the preset runs none of them.
        """
        chosen = self.matrix.part(self.learns).get("datasets", [])
        chosen = self.matrix.scaled(self.name).get("datasets", chosen)
        for dataset in (*itertools.chain.from_iterable(self.places().values()), *chosen):
            if config.spec(dataset, "dataset")["kind"] != "vd4rl":
                raise SyntherError(f"{dataset} of experiment '{self.name}' is not V-D4RL's")
        return super().datasets()

    def physics(self) -> str:
        """Say in words what frames are of."""
        return "dm_control, rendered headless; every action held for two steps"

    def budget(self) -> str:
        """Return in words what the experiment spends."""
        pixels, preset, chosen = self.matrix.pixels(), self.matrix.preset, self.datasets()
        sources = self.matrix.whole_sources(self.name)
        names = [self.run_name(dataset) for dataset in chosen]
        each = [pixel_settings(agent, name, preset) for agent in self.agents() for name in names]
        cut = min(settings["eval_steps"] for settings in each)
        parts = [
            f"{budget.listed(self.matrix.seeds(self.name, s) for s in sources)} seeds",
            f"{budget.listed(settings['steps'] for settings in each)} updates",
        ]
        if cut < 500:
            parts.append(f"evaluation cut after {cut} of 500 steps, so that scores are low")
        if names[0] != chosen[0]:
            parts.append(f"{pixels.rows():,} frames a dataset, rendered here")
        for source in sources:
            if generator := source_spec(source).get("generator"):
                settings = pixels.generator_settings(names[0], source)
                latents = f"{generator} of latents"
                parts.append(budget.generator(latents, pixels.samples(source), settings))
        every = sum(map(len, self.spec["datasets"].values()))
        return "; ".join([*parts, budget.part_of(len(chosen), every)])
