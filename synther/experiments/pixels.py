"""What the experiments on pixels run, and where their files lie: shards, bodies, latents, models.

A part of `synther.experiments`, which hands itself in.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from synther import config
from synther.config.specs import agent_spec, source_settings, source_spec
from synther.errors import SyntherError
from synther.experiments.runs import PixelRun

if TYPE_CHECKING:
    from synther.experiments.matrix import Experiments

FULL_ROWS = 100_000
"""Agent steps of a rendered dataset: V-D4RL's (recalled; medium-expert there has twice as many)."""


class Pixels:
    """The experiments of a preset whose agents see pixels.

    Args:
        matrix: the preset's.
        name: of the experiment that is asked about; what no experiment has to do with needs none.

    Attributes:
        scale: what the preset says of all of them.
    """

    def __init__(self, matrix: Experiments, name: str = "") -> None:
        self.matrix, self.name, self.preset = matrix, name, matrix.preset
        self.scale = matrix.part("pixels")

    def rows(self) -> int:
        """Return the agent steps of a rendered dataset."""
        return self.scale.get("rows", FULL_ROWS)

    def samples(self, source: str) -> int:
        """Return how many latent transitions a source generates."""
        return self.scale.get("samples", source_spec(source).get("samples", 0))

    def datasets(self) -> dict[str, list[str]]:
        """Return the experiment's datasets by group: V-D4RL's names of those that are run.

        Raises:
            SyntherError: one is not V-D4RL's, or the preset runs none of them.
        """
        groups = self.matrix.experiment(self.name)["datasets"].values()
        chosen = self.matrix.scaled(self.name).get("datasets", self.scale.get("datasets", []))
        for dataset in (*itertools.chain.from_iterable(groups), *chosen):
            if config.spec(dataset, "dataset")["kind"] != "vd4rl":
                raise SyntherError(f"{dataset} of experiment '{self.name}' is not V-D4RL's")
        return self.matrix.datasets(self.name, "pixels")

    def run_name(self, dataset: str) -> str:
        """Return the dataset that is run for V-D4RL's: itself, or its rendered stand-in."""
        is_local = self.matrix.scale.get("stand_ins", "none") != "none"
        return f"{dataset}-local" if is_local else dataset

    def blocks(self) -> list[tuple[int, ...]]:
        """Return the seeds, a tuple a job."""
        return self.matrix.seed_blocks("pixels")

    def runs(self) -> list[PixelRun]:
        """Return all training jobs of the experiment."""
        agents = self.matrix.agents(self.name)
        for agent in agents:
            agent_spec(agent)
        return [
            PixelRun(self.preset, self.run_name(dataset), source, agent, seeds)
            for names in self.datasets().values()
            for dataset in names
            for source in self.matrix.whole_sources(self.name)
            for agent in agents
            for seeds in self.blocks()
        ]

    def shards(self, dataset: str) -> list[str]:
        """Return the files of a pixel dataset, V-D4RL's shards or the rendered one."""
        spec = config.spec(dataset, "dataset")
        if spec["kind"] == "rendered":
            return [f"data/{self.preset}/pixels/{dataset}.hdf5"]
        return [f"data/vd4rl/{below}" for below in spec["files"]]

    def body(self, dataset: str, agent: str) -> str:
        """Return the weights that latents are made with: those of the block with that seed.

        Raises:
            SyntherError: the preset trains no such seed.
        """
        seed = self.body_seed()
        for block in self.blocks():
            if seed in block:
                return PixelRun(self.preset, dataset, "real", agent, block).body
        raise SyntherError(f"preset '{self.preset}' has generator_seed {seed}, and no such seed")

    def body_seed(self) -> int:
        """Return the seed whose encoder and trunks make the latents."""
        return self.matrix.scale["generator_seed"]

    def latents(self, dataset: str, agent: str) -> str:
        """Return the path of a dataset's transitions in an agent's latents."""
        return f"results/{self.preset}/latents/{dataset}/{agent}/latents.npz"

    def model_folder(self, dataset: str, agent: str, source: str) -> str:
        """Return the folder of a generator fitted to latents."""
        return f"results/{self.preset}/latents/{dataset}/{agent}/{source}"

    def generator_settings(self, dataset: str, source: str) -> dict[str, Any]:
        """Return the settings of a source's generator on latents."""
        return source_settings(source, dataset, self.preset) | self.generator_overrides(source)

    def generator_overrides(self, source: str) -> dict[str, Any]:
        """Return what the preset sets of a source's generator on latents alone."""
        return self.scale.get("generators", {}).get(source_spec(source)["generator"], {})
