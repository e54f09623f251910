"""The jobs of the pixel experiments, counted; a part of `synther.planning.jobs`."""

from __future__ import annotations

from typing import Any

from synther import config
from synther.experiments.pixels import FRAME_BYTES, Pixels
from synther.planning.work import (
    Work,
    agent_updates,
    denoiser_parameters,
    diffusion_fit,
    diffusion_samples,
)
from synther.specs import agent_spec, pixel_settings, source_spec

_LATENT_COLUMNS = 210
"""Columns of the widest latents: 2 * 100 + 6 + 2, and padding."""
_BODY_BYTES = 40e6
"""Weights that a seed trained on frames leaves: trunks of 39,200 x 50, encoder and heads."""


class PixelJobs:
    """What the rules of workflow/rules/pixels.smk do."""

    def __init__(self, plan: Pixels) -> None:
        self._plan = plan

    def _download_shard(self, shard: str) -> dict[str, Any]:
        size = next(
            file["bytes"]
            for spec in config.load("datasets")["datasets"].values()
            for below, file in spec.get("files", {}).items()
            if below == f"{shard}.hdf5"
        )
        return {
            "needs": (),
            "memory_mb": 1000,
            "disk_bytes": size,
            "work": (Work("download_bytes", size),),
        }

    def _render_dataset(self, dataset: str) -> dict[str, Any]:
        rows = self._plan.rows()
        return {
            "needs": (),
            "threads": 4,
            "memory_mb": 4000,
            "disk_bytes": 0.3 * rows * FRAME_BYTES,  # compressed, as V-D4RL's shards are
            "work": (Work("frames", rows),),
        }

    def _rows(self, dataset: str) -> int:
        spec = config.spec(dataset, "dataset")
        twice = spec["kind"] == "vd4rl" and spec["level"] == "medium-expert"
        return self._plan.rows() * (1 + twice)

    def _learning(self, dataset: str, agent: str, seeds: int, heads: bool) -> tuple[Work, ...]:
        settings = pixel_settings(agent, dataset, self._plan.preset)
        evaluations = -(-settings["steps"] // settings["eval_every"])
        frames = evaluations * settings["eval_episodes"] * settings["eval_steps"] * seeds
        reference = agent_spec(agent)["settings"]
        updates = agent_updates(agent, settings, reference, settings["steps"], seeds)
        if heads:  # without the convolutions, an update is one of TD3+BC's size
            updates = Work("head_updates", updates.amount, size=updates.size, count=updates.count)
        return updates, Work("frames", frames)

    def _train_pixels(self, dataset: str, agent: str, first: str, last: str) -> dict[str, Any]:
        seeds = int(last) - int(first) + 1
        return {
            "needs": tuple(self._plan.shards(dataset)),
            "threads": 4,
            "memory_mb": self._plan.memory_mb(dataset),
            "disk_bytes": _BODY_BYTES * seeds,
            "on_device": True,
            "work": self._learning(dataset, agent, seeds, heads=False),
        }

    def _train_heads(
        self, dataset: str, source: str, agent: str, first: str, last: str
    ) -> dict[str, Any]:
        folder = self._plan.model_folder(dataset, agent, source)
        seeds = int(last) - int(first) + 1
        return {
            "needs": (f"{folder}/samples.npz", self._plan.body(dataset, agent)),
            "threads": 4,
            "memory_mb": self._plan.memory_mb(dataset, source),
            "disk_bytes": 1e6,
            "on_device": True,
            "work": self._learning(dataset, agent, seeds, heads=True),
        }

    def _encode_latents(self, dataset: str, agent: str) -> dict[str, Any]:
        rows = self._rows(dataset)
        return {
            "needs": (*self._plan.shards(dataset), self._plan.body(dataset, agent)),
            "threads": 2,
            "memory_mb": self._plan.memory_mb(dataset),
            "disk_bytes": 4.0 * rows * _LATENT_COLUMNS,
            "on_device": True,
            "work": (Work("encoded_frames", rows),),
        }

    def _fit_latents(self, dataset: str, agent: str, source: str) -> dict[str, Any]:
        settings = self._plan.generator_settings(dataset, source)
        rows = self._rows(dataset)
        fit = diffusion_fit(settings, source_spec("synther")["settings"], _LATENT_COLUMNS, rows)
        return {
            "needs": (self._plan.latents(dataset, agent),),
            "memory_mb": 4000,
            "disk_bytes": 2 * 4 * denoiser_parameters(settings, _LATENT_COLUMNS),
            "on_device": True,
            "work": (fit,),
        }

    def _sample_latents(self, dataset: str, agent: str, source: str) -> dict[str, Any]:
        settings, number = (
            self._plan.generator_settings(dataset, source),
            self._plan.samples(source),
        )
        reference = source_spec("synther")["settings"]
        kind = source_spec(source)["generator"]
        return {
            "needs": (f"{self._plan.model_folder(dataset, agent, source)}/model.pt",),
            "memory_mb": self._plan.memory_mb(dataset, source),
            "disk_bytes": 4.0 * number * _LATENT_COLUMNS,
            "on_device": True,
            "work": (diffusion_samples(kind, settings, reference, _LATENT_COLUMNS, number),),
        }
