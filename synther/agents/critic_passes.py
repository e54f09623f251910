"""Passes through critics on a CPU that autograd would make with more products, or more memory."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from synther.agents.passes import (
    Views,
    ahead,
    back,
    in_blocks,
    new_outputs,
    require_kept,
    through_relu,
)


class Errors(torch.autograd.Function):
    """Mean squared errors (K, N) of all networks' single outputs (K, N, B), and these.

    As the targets are known, a network's backward pass follows its forward pass at once, and its
    activations are kept no longer. What is left for autograd is to multiply the gradients.
    """

    @staticmethod
    def forward(
        ctx: Any, learns: Tensor, views: Views, targets: Tensor, inputs: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Take targets (K, B) and inputs (K, B, in), through which no gradient goes."""
        networks, gradients = views.networks(), views.gradients()
        (seeds, rows), number = targets.shape, len(networks)
        outputs, blocks = new_outputs(number, rows, networks[0], inputs)
        xs = [in_blocks(part) for part in inputs.unbind()]
        wanted = [in_blocks(part, 1) for part in targets[:, None].unbind()]
        taken = views.take(1, rows)
        for p, network in enumerate(networks):
            k = p * seeds // number
            for x, out, target, hidden in zip(xs[k], blocks[p], wanted[k], taken[0], strict=True):
                ahead(network, x, hidden, out)
                slope = torch.sub(out, target).mul_(2.0 / rows).t()
                fresh = p in views.fresh
                back(network, gradients[p], fresh, x, hidden, slope, views.scratch(len(x)))
                views.fresh.discard(p)
        views.give(taken, 1, rows)
        q = outputs.view(seeds, -1, rows)
        ctx.views = views
        ctx.mark_non_differentiable(q)
        return (q - targets[:, None]).square().mean(dim=-1), q

    @staticmethod
    def backward(ctx: Any, grad: Tensor, _: Tensor) -> Any:
        """Multiply the gradients that were written by those of the errors."""
        for network, factor in zip(ctx.views.gradients(), grad.reshape(-1).tolist(), strict=True):
            if factor != 1.0:
                torch._foreach_mul_([t for layer in network for t in layer[::2]], factor)
        return None, None, None, None


class Slopes(torch.autograd.Function):
    """Outputs (S, B, 1) and their slopes (S, B, a) along the inputs' last a columns.

    Between its ReLUs a network is linear, so that the gradients of a function of both are one more
    pass: with v the slope of the output at a layer's own outputs, g the gradient of the output and
    c what the gradient of the slopes becomes on its way through the layers, like a step of the
    inputs, a layer's weights have (g h + c)^T v.
    """

    @staticmethod
    def forward(
        ctx: Any, learns: Tensor, views: Views, share: int, inputs: Tensor, columns: int
    ) -> tuple[Tensor, Tensor]:
        """Take inputs (S / share, B, in), through which no gradient goes."""
        networks, rows = views.networks(), inputs.shape[1]
        outputs, blocks = new_outputs(len(networks), rows, networks[0], inputs)
        slopes = inputs.new_empty(len(networks), columns, rows)
        into = [in_blocks(part, 1) for part in slopes.unbind()]
        ctx.hidden, ctx.slopes = views.take(len(networks), rows), views.take(len(networks), rows, 1)
        ctx.inputs = [in_blocks(part) for part in inputs.unbind()]
        for p, network in enumerate(networks):
            weights = network[0][0][-columns:]
            for b, x in enumerate(ctx.inputs[p // share]):
                hidden, below = ctx.hidden[p][b], ctx.slopes[p][b]
                ahead(network, x, hidden, blocks[p][b])
                back(network, None, False, x, hidden, x.new_ones(len(x), 1), below)
                torch.mm(weights, below[0][1], out=into[p][b])
        ctx.share, ctx.columns, ctx.views = share, columns, views
        return outputs, slopes.transpose(1, 2)

    @staticmethod
    def backward(ctx: Any, grad: Tensor, along: Tensor) -> Any:
        """Add the parameters' gradients to theirs."""
        require_kept(ctx.hidden)
        views, columns, rows = ctx.views, ctx.columns, grad.shape[1]
        networks, gradients = views.networks(), views.gradients()
        gs, steps = grad.unbind(), along.unbind()
        for p, (network, own) in enumerate(zip(networks, gradients, strict=True)):
            for b, (g, step) in enumerate(zip(in_blocks(gs[p]), in_blocks(steps[p]), strict=True)):
                beta = 0 if p in views.fresh else 1
                x = ctx.inputs[p // ctx.share][b]
                both = g * x
                both[:, -columns:] += step
                weights, spare = network[0][0][-columns:], views.scratch(len(x))
                for n, (slope, slope_t) in enumerate(ctx.slopes[p][b]):
                    weight, _, _, bias_t = own[n]
                    weight.addmm_(both.t(), slope, beta=beta)
                    bias_t.addmm_(slope_t, g, beta=beta)
                    hidden, out = ctx.hidden[p][b][n][0], spare[n][0]
                    step = torch.mm(step, weights, out=out)
                    through_relu(step, hidden, 0, grad_input=step)
                    both = torch.addcmul(step, g, hidden)
                    weights = network[n + 1][0]
                weight, _, bias, _ = own[-1]
                ones = g.new_ones(len(g), 1)
                weight.addmm_(both.t(), ones, beta=beta)
                bias.addmm_(g.t(), ones, beta=beta)
                views.fresh.discard(p)
        views.give(ctx.hidden, len(networks), rows)
        views.give(ctx.slopes, len(networks), rows, 1)
        ctx.hidden = ctx.slopes = None
        return None, None, None, None, None
