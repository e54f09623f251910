"""What generators share that are one stack of networks and a normaliser."""

import json
from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from synther.config.settings import resolve
from synther.errors import SyntherError
from synther.generators.base import Generator
from synther.generators.normaliser import Normaliser
from synther.jobs.devices import require_device
from synther.tensors.layers import FlatLayers

FORMAT = 1


class Trained(Generator):
    """A generator that is fitted by gradient steps.

    Raises:
        SyntherError: there is no such device.
    """

    sizes: ClassVar[tuple[str, ...]]
    """Settings that say how large the networks are."""
    kept: ClassVar[tuple[str, ...]] = ()
    """Attributes of a fitted one that are tensors, and are saved too."""

    def __init__(self, settings: Any = None, device: str = "cpu") -> None:
        super().__init__(settings)
        self.device = require_device(device)

    @property
    def num_parameters(self) -> int:
        """Trained parameters of all networks."""
        return int(self._fitted()[0].flat.numel())

    def _fitted(self) -> tuple[Any, Normaliser]:
        network, normaliser = super()._fitted()
        return network, normaliser

    @abstractmethod
    def _columns(self) -> int:
        """Return how many columns of rows are normalised."""

    @abstractmethod
    def _make_network(self) -> FlatLayers:
        """Return networks of these settings and widths."""

    def _content(self, described: dict[str, Any]) -> dict[str, Any]:
        network, normaliser = self._fitted()
        tensors = {
            **network.state_dict(),
            "mean": normaliser.mean,
            "std": normaliser.std,
            **{name: getattr(self, name) for name in self.kept},
        }
        plain = {"format": FORMAT, "description": json.dumps(described)}
        return plain | {name: tensor.cpu() for name, tensor in tensors.items()}

    @classmethod
    def _from_content(cls, content: dict[str, Any], file: Path, device: str) -> Self:
        described = json.loads(content["description"])
        widths = (int(described["observation_dim"]), int(described["action_dim"]))
        tensors = [content[name].cpu() for name in cls.content[2:]]
        if content["format"] != FORMAT:
            raise SyntherError(
                f"{file} has format {content['format']}, this version reads {FORMAT}: refit"
            )
        settings: Any = resolve(cls.settings_type, dict(described["settings"]), where=str(file))
        claimed = (*widths, *(getattr(settings, name) for name in cls.sizes))
        try:
            # only then is a network of that size made, and not yet in memory
            if not all(0 < size <= content["flat"].numel() for size in claimed):
                raise RuntimeError(claimed)
            return cls.assembled(settings, widths, *tensors, device=device)
        except RuntimeError as error:
            raise SyntherError(
                f"{file} is damaged: its weights do not fit its settings; refit"
            ) from error

    @classmethod
    def assembled(
        cls, settings: Any, widths: tuple[int, int], *tensors: Tensor, device: str = "cpu"
    ) -> Self:
        """Return a fitted one.

        Args:
            settings: that it was fitted with.
            widths: d and a.
            *tensors: what `content` names, in its order.
            device: where it samples.

        Raises:
            RuntimeError: their shapes do not fit the settings.
        """
        model = cls(settings, device)
        model._widths = widths
        given = zip(cls.content[2:], tensors, strict=True)
        named = {name: tensor.to(model.device) for name, tensor in given}
        normaliser = Normaliser(named.pop("mean"), named.pop("std"))
        for name in cls.kept:
            setattr(model, name, named.pop(name))
        if {normaliser.mean.shape, normaliser.std.shape} != {(model._columns(),)}:
            raise RuntimeError(normaliser.mean.shape)
        with torch.device("meta"):
            network = model._make_network()
        network.load_state_dict(named, assign=True)
        model._learned = network.requires_grad_(False), normaliser
        return model
