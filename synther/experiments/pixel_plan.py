"""What the table of agents that see pixels is made from: which runs, files and words.

A part of `synther.experiments`, which hands in its preset and what config/experiments.yaml says.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

from synther import config
from synther.errors import NotRunError, SyntherError, unknown_name
from synther.experiments.runs import PixelRun
from synther.specs import agent_spec, layered, pixel_settings, source_settings, source_spec

KINDS = ("pixels",)
"""Kinds of config/experiments.yaml whose agents see pixels."""
FULL_ROWS = 100_000
"""Agent steps of a rendered dataset: V-D4RL's (recalled; medium-expert there has twice as many)."""
FRAME_BYTES = 3 * 84 * 84


@dataclass(frozen=True)
class PixelPlan:
    """The pixel part of a preset.

    Attributes:
        preset: its name.
        whole: its content.
        name: the experiment's name.
        spec: the experiment's entry.
    """

    preset: str
    whole: dict[str, Any]
    name: str = ""
    spec: dict[str, Any] | None = None

    @property
    def scale(self) -> dict[str, Any]:
        """What the preset says of the pixel experiments."""
        own = self.whole.get("experiments", {}).get(self.name, {})
        return layered(self.whole.get("pixels", {}), own)

    def rows(self) -> int:
        """Return the agent steps of a rendered dataset."""
        return self.scale.get("rows", FULL_ROWS)

    def samples(self, source: str) -> int:
        """Return how many latent transitions a source generates."""
        return self.scale.get("samples", source_spec(source).get("samples", 0))

    def datasets(self) -> dict[str, list[str]]:
        """Return the experiment's datasets by group: V-D4RL's names of those that are run.

        Raises:
            SyntherError: a name is unknown, or the preset runs none of them.
        """
        assert self.spec is not None
        groups = self.spec["datasets"]
        every = list(itertools.chain(*groups.values()))
        chosen = self.scale.get("datasets", every)
        for dataset in (*every, *chosen):
            if config.spec(dataset, "dataset")["kind"] != "vd4rl":
                raise SyntherError(f"{dataset} of experiment '{self.name}' is not V-D4RL's")
        kept = {
            group: [name for name in names if name in chosen] for group, names in groups.items()
        }
        kept = {group: names for group, names in kept.items() if names}
        if not kept:
            raise NotRunError(
                f"preset '{self.preset}' runs no dataset of experiment '{self.name}': add one of "
                "them to the preset's pixels.datasets"
            )
        return kept

    def run_name(self, dataset: str) -> str:
        """Return the dataset that is run for V-D4RL's: itself, or its rendered stand-in."""
        if self.whole.get("stand_ins", "none") == "none":
            return dataset
        return f"{dataset}-local"

    def blocks(self) -> list[tuple[int, ...]]:
        """Return the seeds, a tuple a job."""
        seeds = range(self.scale.get("seeds", self.whole["seeds"]))
        size = self.scale.get("seeds_per_job", self.whole["seeds_per_job"])
        return [tuple(seeds[start : start + size]) for start in range(0, len(seeds), size)]

    def runs(self) -> list[PixelRun]:
        """Return all training jobs."""
        assert self.spec is not None
        for agent in self.spec["agents"]:
            agent_spec(agent)
        return [
            PixelRun(self.preset, self.run_name(dataset), source, agent, seeds)
            for names in self.datasets().values()
            for dataset in names
            for source in self.spec["sources"]
            for agent in self.spec["agents"]
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
        return self.whole["generator_seed"]

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

    def memory_mb(self, dataset: str, source: str = "real") -> int:
        """Estimate a job's memory: frames once, or samples thrice, and the rest."""
        if source != "real":
            return 3000 + 3 * self.samples(source) * _WIDEST_LATENTS * 4 // 1_000_000
        rows = self.rows() * 501 // 500
        spec = config.spec(dataset, "dataset")
        if spec["kind"] == "vd4rl" and spec["level"] == "medium-expert":
            rows *= 2
        return 4000 + int(1.1 * rows * FRAME_BYTES / 1_000_000)

    def describe(self) -> dict[str, Any]:
        """Return what `synther.analysis.spec.TableSpec` needs besides what all tables have.

        Raises:
            SyntherError: `paper` names what the experiment does not have.
        """
        assert self.spec is not None
        paper = dict(self.spec.get("paper", {}))
        names = paper.pop("datasets", {})
        groups, spec = self.datasets(), self.spec
        known = list(itertools.chain(*spec["datasets"].values()))
        for kind, key, every in (
            ("agent", paper.get("agents", {}), spec["agents"]),
            ("source", paper.get("variants", {}), spec["sources"]),
            ("dataset", names, known),
        ):
            for entry in key:  # misspelt, it would be ignored in silence
                if entry not in every:
                    raise unknown_name(kind, entry, every, f"experiment '{self.name}', paper")
        return {
            "kind": "comparison",
            "groups": {
                group: [
                    {"name": self.run_name(n), "paper_name": n, "published": names.get(n, n)}
                    for n in members
                ]
                for group, members in groups.items()
            },
            "agents": {agent: agent_spec(agent)["title"] for agent in spec["agents"]},
            "sources": {source: source_spec(source)["title"] for source in spec["sources"]},
            "paper": paper or None,
            "budget": self.budget(),
            "physics": "dm_control, rendered headless; every action held for two steps",
        }

    def budget(self) -> str:
        """Describe in words what the experiment spends."""
        assert self.spec is not None
        chosen = list(itertools.chain(*self.datasets().values()))
        every = list(itertools.chain(*self.spec["datasets"].values()))
        each = [
            pixel_settings(agent, self.run_name(dataset), self.preset)
            for agent in self.spec["agents"]
            for dataset in chosen
        ]
        steps = sorted({settings["steps"] for settings in each})
        cut = min(settings["eval_steps"] for settings in each)
        parts = [
            f"{sum(len(block) for block in self.blocks())} seeds",
            f"{' or '.join(f'{n:,}' for n in steps)} updates",
        ]
        if cut < 500:
            parts.append(f"evaluation cut after {cut} of 500 steps, so that scores are low")
        if self.whole.get("stand_ins", "none") != "none":
            parts.append(f"{self.rows():,} frames a dataset, rendered here")
        for source in self.spec["sources"]:
            if "generator" in source_spec(source):
                settings = self.generator_settings(self.run_name(chosen[0]), source)
                parts.append(
                    f"{source_spec(source)['generator']} of latents: {self.samples(source):,} "
                    f"samples, width {settings['width']:,}, {settings['steps']:,} steps"
                )
        few = f"{len(chosen)} of {len(every)} datasets"
        return "; ".join([*parts, f"all {len(every)} datasets" if chosen == every else few])


_WIDEST_LATENTS = 210
"""Columns of latent transitions: 2 * 100 + 6 + 2, and padding."""
