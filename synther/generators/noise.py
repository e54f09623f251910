"""Explicit augmentations: real transitions, repeated and perturbed.

The baselines that SynthER is held against on small datasets. With e a random number or vector, the
perturbations are those of Laskin et al. 2020 (RAD, arXiv 2004.14990), Sinha et al. 2021 (S4RL,
arXiv 2103.06326) and Ball et al. 2021 (AugWM, arXiv 2104.05632):

- additive: (s + e, a, r, s' + e);
- multiplicative: (e * s, a, r, e * s');
- dynamics: (s, a, r, s + e * (s' - s)).

The scales that the SynthER paper used are not known here (docs/deviations.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch

from synther.config.settings import as_dict, resolve
from synther.errors import SyntherError, unknown_name
from synther.jobs.checkpoint import Checkpoint
from synther.jobs.files import write_json
from synther.tensors import weights
from synther.transitions import Transitions

KINDS = ("additive", "multiplicative", "dynamics")
CHUNK = 65_536


@dataclass(frozen=True)
class NoiseSettings:
    """What is perturbed, and how much."""

    kind: str = "additive"
    """additive, multiplicative or dynamics."""
    scale: float = 0.1
    """additive: standard deviation of e, in standard deviations of each observation dimension;
    multiplicative and dynamics: e is uniform in [1 - scale, 1 + scale], a number a dimension."""


class Noise:
    """A source that repeats the rows it was given and perturbs their states."""

    settings_type: ClassVar[type] = NoiseSettings

    def __init__(self, settings: NoiseSettings | None = None, device: str = "cpu") -> None:
        self.settings = settings or NoiseSettings()
        if self.settings.kind not in KINDS:
            raise unknown_name("kind of noise", self.settings.kind, KINDS)
        if not self.settings.scale > 0:
            raise SyntherError(f"the scale of noise is {self.settings.scale}; it must be above 0")
        self._data: Transitions | None = None

    @property
    def num_parameters(self) -> int:
        """Zero: nothing is learned."""
        return 0

    def _fitted(self) -> Transitions:
        if self._data is None:
            raise SyntherError("this augmentation has no data: call fit, or load one")
        return self._data

    def fit(
        self,
        transitions: Transitions,
        seed: int = 0,
        progress: bool = True,
        checkpoint: Checkpoint | None = None,
        **overrides: Any,
    ) -> Self:
        """Keep the transitions; nothing is learned, and nothing is random here."""
        settings = resolve(NoiseSettings, as_dict(self.settings), overrides, where="noise")
        self.__init__(settings)  # type: ignore[misc]  # checks the overrides
        self._data = transitions
        return self

    def sample(self, n: int, seed: int = 0) -> Transitions:
        """Return n perturbed transitions; the same seed gives the same ones."""
        return Transitions.concatenate(self.sample_chunks(n, seed))

    def sample_chunks(self, n: int, seed: int = 0, first: int = 0) -> Iterator[Transitions]:
        """Yield the rows of `sample(n, seed)`, at most `CHUNK` at a time, from part `first` on."""
        data = self._fitted()
        if n < 1:
            raise SyntherError(f"can't sample {n} rows: it must be 1 or more")
        spread = data.observations.std(axis=0)
        for index in range(first, -(-n // CHUNK)):
            generator = np.random.default_rng([seed, index])
            rows = data[generator.integers(len(data), size=min(CHUNK, n - index * CHUNK))]
            yield self._perturb(rows, spread, generator)

    def _perturb(
        self, rows: Transitions, spread: np.ndarray, generator: np.random.Generator
    ) -> Transitions:
        scale, shape = self.settings.scale, rows.observations.shape
        states, following = rows.observations, rows.next_observations
        if self.settings.kind == "additive":
            noise = scale * spread * generator.standard_normal(shape, dtype=np.float32)
            states, following = states + noise, following + noise
        else:
            factor = generator.uniform(1 - scale, 1 + scale, shape).astype(np.float32)
            if self.settings.kind == "multiplicative":
                states, following = factor * states, factor * following
            else:
                following = states + factor * (following - states)
        return Transitions(states, rows.actions, rows.rewards, following, rows.terminals)

    def save(self, path: str | Path) -> None:
        """Write the folder `path`: model.pt (the rows) and settings.json."""
        data, path = self._fitted(), Path(path)
        readable = {
            "generator": "noise",
            "settings": as_dict(self.settings),
            "observation_dim": data.observation_dim,
            "action_dim": data.action_dim,
            "num_parameters": 0,
        }
        write_json(path / "settings.json", readable)
        content = {
            "kind": self.settings.kind,
            "scale": self.settings.scale,
            "widths": [data.observation_dim, data.action_dim],
            "rows": torch.from_numpy(data.packed()),
        }
        weights.save(path / "model.pt", content)

    @classmethod
    def load(cls, path: str | Path, device: str = "cpu") -> Self:
        """Read what `save` wrote.

        Raises:
            SyntherError: the file is missing or damaged.
        """
        file = Path(path) / "model.pt"
        content = weights.load(
            file,
            "fit it anew",
            required=("kind", "scale", "widths", "rows"),
            missing="fit and save an augmentation there first",
        )
        try:
            noise = cls(NoiseSettings(content["kind"], content["scale"]))
            noise._data = Transitions.unpack(content["rows"].numpy(), *content["widths"])
        except SyntherError:
            raise
        except (ValueError, TypeError, AttributeError, IndexError) as error:
            raise SyntherError(f"{file} is damaged: fit it anew ({error})") from error
        return noise
