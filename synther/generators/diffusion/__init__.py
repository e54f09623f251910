"""Elucidated diffusion over whole transitions: the generator of SynthER."""

from synther.generators.diffusion.model import Diffusion
from synther.generators.diffusion.settings import DiffusionSettings

__all__ = ["Diffusion", "DiffusionSettings"]
