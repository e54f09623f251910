"""Passes through critics on a CPU that autograd would make with more products, or more memory."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from synther.agents.passes import Pass, ahead, back, kept, through_relu
from synther.agents.views import Views


class Regression(Pass):
    """A pass there and, as the targets are known, back at once, in one network's buffers."""

    def __init__(self, views: Views, number: int, share: int, rows: int) -> None:
        super().__init__(views, number, share, rows)
        self.hidden = [self.new_hidden()] * number
        self.targets = self.new(number // share, rows, 1)
        self.errors, self.slope = self.new_columns(number, 1), self.new_columns(1, 1)

    def through(self, p: int, weight: float, fresh: bool) -> None:
        """Pass through the p-th network: errors, and the gradients of their squares."""
        network, own = self.views.networks()[p], self.views.gradients()[p]
        k, slope = p // self.share, self.slope[0]
        for b, (block, hidden) in enumerate(zip(self.blocks, self.hidden[p], strict=True)):
            x, out, error = self.x[k, block], self.out[p, block], self.errors[p, block]
            ahead(network, x, hidden, out)
            torch.sub(out, self.targets[k, block], out=error)
            torch.mul(error, 2.0 * weight / self.rows, out=slope[block])
            fresh, slopes = fresh and b == 0, self.slopes(b, hidden)
            back(network, own, fresh, x, hidden, slope[block], slopes)


@torch.no_grad()
def regress(
    views: Views, parts: Sequence[Tensor], targets: Tensor, weight: float
) -> tuple[Tensor, Tensor]:
    """Return mean squared errors (K, N) of all single outputs, and these (K, N, B).

    Args:
        views: of K x N networks.
        parts: inputs (K, B, in), in parts along `in`.
        targets: (K, B).
        weight: times which the errors' gradients are added.
    """
    number, (seeds, rows) = len(views.gradients()), targets.shape
    taken = views.take(Regression, number, number // seeds, rows)
    through: Regression = taken.held
    through.enter(parts)
    through.targets.copy_(targets[..., None])
    for p in range(number):
        through.through(p, weight, p in views.fresh)
    views.fresh = set()
    q = through.out.clone().view(seeds, -1, rows)
    return through.errors.view(q.shape).square().mean(dim=-1), q


class SlopesPass(Pass):
    """A pass forward and on to the slopes along the last columns of the inputs, and one back.

    Between its ReLUs a network is linear, so that the gradients of a function of both are one more
    pass: with v the slope of the output at a layer's own outputs, g the gradient of the output and
    c what the gradient of the slopes becomes on its way through the layers, like a step of the
    inputs, a layer's weights have (g h + c)^T v.
    """

    def __init__(self, views: Views, number: int, share: int, rows: int) -> None:
        super().__init__(views, number, share, rows, keeps=True)
        self.below = [self.new_hidden() for _ in range(number)]
        self.along = self.new(number, views.sizes[0], rows)
        self.g = self.new_columns(number, 1)
        self.step = self.new(number, rows, views.sizes[0])
        self.both = self.new(rows, views.sizes[0])

    def there(self, p: int, columns: int) -> None:
        """Pass through the p-th network: its outputs and slopes."""
        network, k = self.views.networks()[p], p // self.share
        for block, hidden, below in zip(self.blocks, self.hidden[p], self.below[p], strict=True):
            x = self.x[k, block]
            ahead(network, x, hidden, self.out[p, block])
            back(network, None, False, x, hidden, x.new_ones(len(x), 1), below)
            weights, into = network[0][0][-columns:], self.along[p, -columns:, block]
            torch.mm(weights, below[0].t(), out=into)

    def back(self, p: int, columns: int, fresh: bool) -> None:
        """Add the parameters' gradients to theirs."""
        network, own, k = self.views.networks()[p], self.views.gradients()[p], p // self.share
        for b, block in enumerate(self.blocks):
            g, both, beta = self.g[p, block], self.both[block], 0 if fresh and b == 0 else 1
            step = self.step[p, block, -columns:]
            torch.mul(g, self.x[k, block], out=both)
            both[:, -columns:].add_(step)
            weights, ones = network[0][0][-columns:], g.new_ones(len(g), 1)
            layers = zip(own, self.below[p][b], self.hidden[p][b], self.scratch()[b], strict=False)
            for n, ((weight, bias), slope, hidden, out) in enumerate(layers):
                weight.addmm_(both.t(), slope, beta=beta)
                bias.addmm_(g.t(), slope, beta=beta)
                torch.mm(step, weights, out=out)
                through_relu(out, hidden, 0, grad_input=out)
                torch.addcmul(out, g, hidden, out=hidden)
                step, both, weights = out, hidden, network[n + 1][0]
            weight, bias = own[-1]
            weight.addmm_(both.t(), ones, beta=beta)
            bias.addmm_(g.t(), ones, beta=beta)


class Slopes(torch.autograd.Function):
    """Outputs (S, B, 1) and their slopes (S, B, a) along the inputs' last a columns."""

    @staticmethod
    def forward(
        ctx: Any, learns: Tensor, views: Views, share: int, observations: Tensor, actions: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Take inputs (S / share, B, in) in two parts, through which no gradient goes."""
        number, ctx.columns, ctx.views = len(learns), actions.shape[-1], views
        ctx.taken = views.take(SlopesPass, number, share, actions.shape[1])
        through: SlopesPass = ctx.taken.held
        through.enter([observations, actions])
        for p in range(number):
            through.there(p, ctx.columns)
        return through.out.clone(), through.along[:, -ctx.columns :].clone().transpose(1, 2)

    @staticmethod
    def backward(ctx: Any, grad: Tensor, along: Tensor) -> Any:
        """Add the parameters' gradients to theirs."""
        through: SlopesPass = kept(ctx.taken)
        views = ctx.views
        views.gradients()  # they may have moved
        through.g.copy_(grad)
        through.step[..., -ctx.columns :].copy_(along)
        for p in range(len(grad)):
            through.back(p, ctx.columns, p in views.fresh)
        views.fresh = set()
        ctx.taken = None
        return None, None, None, None, None
