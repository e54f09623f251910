"""What the table of agents that see pixels runs and shows."""

import itertools

from synther import config
from synther.config.specs import pixel_settings, source_settings, source_spec
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
        chosen = self.scaled().get("datasets", chosen)
        for dataset in (*itertools.chain.from_iterable(self.places().values()), *chosen):
            if config.spec(dataset, "dataset")["kind"] != "vd4rl":
                raise SyntherError(f"{dataset} of experiment '{self.name}' is not V-D4RL's")
        return super().datasets()

    def physics(self) -> str:
        """Say in words what frames are of."""
        return "dm_control, rendered headless; every action held for two steps"

    def spends(self) -> list[str]:
        """Return in words what the experiment spends on each dataset."""
        matrix, chosen, sources = self.matrix, self.datasets(), self.whole_sources()
        names = [self.run_name(dataset) for dataset in chosen]
        runs = itertools.product(self.agents(), names)
        each = [pixel_settings(*run, self.preset) for run in runs]
        cut = min(settings["eval_steps"] for settings in each)
        parts = [
            f"{budget.listed(self.seeds(s) for s in sources)} seeds",
            f"{budget.listed(settings['steps'] for settings in each)} updates",
        ]
        if cut < 500:
            parts.append(f"evaluation cut after {cut} of 500 steps, so that scores are low")
        if names[0] != chosen[0]:
            parts.append(f"{matrix.frames():,} frames a dataset, rendered here")
        for source in sources:
            if generator := source_spec(source).get("generator"):
                settings = source_settings(source, names[0], matrix.preset)
                samples = matrix.samples(source, self.learns)
                parts.append(budget.generator(f"{generator} of latents", samples, settings))
        return parts
