"""What the experiments on pixels run, and where their files lie: shards, bodies, latents, models.

A part of `synther.experiments`, which hands itself in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from synther import config
from synther.config.specs import source_settings, source_spec
from synther.errors import SyntherError
from synther.experiments.runs import Run

if TYPE_CHECKING:
    from synther.experiments.matrix import Experiments

FULL_ROWS = 100_000
"""Agent steps of a rendered dataset: V-D4RL's (recalled; medium-expert there has twice as many)."""


class Pixels:
    """The experiments of a preset whose agents see pixels.

    Args:
        matrix: the preset's.

    Attributes:
        scale: what the preset says of all of them.
    """

    def __init__(self, matrix: Experiments) -> None:
        self.matrix, self.preset = matrix, matrix.preset
        self.scale = matrix.part("pixels")

    def rows(self) -> int:
        """Return the agent steps of a rendered dataset."""
        return self.scale.get("rows", FULL_ROWS)

    def samples(self, source: str) -> int:
        """Return how many latent transitions a source generates."""
        return self.scale.get("samples", source_spec(source).get("samples", 0))

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
        for block in self.matrix.seed_blocks("pixels"):
            if seed in block:
                return Run(self.preset, dataset, "real", agent, block, "pixels").body
        raise SyntherError(f"preset '{self.preset}' has generator_seed {seed}, and no such seed")

    def body_seed(self) -> int:
        """Return the seed whose encoder and trunks make the latents."""
        return self.matrix.scale["generator_seed"]

    def model_folder(self, dataset: str, agent: str, source: str) -> str:
        """Return the folder of a generator fitted to latents."""
        return f"results/{self.preset}/latents/{dataset}/{agent}/{source}"

    def generator_settings(self, dataset: str, source: str) -> dict[str, Any]:
        """Return the settings of a source's generator on latents."""
        return source_settings(source, dataset, self.preset) | self.generator_overrides(source)

    def generator_overrides(self, source: str) -> dict[str, Any]:
        """Return what the preset sets of a source's generator on latents alone."""
        return self.scale.get("generators", {}).get(source_spec(source)["generator"], {})
