"""Random streams: a seed's draws never depend on which other seeds share its job."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

CHUNK = 64
"""Steps drawn at once by default. Another value is another stream."""


class RandomStreams:
    """Indices and standard normal noise for K seeds, drawn in chunks from a generator a seed.

    Args:
        seeds: one a stacked agent.
        shapes: name -> shape of the standard normal draws of one step and seed.
        indices: (rows, number): also draw `number` indices below `rows`, as "indices".
        device: where draws are made and used.
        purpose: another number gives an unrelated stream of the same seed.
        dtype: of the normal draws.
        uniforms: name -> shape of the draws in [0, 1), float64, of one step and seed.
        chunk: steps drawn at once; another number is another stream.
    """

    def __init__(
        self,
        seeds: Sequence[int],
        shapes: Mapping[str, tuple[int, ...]],
        indices: tuple[int, int] | None = None,
        device: str = "cpu",
        purpose: int = 1,
        dtype: torch.dtype = torch.float32,
        uniforms: Mapping[str, tuple[int, ...]] | None = None,
        chunk: int = CHUNK,
    ) -> None:
        self._size = chunk
        drawn: dict[str, Callable[..., Tensor]] = {}
        if indices is not None:
            rows, number = indices
            drawn["indices"] = functools.partial(torch.randint, rows, (chunk, number))
        for name, shape in shapes.items():
            drawn[name] = functools.partial(torch.randn, (chunk, *shape), dtype=dtype)
        for name, shape in (uniforms or {}).items():
            drawn[name] = functools.partial(torch.rand, (chunk, *shape), dtype=torch.float64)
        self._drawn, self._device = drawn, device
        self._generators = [
            torch.Generator(device).manual_seed(seed * 1_000_003 + purpose) for seed in seeds
        ]
        self._chunk: dict[str, Tensor] = {}
        self._states = [generator.get_state() for generator in self._generators]
        self._cursor = chunk

    def _draw(self) -> None:
        self._states = [generator.get_state() for generator in self._generators]
        self._chunk = {
            name: torch.stack(
                [draw(generator=own, device=self._device) for own in self._generators], dim=1
            )
            for name, draw in self._drawn.items()
        }
        self._cursor = 0

    def next(self) -> dict[str, Tensor]:
        """Return one step's draws: name -> (K, *shape); "indices" (K, number)."""
        if self._cursor == self._size:
            self._draw()
        draws = {name: values[self._cursor] for name, values in self._chunk.items()}
        self._cursor += 1
        return draws

    def snapshot(self) -> dict[str, Any]:
        """Return what `restore` needs to draw on exactly from here."""
        return {"states": self._states, "cursor": self._cursor, "drawn": bool(self._chunk)}

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Go back to a `snapshot`."""
        for generator, state in zip(self._generators, snapshot["states"], strict=True):
            generator.set_state(state.cpu())
        if snapshot["drawn"]:
            self._draw()
        self._cursor = snapshot["cursor"]
