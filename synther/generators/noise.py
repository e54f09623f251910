"""Explicit augmentations: real transitions, repeated and perturbed.

The baselines that SynthER is held against on small datasets. With e a random number or vector, the
perturbations are those of Laskin et al. 2020 (RAD, arXiv 2004.14990), Sinha et al. 2021 (S4RL,
arXiv 2103.06326) and Ball et al. 2021 (AugWM, arXiv 2104.05632):

- additive: (s + e, a, r, s' + e);
- multiplicative: (e * s, a, r, e * s');
- dynamics: (s, a, r, s + e * (s' - s)).

The scales that the SynthER paper used are not known here (docs/deviations.md).
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch

from synther.config.settings import require
from synther.errors import unknown_name
from synther.generators.base import Generator
from synther.jobs.checkpoint import Checkpoint
from synther.transitions import Transitions

KINDS = ("additive", "multiplicative", "dynamics")


@dataclass(frozen=True)
class NoiseSettings:
    """What is perturbed, and how much."""

    kind: str = "additive"
    """additive, multiplicative or dynamics."""
    scale: float = 0.1
    """additive: standard deviation of e, in standard deviations of each observation dimension;
    multiplicative and dynamics: e is uniform in [1 - scale, 1 + scale], a number a dimension."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise unknown_name("kind of noise", self.kind, KINDS)
        require(self, "above 0", lambda v: v > 0, "scale")


class Noise(Generator):
    """A source that repeats the rows it was given and perturbs their states."""

    name, words, lacks = "noise", "augmentation", "has no data"
    settings_type: ClassVar[type] = NoiseSettings
    chunk: ClassVar[int] = 65_536
    content = ("kind", "scale", "widths", "rows")

    @property
    def num_parameters(self) -> int:
        """Zero: nothing is learned."""
        return 0

    def _fit(
        self, transitions: Transitions, seed: int, progress: bool, checkpoint: Checkpoint | None
    ) -> None:
        self._keep(transitions)

    def _keep(self, data: Transitions) -> None:
        self._learned = data, data.observations.std(axis=0)

    def _part(self, rows: int, seed: int, index: int) -> Transitions:
        (data, spread), generator = self._fitted(), np.random.default_rng([seed, index])
        drawn = data[generator.integers(len(data), size=rows)]
        scale, shape = self.settings.scale, drawn.observations.shape
        states, following = drawn.observations, drawn.next_observations
        if self.settings.kind == "additive":
            noise = scale * spread * generator.standard_normal(shape, dtype=np.float32)
            states, following = states + noise, following + noise
        else:
            factor = generator.uniform(1 - scale, 1 + scale, shape).astype(np.float32)
            if self.settings.kind == "multiplicative":
                states, following = factor * states, factor * following
            else:
                following = states + factor * (following - states)
        return replace(drawn, observations=states, next_observations=following)

    def _content(self, described: dict[str, Any]) -> dict[str, Any]:
        return {
            "kind": self.settings.kind,
            "scale": self.settings.scale,
            "widths": list(self._widths),
            "rows": torch.from_numpy(self._fitted()[0].packed()),
        }

    @classmethod
    def _from_content(cls, content: dict[str, Any], file: Path, device: str) -> Self:
        noise = cls(NoiseSettings(content["kind"], content["scale"]))
        noise._widths = tuple(content["widths"])
        noise._keep(Transitions.unpack(content["rows"].numpy(), *noise._widths))
        return noise
