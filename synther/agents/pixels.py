"""What agents that see pixels share: encoder, trunks, random shifts, and learning from latents.

Source: DrQ-v2 (Yarats et al. 2021, arXiv 2107.09645), as V-D4RL (Lu et al. 2022, arXiv 2206.04779)
uses it. An agent learns in one of two ways: all of it from pixels, or, with encoder and trunks
frozen, its heads alone from latents: the trunks' outputs.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from synther.agents.base import Agent, LearningSettings
from synther.agents.networks import StackedMLP, orthogonal, orthogonal_init
from synther.config.settings import require
from synther.errors import SyntherError

FILTERS = 32
LAYERS = 4
"""Convolutions of 3 x 3, the first with stride 2."""
EDGE = 1e-6
"""Sampled actions stay so far within (-1, 1)."""


@dataclass(frozen=True)
class PixelSettings(LearningSettings):
    """Settings that every agent has that sees pixels; its own class adds to them."""

    steps: int = 550_000
    eval_steps: int = 500
    """Agent steps of an evaluation episode; 500 is all of it."""
    hidden: tuple[int, ...] = (1024, 1024)
    """Widths of the hidden layers of the heads."""
    features: int = 50
    """Outputs of a trunk."""
    learning_rate: float = 3e-4
    """Of everything."""
    discount: float = 0.99
    """gamma."""
    n_step: int = 1
    """Steps whose rewards are summed before the value takes over."""
    pad: int = 4
    """Random shifts move frames by up to so many pixels; 0: none."""
    noise_start: float = 1.0
    """Standard deviation of the policy's noise at the first update; it falls linearly."""
    noise_end: float = 0.1
    """Where it ends."""
    noise_updates: int = 125_000
    """Updates that this takes."""
    noise_clip: float = 0.3
    """Bound of the noise."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self, "0 or more", lambda v: v >= 0, "pad")

    def _counts(self) -> tuple[str, ...]:
        return (*super()._counts(), "eval_steps", "features", "n_step")


def random_shift(frames: Tensor, places: Tensor, pad: int) -> Tensor:
    """Shift frames by up to `pad` pixels each way, edges repeated (DrQ-v2's augmentation).

    Args:
        frames: (K, B, C, H, W), of any type; all channels of a stack move together.
        places: (K, B, 2) in [0, 1): where the crop lies, down and across.
    """
    if pad == 0:
        return frames
    seeds, batch, channels, height, width = frames.shape
    moves = (places * (2 * pad + 1)).long().reshape(-1, 2) - pad

    def lines(size: int, move: Tensor) -> Tensor:
        return (torch.arange(size, device=frames.device) + move[:, None]).clamp(0, size - 1)

    rows, columns = lines(height, moves[:, 0]), lines(width, moves[:, 1])
    flat = frames.reshape(seeds * batch, channels, height * width)
    where = (rows[:, :, None] * width + columns[:, None, :]).view(seeds * batch, 1, -1)
    return flat.gather(2, where.expand(-1, channels, -1)).view(frames.shape)


HEAD_INIT = orthogonal_init(gain=1.0)
"""How a head's layers begin, as DrQ-v2's."""


class Encoder(nn.Module):
    """K convolutional encoders: (K, B, C, H, W) uint8 -> (K, B, P), P = 39200 for 84 x 84.

    Every seed has its own convolution: a grouped one would be no faster, and this way a seed's
    numbers are those that it has alone.
    """

    def __init__(self, generators: Sequence[torch.Generator], channels: int, size: int) -> None:
        super().__init__()
        widths = [channels, *[FILTERS] * LAYERS]
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        drawn = [
            [orthogonal(g, (widths[n + 1], widths[n], 3, 3), math.sqrt(2.0)) for n in range(LAYERS)]
            for g in generators
        ]
        for layer in range(LAYERS):
            self.weights.append(nn.Parameter(torch.stack([own[layer] for own in drawn])))
            self.biases.append(nn.Parameter(torch.zeros(len(drawn), FILTERS)))
        side = (size - 3) // 2 + 1 - 2 * (LAYERS - 1)
        self.outputs = FILTERS * side * side

    def forward(self, frames: Tensor) -> Tensor:
        """Return features of every frame."""
        return torch.stack([self._one(k, own) for k, own in enumerate(frames)])

    def _one(self, seed: int, frames: Tensor) -> Tensor:
        hidden = frames.to(self.weights[0].dtype) / 255.0 - 0.5
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            stride = 2 if layer == 0 else 1
            hidden = torch.relu(F.conv2d(hidden, weight[seed], bias[seed], stride=stride))
        return hidden.flatten(1)


class Trunk(nn.Module):
    """K trunks: Linear, LayerNorm, tanh; (K, B, P) -> (K, B, features)."""

    def __init__(self, generators: Sequence[torch.Generator], inputs: int, features: int) -> None:
        super().__init__()
        drawn = [orthogonal(g, (features, inputs)).T for g in generators]
        self.weight = nn.Parameter(torch.stack(drawn).contiguous())
        self.bias = nn.Parameter(torch.zeros(len(drawn), 1, features))
        self.scale = nn.Parameter(torch.ones(len(drawn), 1, features))
        self.shift = nn.Parameter(torch.zeros(len(drawn), 1, features))

    def forward(self, inputs: Tensor) -> Tensor:
        """Return latents in (-1, 1)."""
        hidden = torch.baddbmm(self.bias, inputs, self.weight)
        normal = F.layer_norm(hidden, hidden.shape[-1:])
        return torch.tanh(normal * self.scale + self.shift)


class PixelAgent(Agent):
    """K agents that see stacked frames.

    Args:
        observation_shape: (C, H, W) of a stack.
        action_dim: a.
        seeds, settings, device, dtype: as every agent's.
        frozen: encoder and trunks stay as they are; `update` takes latents and trains the heads.

    Attributes:
        encoder: convolutions.
        trunks: by name, in the order in which a latent has their outputs.
        actor: the head whose tanh is the policy's mean.
        trunk_names: the trunks' names.
    """

    settings: PixelSettings

    trunk_names: ClassVar[tuple[str, ...]] = ("actor",)

    def __init__(
        self,
        observation_shape: tuple[int, int, int],
        action_dim: int,
        seeds: Sequence[int],
        settings: PixelSettings,
        device: str = "cpu",
        dtype: torch.dtype = torch.float32,
        frozen: bool = False,
    ) -> None:
        self.observation_shape, self.frozen = observation_shape, frozen
        if observation_shape[1] != observation_shape[2] or observation_shape[1] < 17:
            raise SyntherError(f"frames are {observation_shape[1:]}; they must be square, 17 or up")
        super().__init__(math.prod(observation_shape), action_dim, seeds, settings, device, dtype)

    def _make_networks(self, generators: Sequence[torch.Generator]) -> None:
        features, hidden = self.settings.features, self.settings.hidden
        self.encoder = Encoder(generators, *self.observation_shape[:2])
        self.trunks = nn.ModuleDict(
            {n: Trunk(generators, self.encoder.outputs, features) for n in self.trunk_names}
        )
        if self.frozen:
            self.encoder.requires_grad_(False)
            self.trunks.requires_grad_(False)
        self.actor = StackedMLP(generators, [features, *hidden, self.action_dim], init=HEAD_INIT)

    @property
    def latent_dim(self) -> int:
        """L: the outputs of all trunks."""
        return len(self.trunks) * self.settings.features

    def uniforms(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes, a seed, of the draws in [0, 1) of one update: where crops lie."""
        if self.frozen:
            return {}
        shape = (self.settings.batch_size, 2)
        return {"shift": shape, "next_shift": shape}

    @property
    def std(self) -> float:
        """Standard deviation of the noise at the next update."""
        settings = self.settings
        share = min(self.updates / max(settings.noise_updates, 1), 1.0)
        return settings.noise_start + share * (settings.noise_end - settings.noise_start)

    def policy(self, latents: Tensor, noise: Tensor) -> Tensor:
        """Return sampled actions (K, B, a) for the actor's latents (K, B, features).

        That is mean + clipped noise, cut to [-1, 1] with the gradient of the uncut action, for
        standard normal noise (K, B, a).
        """
        clip = self.settings.noise_clip
        action = torch.tanh(self.actor(latents)) + (self.std * noise).clamp(-clip, clip)
        return action + (action.clamp(EDGE - 1.0, 1.0 - EDGE) - action).detach()

    def features(self, observations: Tensor, places: Tensor | None) -> Tensor:
        """Return what trunks take of a minibatch's observations: the encoder's features.

        Args:
            observations: frames (K, B, C, H, W); of a frozen agent latents, which stay as they are.
            places: where the crops of the frames lie.
        """
        if places is None:
            return observations
        return self.encoder(random_shift(observations, places, self.settings.pad))

    def latents(self, name: str, features: Tensor, trunk: nn.Module | None = None) -> Tensor:
        """Return a trunk's outputs (K, B, L) for what `features` returned; or another's, if given.

        Of a frozen agent they are the trunk's part of the latents.
        """
        if self.frozen:
            return self.split(features)[name]
        return (trunk or self.trunks[name])(features)

    @torch.no_grad()
    def encode(self, frames: Tensor) -> Tensor:
        """Return latents (K, n, L) of frames (K, n, C, H, W): the trunks' outputs side by side."""
        features = self.encoder(frames)
        return torch.cat([trunk(features) for trunk in self.trunks.values()], dim=-1)

    def split(self, latents: Tensor) -> dict[str, Tensor]:
        """Return each trunk's part (..., features) of latents (..., L) by its name."""
        return dict(zip(self.trunks, latents.split(self.settings.features, dim=-1), strict=True))

    def act(self, observations: Tensor) -> Tensor:
        """Return the evaluation's actions (K, n, a), the policy's means, for frames."""
        return torch.tanh(self.actor(self.split(self.encode(observations))["actor"]))

    def phase(self) -> None:
        """No update is a graph: the noise's scale follows the count of updates."""

    def body(self) -> dict[str, Tensor]:
        """Return the weights of encoder and trunks, which latents depend on."""
        parts = {"encoder": self.encoder, "trunks": self.trunks}
        return {
            f"{part}.{name}": value.detach()
            for part, module in parts.items()
            for name, value in module.state_dict().items()
        }
