"""Passes through critics on a CPU that autograd would make with more products, or more memory."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from synther.agents.passes import ahead, back, blocks, columns, once, through_relu
from synther.agents.views import Views


@torch.no_grad()
def regress(
    views: Views, parts: Sequence[Tensor], targets: Tensor, weight: float
) -> tuple[Tensor, Tensor]:
    """Return mean squared errors (K, N) of all single outputs, and these (K, N, B).

    As the targets are known, each network goes back as soon as it has gone forward.

    Args:
        views: of K x N networks.
        parts: inputs (K, B, in), in parts along `in`.
        targets: (K, B).
        weight: times which the errors' gradients are added.
    """
    networks, gradients, (seeds, rows) = views.networks(), views.gradients(), targets.shape
    x, number = torch.cat(list(parts), dim=-1), len(networks)
    out, errors = columns(x, number, rows, 1), columns(x, number, rows, 1)
    for p, (network, own) in enumerate(zip(networks, gradients, strict=True)):
        k, fresh = p * seeds // number, p in views.fresh
        for b, block in enumerate(blocks(rows)):
            inputs, error = x[k, block], errors[p, block]
            hidden = ahead(network, inputs, out[p, block])
            torch.sub(out[p, block], targets[k, block, None], out=error)
            slope = error * (2.0 * weight / rows)
            for _ in back(network, own, fresh and b == 0, inputs, hidden, slope):
                pass
    views.fresh = set()
    q = out.view(seeds, -1, rows)
    return errors.view(q.shape).square().mean(dim=-1), q


class Slopes(torch.autograd.Function):
    """Outputs (S, B, 1) and their slopes (S, B, a) along the inputs' last a columns.

    Between its ReLUs a network is linear, so that the gradients of a function of both are one more
    pass: with v the slope of the output at a layer's own outputs, g the gradient of the output and
    c what the gradient of the slopes becomes on its way through the layers, like a step of the
    inputs, a layer's weights have (g h + c)^T v.
    """

    @staticmethod
    def forward(
        ctx: Any, learns: Tensor, views: Views, share: int, observations: Tensor, actions: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Take inputs (S / share, B, in) in two parts, through which no gradient goes."""
        number, rows, width = len(learns), actions.shape[1], actions.shape[-1]
        ctx.x, ctx.views, ctx.share = torch.cat([observations, actions], dim=-1), views, share
        out, along = columns(ctx.x, number, rows, 1), ctx.x.new_empty(number, width, rows)
        ctx.width, ctx.kept = width, []
        for p, network in enumerate(views.networks()):
            for block in blocks(rows):
                x = ctx.x[p // share, block]
                hidden = ahead(network, x, out[p, block])
                below = [*back(network, None, False, x, hidden, x.new_ones(len(x), 1))]
                torch.mm(network[0][0][-width:], below[-1].t(), out=along[p, :, block])
                ctx.kept.append((p, block, hidden, below[::-1]))
        return out, along.transpose(1, 2)

    @staticmethod
    def backward(ctx: Any, grad: Tensor, along: Tensor) -> Any:
        """Add the parameters' gradients to theirs."""
        views, width = ctx.views, ctx.width
        passes, ctx.kept = once(ctx.kept), None
        networks, gradients = views.networks(), views.gradients()
        grad = columns(ctx.x, *grad.shape).copy_(grad)
        for p, block, hidden, slopes in passes:
            g, step = grad[p, block], along[p, block]
            both, weights = g * ctx.x[p // ctx.share, block], networks[p][0][0][-width:]
            both[:, -width:].add_(step)
            beta = 0 if p in views.fresh and block.start == 0 else 1
            for n, ((weight, bias), slope) in enumerate(zip(gradients[p], slopes, strict=True)):
                weight.addmm_(both.t(), slope, beta=beta)
                bias.addmm_(g.t(), slope, beta=beta)
                if n < len(hidden):
                    step = torch.mm(step, weights)
                    through_relu(step, hidden[n], 0, grad_input=step)
                    both = torch.addcmul(step, g, hidden[n])
                    weights = networks[p][n + 1][0]
        views.fresh = set()
        return None, None, None, None, None
