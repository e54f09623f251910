"""Networks for K seeds at once: every weight has a leading stack dimension.

One batched matrix product serves all seeds; since every seed has its own slice of every tensor and
the losses are summed over seeds, a seed learns in a stack exactly what it learns alone.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn

from synther.optimizer import Adam


def seed_generators(seeds: Sequence[int], purpose: int) -> list[torch.Generator]:
    """Return a CPU generator a seed; another `purpose` gives an unrelated stream."""
    return [torch.Generator().manual_seed(seed * 1_000_003 + purpose) for seed in seeds]


Init = Callable[[torch.Generator, int, int, bool], tuple[Tensor, Tensor]]
"""(generator, fan-in, fan-out, is the last layer) -> weight (in, out), bias (1, out)."""


def linear_init(
    generator: torch.Generator, fan_in: int, fan_out: int, last: bool
) -> tuple[Tensor, Tensor]:
    """Draw a layer as PyTorch's `nn.Linear` does: uniform within 1 / sqrt(fan-in)."""
    bound = 1.0 / math.sqrt(fan_in)
    weight = torch.empty(fan_in, fan_out).uniform_(-bound, bound, generator=generator)
    bias = torch.empty(1, fan_out).uniform_(-bound, bound, generator=generator)
    return weight, bias


def orthogonal_init(
    generator: torch.Generator, fan_in: int, fan_out: int, last: bool
) -> tuple[Tensor, Tensor]:
    """Draw an orthogonal weight of gain sqrt(2), with zero bias (Saxe et al. 2013)."""
    weight = torch.empty(fan_out, fan_in)
    nn.init.orthogonal_(weight, gain=math.sqrt(2.0), generator=generator)
    return weight.T.contiguous(), torch.zeros(1, fan_out)


def xavier_init(
    generator: torch.Generator, fan_in: int, fan_out: int, last: bool
) -> tuple[Tensor, Tensor]:
    """Draw a weight uniform within sqrt(6 / (fan-in + fan-out)), with zero bias (Glorot 2010)."""
    bound = math.sqrt(6.0 / (fan_in + fan_out))
    weight = torch.empty(fan_in, fan_out).uniform_(-bound, bound, generator=generator)
    return weight, torch.zeros(1, fan_out)


def two_heads(init: Init) -> Init:
    """Return an initialisation whose last layer is two of half the outputs, side by side."""

    def both(
        generator: torch.Generator, fan_in: int, fan_out: int, last: bool
    ) -> tuple[Tensor, Tensor]:
        if not last:
            return init(generator, fan_in, fan_out, last)
        heads = [init(generator, fan_in, fan_out // 2, last) for _ in range(2)]
        weights, biases = zip(*heads, strict=True)
        return torch.cat(weights, dim=1), torch.cat(biases, dim=1)

    return both


class StackedMLP(nn.Module):
    """S multilayer perceptrons of one shape, evaluated in one batched product a layer.

    Args:
        generators: one a seed; each seed draws its own initial weights (PyTorch's default for
            `nn.Linear`: uniform within 1 / sqrt(fan-in)).
        sizes: input width, hidden widths, output width.
        copies: networks a seed (an ensemble); S = seeds * copies, a seed's copies adjacent.
        activation: between layers.
        init: draws each layer's weight and bias.
    """

    def __init__(
        self,
        generators: Sequence[torch.Generator],
        sizes: Sequence[int],
        copies: int = 1,
        activation: Callable[[Tensor], Tensor] = torch.relu,
        init: Init | None = None,
    ) -> None:
        super().__init__()
        init = init or linear_init
        self.activation, self.copies = activation, copies
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        shapes = list(itertools.pairwise(sizes))
        drawn = [
            [init(generator, *shape, n == len(shapes)) for n, shape in enumerate(shapes, start=1)]
            for generator in generators
            for _ in range(copies)
        ]
        for layer in range(len(shapes)):
            self.weights.append(nn.Parameter(torch.stack([net[layer][0] for net in drawn])))
            self.biases.append(nn.Parameter(torch.stack([net[layer][1] for net in drawn])))

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (S, B, in) to (S, B, out)."""
        return self._through(inputs, self.weights, self.biases)

    def _through(
        self, inputs: Tensor, weights: Iterable[Tensor], biases: Iterable[Tensor]
    ) -> Tensor:
        hidden = inputs
        last = len(self.weights) - 1
        for layer, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            hidden = torch.baddbmm(bias, hidden, weight)
            if layer < last:
                hidden = self.activation(hidden)
        return hidden


class Critics(StackedMLP):
    """An ensemble of Q-functions a seed: (K, B, d), (K, B, a) -> (K, N, B)."""

    def __init__(
        self,
        generators: Sequence[torch.Generator],
        observation_dim: int,
        action_dim: int,
        hidden: Sequence[int],
        ensemble: int,
        init: Init | None = None,
    ) -> None:
        sizes = [observation_dim + action_dim, *hidden, 1]
        super().__init__(generators, sizes, copies=ensemble, init=init)

    def forward(self, observations: Tensor, actions: Tensor) -> Tensor:  # type: ignore[override]
        """Return Q_n(s, a) of every critic n."""
        inputs = torch.cat([observations, actions], dim=-1)
        seeds = len(inputs)
        if self.copies > 1:
            inputs = inputs.repeat_interleave(self.copies, dim=0)
        return super().forward(inputs).view(seeds, self.copies, -1)

    def first(self, observations: Tensor, actions: Tensor) -> Tensor:
        """Return Q_1(s, a) (K, B) of each seed's first critic; the others are not computed."""
        inputs = torch.cat([observations, actions], dim=-1)
        weights = [weight[:: self.copies] for weight in self.weights]
        biases = [bias[:: self.copies] for bias in self.biases]
        return self._through(inputs, weights, biases).squeeze(-1)

    def some(self, observations: Tensor, actions: Tensor, chosen: Tensor) -> Tensor:
        """Return Q_n(s, a) (K, M, B) of M critics a seed, `chosen` (K, M) by number."""
        seeds, number = chosen.shape
        first = self.copies * torch.arange(seeds, device=chosen.device)[:, None]
        places = (chosen + first).reshape(-1)
        inputs = torch.cat([observations, actions], dim=-1).repeat_interleave(number, dim=0)
        weights = [weight.index_select(0, places) for weight in self.weights]
        biases = [bias.index_select(0, places) for bias in self.biases]
        return self._through(inputs, weights, biases).view(seeds, number, -1)

    def each(self, observations: Tensor, actions: Tensor) -> Tensor:
        """Return Q_n(s, a_n) (K, N, B) where every critic has its own actions (K, N, B, a)."""
        seeds, copies, batch, _ = actions.shape
        states = observations[:, None].expand(-1, copies, -1, -1)
        inputs = torch.cat([states, actions], dim=-1).view(seeds * copies, batch, -1)
        return super().forward(inputs).view(seeds, copies, batch)


class FlatParameters:
    """The parameters of some modules in one contiguous buffer, and their gradients in another.

    The optimizer then makes one pass over one tensor, and a target network is one `lerp_`.
    The modules' parameters become views of the buffer.
    """

    def __init__(self, modules: Iterable[nn.Module]) -> None:
        self._parameters = [p for module in modules for p in module.parameters()]
        self.value = torch.cat([p.detach().reshape(-1) for p in self._parameters])
        self.value.grad = torch.zeros_like(self.value)
        offset = 0
        for parameter in self._parameters:
            span = slice(offset, offset + parameter.numel())
            parameter.data = self.value[span].view(parameter.shape)
            parameter.grad = self.value.grad[span].view(parameter.shape)
            offset += parameter.numel()

    def adam(self, learning_rate: float | Tensor, weight_decay: float = 0.0) -> Adam:
        """Return Adam over the buffer; with `weight_decay`, AdamW."""
        return Adam([self.value], learning_rate, weight_decay=weight_decay)

    def zero_grad(self) -> None:
        """Set all gradients to zero, in place: they stay views of one buffer."""
        assert self.value.grad is not None
        self.value.grad.zero_()


def soft_update(target: FlatParameters, source: FlatParameters, tau: float) -> None:
    """Move target parameters towards the source's: target += tau (source - target)."""
    target.value.lerp_(source.value, tau)
