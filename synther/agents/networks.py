"""Networks for K seeds at once: every weight has a leading stack dimension.

One batched matrix product serves all seeds; since every seed has its own slice of every tensor and
the losses are summed over seeds, a seed learns in a stack exactly what it learns alone.
"""

import copy
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Self, TypeVar

import torch
from torch import Tensor, nn

from synther.agents.critic_passes import Slopes, regress
from synther.agents.passes import one_by_one
from synther.agents.views import Views
from synther.tensors.optimizer import Adam

M = TypeVar("M", bound=nn.Module)


def seed_generators(seeds: Sequence[int], purpose: int) -> list[torch.Generator]:
    """Return a CPU generator a seed; another `purpose` gives an unrelated stream."""
    return [torch.Generator().manual_seed(seed * 1_000_003 + purpose) for seed in seeds]


Drawn = tuple[Tensor, Tensor]
"""A layer's weight (in, out) and bias (1, out)."""
Init = Callable[[torch.Generator, int, int, bool], Drawn]
"""(generator, fan-in, fan-out, is the last layer) -> a layer."""


def linear_init(generator: torch.Generator, fan_in: int, fan_out: int, last: bool) -> Drawn:
    """Draw a layer as PyTorch's `nn.Linear` does: uniform within 1 / sqrt(fan-in)."""
    bound = 1.0 / math.sqrt(fan_in)
    weight = torch.empty(fan_in, fan_out).uniform_(-bound, bound, generator=generator)
    bias = torch.empty(1, fan_out).uniform_(-bound, bound, generator=generator)
    return weight, bias


def orthogonal(generator: torch.Generator, shape: Sequence[int], gain: float = 1.0) -> Tensor:
    """Draw an orthogonal weight (out, in, ...) (Saxe et al. 2013)."""
    return nn.init.orthogonal_(torch.empty(*shape), gain=gain, generator=generator)


def orthogonal_init(gain: float) -> Init:
    """Return an initialisation with orthogonal weights and zero biases."""

    def init(generator: torch.Generator, fan_in: int, fan_out: int, last: bool) -> Drawn:
        weight = orthogonal(generator, (fan_out, fan_in), gain)
        return weight.T.contiguous(), torch.zeros(1, fan_out)

    return init


def xavier_init(generator: torch.Generator, fan_in: int, fan_out: int, last: bool) -> Drawn:
    """Draw a weight uniform within sqrt(6 / (fan-in + fan-out)), with zero bias (Glorot 2010)."""
    bound = math.sqrt(6.0 / (fan_in + fan_out))
    weight = torch.empty(fan_in, fan_out).uniform_(-bound, bound, generator=generator)
    return weight, torch.zeros(1, fan_out)


def two_heads(init: Init) -> Init:
    """Return an initialisation whose last layer is two of half the outputs, side by side."""

    def both(generator: torch.Generator, fan_in: int, fan_out: int, last: bool) -> Drawn:
        if not last:
            return init(generator, fan_in, fan_out, last)
        heads = [init(generator, fan_in, fan_out // 2, last) for _ in range(2)]
        weights, biases = zip(*heads, strict=True)
        return torch.cat(weights, dim=1), torch.cat(biases, dim=1)

    return both


def frozen_copy(module: M) -> M:
    """Return a copy that takes no gradients: a target network."""
    return copy.deepcopy(module).requires_grad_(False)


@contextmanager
def fixed(*modules: nn.Module) -> Iterator[None]:
    """Within the block, gradients go through modules and not to their parameters."""
    for module in modules:
        module.requires_grad_(False)
    try:
        yield
    finally:
        for module in modules:
            module.requires_grad_(True)


FEW = 64
"""Rows below which a stack is faster on a CPU too: as an evaluation's policies have."""


def on_gpu(tensor: Tensor) -> bool:
    """Whether networks of such parameters are passed through as one stack, or one by one."""
    return tensor.is_cuda


class StackedMLP(nn.Module):
    """S multilayer perceptrons of one shape, with ReLU between layers.

    On a GPU a layer of all of them is one batched product. On a CPU they are passed through one by
    one (`synther.agents.passes`): then every backward pass adds the gradients of weights and biases
    to their `.grad`, whichever were asked for, and there is one of a forward pass.

    Args:
        generators: one a seed; each seed draws its own initial weights (PyTorch's default for
            `nn.Linear`: uniform within 1 / sqrt(fan-in)).
        sizes: input width, hidden widths, output width.
        copies: networks a seed (an ensemble); S = seeds * copies, a seed's copies adjacent.
        init: draws each layer's weight and bias.
    """

    def __init__(
        self,
        generators: Sequence[torch.Generator],
        sizes: Sequence[int],
        copies: int = 1,
        init: Init | None = None,
    ) -> None:
        super().__init__()
        init = init or linear_init
        self.copies = copies
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
        self._layers = tuple(zip(self.weights, self.biases, strict=True))
        self.views = Views(self._layers)

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (S, B, in) to (S, B, out)."""
        return self._through(slice(None), 1, inputs)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Say whether weights and biases take gradients; agents do so at every update."""
        for layer in self._layers:
            for parameter in layer:
                parameter.requires_grad = requires_grad
        return self

    def _through(self, places: slice | Tensor, share: int, *parts: Tensor) -> Tensor:
        """Return outputs (P, B, out) of some networks.

        Args:
            places: which of the S, P in all; numbers in a tensor, which no gradient goes through.
            share: networks that take the same inputs.
            *parts: inputs (P / share, B, in), in parts along `in`.
        """
        first, rows = self._layers[0][0], parts[0].shape[1]
        learns = torch.is_grad_enabled() and any(t.requires_grad for t in (first, *parts))
        if isinstance(places, slice) and not on_gpu(first) and (learns or rows >= FEW):
            return one_by_one(first, self.views, range(len(first))[places], share, parts)
        hidden = torch.cat(parts, dim=-1) if len(parts) > 1 else parts[0]
        if share > 1:
            hidden = hidden.repeat_interleave(share, dim=0)
        for layer, (weight, bias) in enumerate(self._layers):
            hidden = hidden.relu_() if layer else hidden
            hidden = torch.baddbmm(bias[places], hidden, weight[places])
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
        q = self._through(slice(None), self.copies, observations, actions)
        return q.view(len(observations), self.copies, -1)

    def first(self, observations: Tensor, actions: Tensor) -> Tensor:
        """Return Q_1(s, a) (K, B) of each seed's first critic; the others are not computed."""
        return self._through(slice(None, None, self.copies), 1, observations, actions)[..., 0]

    @torch.no_grad()
    def some(self, observations: Tensor, actions: Tensor, chosen: Tensor) -> Tensor:
        """Return Q_n(s, a) (K, M, B) of M critics a seed, `chosen` (K, M) by number, as targets."""
        seeds, number = chosen.shape
        first = self.copies * torch.arange(seeds, device=chosen.device)[:, None]
        q = self._through((chosen + first).reshape(-1), number, observations, actions)
        return q.view(seeds, number, -1)

    def regress(
        self, observations: Tensor, actions: Tensor, targets: Tensor, weight: float = 1.0
    ) -> tuple[Tensor, Tensor]:
        """Add the gradients of the squared errors of Q_n(s, a), as if backward had been called.

        Args:
            observations: (K, B, d); no gradient goes on to them, to actions or to targets.
            actions: (K, B, a).
            targets: (K, B).
            weight: times which the mean squared errors, summed over networks, are learned from.

        Returns:
            mean squared errors (K, N), Q (K, N, B).
        """
        if not on_gpu(self._layers[0][0]):
            errors, q = regress(self.views, (observations, actions), targets, weight)
        else:
            with torch.enable_grad():
                q = self(observations.detach(), actions.detach())
                errors = (q - targets[:, None]).square().mean(dim=-1)
                (weight * errors.sum()).backward()
        return errors.detach(), q.detach()

    def slopes(self, observations: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
        """Return Q_n(s, a) (K, N, B) and its gradients at the actions (K, N, B, a).

        Both can be learned from; no gradient goes on to states and actions.
        """
        n, shape = self.copies, (len(observations), self.copies, *actions.shape[1:])
        first = self._layers[0][0]
        if not on_gpu(first):
            q, slopes = Slopes.apply(first, self.views, n, observations, actions)
        else:
            every = actions.detach().repeat_interleave(n, dim=0).requires_grad_()
            q = self._through(slice(None), 1, observations.repeat_interleave(n, dim=0), every)
            (slopes,) = torch.autograd.grad(q.sum(), every, create_graph=True)
        return q.view(shape[:-1]), slopes.view(shape)


class FlatParameters:
    """The parameters of some modules in one contiguous buffer, and their gradients in another.

    The optimizer then makes one pass over one tensor, and a target network is one `lerp_`.
    The modules' parameters become views of the buffer.
    """

    def __init__(self, modules: Iterable[nn.Module]) -> None:
        modules = list(modules)
        self._parameters = [p for module in modules for p in module.parameters()]
        self.value = torch.cat([p.detach().reshape(-1) for p in self._parameters])
        self.value.grad = torch.zeros_like(self.value)
        offset = 0
        for parameter in self._parameters:
            span = slice(offset, offset + parameter.numel())
            parameter.data = self.value[span].view(parameter.shape)
            parameter.grad = self.value.grad[span].view(parameter.shape)
            offset += parameter.numel()
        stacks = [m for module in modules for m in module.modules() if isinstance(m, StackedMLP)]
        written = {id(parameter) for stack in stacks for parameter in stack.parameters()}
        self._views = [stack.views for stack in stacks]
        self._others: list[Tensor] = [p for p in self._parameters if id(p) not in written]
        if on_gpu(self.value):
            self._views, self._others = [], [self.value]  # all in one

    def adam(self, learning_rate: float | Tensor, weight_decay: float = 0.0) -> Adam:
        """Return Adam over the buffer; with `weight_decay`, AdamW."""
        return Adam([self.value], learning_rate, weight_decay=weight_decay, before=self._settle)

    def zero_grad(self) -> None:
        """Forget all gradients, in place: they stay views of one buffer.

        On a CPU those of stacks are not set to zero: their next pass overwrites them.
        """
        for views in self._views:
            views.forget()
        for parameter in self._others:
            assert parameter.grad is not None
            parameter.grad.zero_()

    def _settle(self) -> None:
        for views in self._views:
            views.settle()


def soft_update(target: FlatParameters, source: FlatParameters, tau: float) -> None:
    """Move target parameters towards the source's: target += tau (source - target)."""
    target.value.lerp_(source.value, tau)
