"""Where synthetic transitions come from: every generator fits `Transitions` and samples new ones.

A generator is one entry of `GENERATORS` and a class that keeps the `Generator` protocol. Its module
is imported when it is first asked for, so that importing this package costs nothing.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

from synther.checkpoint import Checkpoint
from synther.errors import unknown_name
from synther.settings import resolve
from synther.transitions import Transitions

GENERATORS: dict[str, str] = {
    "diffusion": "synther.generators.diffusion:Diffusion",
    "noise": "synther.generators.noise:Noise",
}
"""Name, as config/sources.yaml gives it, -> "module:class"."""


@runtime_checkable
class Generator(Protocol):
    """A model of the distribution of a dataset's transitions."""

    settings_type: ClassVar[type]
    """The frozen dataclass of its hyperparameters."""

    def __init__(self, settings: Any = None, device: str = "cpu") -> None:
        """Take `settings`, an instance of `settings_type` (None: its defaults)."""

    @property
    def num_parameters(self) -> int:
        """Number of trained parameters."""

    def fit(
        self,
        transitions: Transitions,
        seed: int = 0,
        progress: bool = True,
        checkpoint: Checkpoint | None = None,
        **overrides: Any,
    ) -> Self:
        """Learn the distribution of `transitions`; `overrides` replace single settings."""

    def sample(self, n: int, seed: int = 0) -> Transitions:
        """Return n new transitions; the same seed gives the same ones."""

    def sample_chunks(self, n: int, seed: int = 0) -> Iterator[Transitions]:
        """Yield the rows of `sample(n, seed)` part by part, in bounded memory."""

    def save(self, path: str | Path) -> None:
        """Write the fitted generator into the folder `path`."""

    @classmethod
    def load(cls, path: str | Path, device: str = "cpu") -> Self:
        """Read what `save` wrote."""


def generator_class(name: str) -> type[Generator]:
    """Return the class of the generator `name`, importing its module.

    Raises:
        SyntherError: there is no generator of that name.
    """
    if name not in GENERATORS:
        raise unknown_name("generator", name, GENERATORS)
    module, _, attribute = GENERATORS[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def make_generator(
    name: str, settings: Mapping[str, Any] | None = None, device: str = "cpu"
) -> Generator:
    """Return an unfitted generator with `settings` over its defaults.

    Args:
        name: a key of `GENERATORS`.
        settings: hyperparameters by name, such as `settings` of an entry of config/sources.yaml.
        device: where it computes: "cpu", "cuda", "cuda:1", ...

    Raises:
        SyntherError: the generator or a setting is unknown, or a setting has the wrong type.
    """
    kind = generator_class(name)
    resolved: Any = resolve(kind.settings_type, settings or {}, where=f"generator '{name}'")
    return kind(resolved, device=device)
