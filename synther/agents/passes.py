"""Passes through a stack on a CPU: one network after another, each through all of its layers.

A batched product a layer fills a GPU. On a CPU it sends the activations of all networks through
memory between two layers; those of one network stay in the cache. Rows go through in blocks for the
same reason.
"""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from synther.agents.views import Network, Views

ROWS = 1024
"""Rows that go through a network together."""
NARROW = 32
"""Products of fewer columns are up to five times as fast transposed."""

through_relu = torch.ops.aten.threshold_backward.grad_input


def blocks(rows: int) -> list[slice]:
    """Return the blocks of rows that go through a network together."""
    return [slice(n, min(n + ROWS, rows)) for n in range(0, rows, ROWS)]


def columns(like: Tensor, number: int, rows: int, width: int) -> Tensor:
    """Return memory (number, rows, width), transposed where it is narrow."""
    if width >= NARROW:
        return like.new_empty(number, rows, width)
    return like.new_empty(number, width, rows).transpose(1, 2)


def ahead(network: Network, x: Tensor, out: Tensor) -> list[Tensor]:
    """Pass rows x (B, in) forward, and write the outputs (B, n).

    Returns:
        The hidden layers' activations, (B, width) each.
    """
    hidden = []
    for weight, bias in network[:-1]:
        x = torch.addmm(bias, x, weight).relu_()
        hidden.append(x)
    weight, bias = network[-1]
    if weight.shape[1] < NARROW:
        torch.addmm(bias.t(), weight.t(), x.t(), out=out.t())
    else:
        torch.addmm(bias, x, weight, out=out)
    return hidden


def back(
    network: Network,
    gradients: Network | None,
    fresh: bool,
    x: Tensor,
    hidden: Sequence[Tensor],
    slope: Tensor,
) -> Iterator[Tensor]:
    """Pass the outputs' slope (B, n) back, and yield it and that of each layer below, (B, width).

    Args:
        network: its layers.
        gradients: where theirs are written (`fresh`), or added to; None: nowhere.
        fresh: whether they are written.
        x: inputs (B, in).
        hidden: as `ahead` returned it.
        slope: of the outputs.
    """
    for n in reversed(range(len(network))):
        yield slope
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
            weight = network[n][0]
            product_of: Any = torch.mm if weight.shape[1] > 1 else torch.mul
            slope = product_of(slope, weight.t())
            through_relu(slope, hidden[n - 1], 0, grad_input=slope)


def once(kept: Any) -> Any:
    """Return what was kept of a pass forward, and refuse a second one back.

    Raises:
        RuntimeError: there is nothing any more.
    """
    if kept is None:
        raise RuntimeError(
            "these networks' activations went with the first backward pass: pass forward again"
        )
    return kept


class OneByOne(torch.autograd.Function):
    """A pass whose way back adds the gradients of weights and biases to theirs in place.

    Only the gradients of the inputs go through autograd.
    """

    @staticmethod
    def forward(
        ctx: Any, learns: Tensor, views: Views, places: Sequence[int], share: int, *parts: Tensor
    ) -> Tensor:
        """Take inputs in parts along `in`, and a parameter that has a gradient if they all have."""
        ctx.views, ctx.share, ctx.kept = views, share, []
        ctx.widths = [part.shape[-1] for part in parts]
        ctx.x, out = _forward(views, places, share, parts, ctx.kept)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        """Add the parameters' gradients to theirs; return those of the parts."""
        learns, wanted = ctx.needs_input_grad[0], ctx.needs_input_grad[4:]
        views, x, starts = ctx.views, ctx.x, [0, *itertools.accumulate(ctx.widths)]
        passes, ctx.kept = once(ctx.kept), None
        networks, gradients = views.networks(), views.gradients() if learns else None
        slopes = columns(x, *grad.shape).copy_(grad)
        chosen = [n for n, want in enumerate(wanted) if want]
        some = slice(starts[chosen[0]], starts[chosen[-1] + 1]) if chosen else slice(0)
        found = x.new_empty(len(x), x.shape[-1], x.shape[1])
        for p, place, block, hidden in passes:
            network, slope, k = networks[place], slopes[p, block], p // ctx.share
            own, fresh = gradients[place] if gradients else None, place in views.fresh
            *_, slope = back(network, own, fresh, x[k, block], hidden, slope)
            if learns:
                views.fresh.discard(place)
            if chosen:
                into, beta = found[k, some, block], 1 if p % ctx.share else 0
                into.addmm_(network[0][0][some], slope.t(), beta=beta)
        results: list[Tensor | None] = [None] * len(wanted)
        for n in chosen:
            results[n] = found[:, starts[n] : starts[n + 1]].transpose(1, 2)
        return None, None, None, None, *results


def _forward(
    views: Views,
    places: Sequence[int],
    share: int,
    parts: Sequence[Tensor],
    kept: list[Any] | None = None,
) -> tuple[Tensor, Tensor]:
    """Return inputs, their parts together, and outputs; keep what a pass back needs."""
    x = torch.cat(list(parts), dim=-1) if len(parts) > 1 else parts[0].detach()
    networks, rows = views.networks(), x.shape[1]
    _, last_bias = networks[0][-1]
    out = columns(x, len(places), rows, last_bias.shape[-1])
    for p, place in enumerate(places):
        for block in blocks(rows):
            hidden = ahead(networks[place], x[p // share, block], out[p, block])
            if kept is not None:
                kept.append((p, place, block, hidden))
    return x, out


def one_by_one(
    learns: Tensor, views: Views, places: Sequence[int], share: int, parts: Sequence[Tensor]
) -> Tensor:
    """Return outputs (P, B, n) of networks `places`; places[p] takes inputs[p // share] (B, in)."""
    if torch.is_grad_enabled() and (learns.requires_grad or any(p.requires_grad for p in parts)):
        return OneByOne.apply(learns, views, places, share, *parts)
    with torch.no_grad():
        return _forward(views, places, share, parts)[1]
