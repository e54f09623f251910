"""Passes through a stack on a CPU: one network after another, each through all of its layers.

A batched product a layer fills a GPU. On a CPU it sends the activations of all networks through
memory between two layers; those of one network stay in the cache. Rows go through in blocks for the
same reason, and buffers keep their place.
"""

import itertools
import threading
import weakref
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from synther.agents.views import MOST, Network, Views

ROWS = 1024
"""Rows that go through a network together."""
NARROW = 32
"""Products of fewer columns are up to five times as fast transposed."""
through_relu = torch.ops.aten.threshold_backward.grad_input
_scratch = threading.local()  # evaluation may run beside training


class Pass:
    """The buffers in which rows pass through P networks.

    Args:
        views: of the stack.
        number: P.
        share: networks that take the same inputs.
        rows: B.
        keeps: whether activations are kept, for a pass back.

    Attributes:
        x: inputs (P / share, B, in).
        out: outputs (P, B, n), of which neighbours are rows, not columns, where n is small.
    """

    def __init__(
        self, views: Views, number: int, share: int, rows: int, keeps: bool = False
    ) -> None:
        self.views: Views = weakref.proxy(views)  # which keeps this
        self.share, self.rows = share, rows
        self._like = views.networks()[0][0][0]
        self.x = self.new(number // share, rows, views.sizes[0])
        self.out = self.new_columns(number, views.sizes[-1])
        self.blocks = [slice(n, min(n + ROWS, rows)) for n in range(0, rows, ROWS)]
        self.hidden = [self.new_hidden() if keeps else self.scratch() for _ in range(number)]

    def new(self, *shape: int) -> Tensor:
        """Return a buffer."""
        with torch.inference_mode(False):  # it outlives the mode that it is made in
            return self._like.new_empty(shape)

    def new_columns(self, number: int, width: int) -> Tensor:
        """Return a buffer (number, B, width), transposed where it is narrow."""
        if width >= NARROW:
            return self.new(number, self.rows, width)
        return self.new(number, width, self.rows).transpose(1, 2)

    def new_hidden(self) -> list[list[Tensor]]:
        """Return buffers (block of rows, width) for the hidden layers of each block."""
        return [
            [self.new(block.stop - block.start, width) for width in self.views.sizes[1:-1]]
            for block in self.blocks
        ]

    def scratch(self) -> list[list[Tensor]]:
        """Return as `new_hidden` a thread's buffers, of which only neighbouring layers' differ."""
        widths, like = self.views.sizes[1:-1], self._like
        kept: dict[Any, Any] = _scratch.__dict__.setdefault("kept", {})
        found = []
        for size in (block.stop - block.start for block in self.blocks):
            key = (size, like.dtype, *widths)
            if key not in kept:
                if len(kept) > MOST:
                    kept.clear()
                pair = [self.new(size * max(widths, default=0)) for _ in range(2)]
                kept[key] = [
                    pair[n % 2][: size * width].view(size, width) for n, width in enumerate(widths)
                ]
            found.append(kept[key])
        return found

    def enter(self, parts: Sequence[Tensor]) -> None:
        """Copy inputs (P / share, B, in), in parts along `in`, to their place."""
        if len(parts) > 1:
            torch.cat(list(parts), dim=-1, out=self.x)
        else:
            self.x.copy_(parts[0])

    def ahead(self, p: int, place: int) -> None:
        """Pass forward through a network, the p-th of P."""
        network = self.views.networks()[place]
        for block, hidden in zip(self.blocks, self.hidden[p], strict=True):
            ahead(network, self.x[p // self.share, block], hidden, self.out[p, block])

    def slopes(self, b: int, hidden: list[Tensor]) -> list[Tensor]:
        """Return buffers for a block's slopes; a layer's lie in the activations behind it."""
        spare = self.scratch()[b]
        return [
            behind if behind.shape == own.shape else other
            for own, behind, other in zip(hidden, [*hidden[1:], *spare[-1:]], spare, strict=True)
        ]


def ahead(network: Network, x: Tensor, hidden: Sequence[Tensor], out: Tensor) -> None:
    """Pass rows x (B, in) forward, and write `hidden` and the outputs (B, n)."""
    for (weight, bias), h in zip(network, hidden, strict=False):
        x = torch.addmm(bias, x, weight, out=h).relu_()
    weight, bias = network[-1]
    if weight.shape[1] < NARROW:
        torch.addmm(bias.t(), weight.t(), x.t(), out=out.t())
    else:
        torch.addmm(bias, x, weight, out=out)


def back(
    network: Network,
    gradients: Network | None,
    fresh: bool,
    x: Tensor,
    hidden: Sequence[Tensor],
    slope: Tensor,
    scratch: Sequence[Tensor],
) -> None:
    """Pass the outputs' slope (B, n) back; the first layer's ends in scratch[0].

    Args:
        network: its layers.
        gradients: where theirs are written (`fresh`), or added to; None: nowhere.
        fresh: whether they are written.
        x: inputs (B, in).
        hidden: as `ahead` wrote it.
        slope: of the outputs.
        scratch: where slopes are written.
    """
    for n in reversed(range(len(network))):
        if gradients is not None:
            (weight, bias), below = gradients[n], hidden[n - 1] if n else x
            if 1 < weight.shape[1] < NARROW:
                product = torch.mm(slope.t(), below).t()
                weight.copy_(product) if fresh else weight.add_(product)
            else:
                weight.addmm_(below.t(), slope, beta=0 if fresh else 1)
            total = torch.sum(slope, 0, True, out=bias if fresh else None)
            if not fresh:
                bias.add_(total)
        if n:
            weight, out = network[n][0], scratch[n - 1]
            product_of: Any = torch.mm if weight.shape[1] > 1 else torch.mul
            product_of(slope, weight.t(), out=out)
            slope = through_relu(out, hidden[n - 1], 0, grad_input=out)


class ThereAndBack(Pass):
    """A pass forward that may be followed by one back.

    Attributes:
        slope: of the outputs (P, B, n).
        found: of the inputs (P / share, in, B).
    """

    def __init__(self, views: Views, number: int, share: int, rows: int) -> None:
        super().__init__(views, number, share, rows, keeps=True)
        self.slope = self.new_columns(number, views.sizes[-1])
        self.found = self.new(number // share, views.sizes[0], rows)

    def back(self, p: int, place: int, learns: bool, fresh: bool, columns: tuple[int, int]) -> None:
        """Pass back: gradients if it learns, and those of some columns of the inputs."""
        network, k = self.views.networks()[place], p // self.share
        own = self.views.gradients()[place] if learns else None
        some, beta = slice(*columns), 1 if p % self.share else 0
        for b, (block, hidden) in enumerate(zip(self.blocks, self.hidden[p], strict=True)):
            slope, slopes = self.slope[p, block], self.slopes(b, hidden)
            back(network, own, fresh and b == 0, self.x[k, block], hidden, slope, slopes)
            if some.stop:
                last, into = slopes[0] if slopes else slope, self.found[k, some, block]
                into.addmm_(network[0][0][some], last.t(), beta=beta)


def kept(taken: Any) -> Any:
    """Return the pass that is held, and refuse a second one back.

    Raises:
        RuntimeError: it has been laid back.
    """
    if taken is None:
        raise RuntimeError(
            "these networks' activations went with the first backward pass: pass forward again"
        )
    return taken.held


def _forward(through: Pass, places: Sequence[int], parts: Sequence[Tensor]) -> Tensor:
    through.enter(parts)
    for p, place in enumerate(places):
        through.ahead(p, place)
    return through.out.clone()


class OneByOne(torch.autograd.Function):
    """A pass whose way back adds the gradients of weights and biases to theirs in place.

    Only the gradients of the inputs go through autograd.
    """

    @staticmethod
    def forward(
        ctx: Any, learns: Tensor, views: Views, places: Sequence[int], share: int, *parts: Tensor
    ) -> Tensor:
        """Take inputs in parts along `in`, and a parameter that has a gradient if they all have."""
        ctx.taken = views.take(ThereAndBack, len(places), share, parts[0].shape[1])
        ctx.views, ctx.places, ctx.widths = views, places, [part.shape[-1] for part in parts]
        return _forward(ctx.taken.held, places, parts)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        """Add the parameters' gradients to theirs; return those of the parts."""
        learns, wanted = ctx.needs_input_grad[0], ctx.needs_input_grad[4:]
        through: ThereAndBack = kept(ctx.taken)
        views, starts = ctx.views, [0, *itertools.accumulate(ctx.widths)]
        if learns:
            views.gradients()  # they may have moved
        through.slope.copy_(grad)
        chosen = [n for n, want in enumerate(wanted) if want]
        columns = (starts[chosen[0]], starts[chosen[-1] + 1]) if chosen else (0, 0)
        for p, place in enumerate(ctx.places):
            fresh = learns and place in views.fresh
            through.back(p, place, learns, fresh, columns)
            if fresh:
                views.fresh.discard(place)
        ctx.taken = None
        results: list[Tensor | None] = [None] * len(wanted)
        for n in chosen:
            results[n] = through.found[:, starts[n] : starts[n + 1]].clone().transpose(1, 2)
        return None, None, None, None, *results


def one_by_one(
    learns: Tensor, views: Views, places: Sequence[int], share: int, parts: Sequence[Tensor]
) -> Tensor:
    """Return outputs (P, B, n) of networks `places`; places[p] takes inputs[p // share] (B, in)."""
    if torch.is_grad_enabled() and (learns.requires_grad or any(p.requires_grad for p in parts)):
        return OneByOne.apply(learns, views, places, share, *parts)
    taken = views.take(Pass, len(places), share, parts[0].shape[1])
    with torch.no_grad():
        return _forward(taken.held, places, parts)
