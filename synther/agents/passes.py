"""Passes through a stack on a CPU: one network after another, each through all of its layers.

A batched product a layer fills a GPU. On a CPU it sends the activations of all networks through
memory between two layers; those of one network stay in the cache. Rows go through in blocks for the
same reason. Buffers, and views of them, are used again: an update of small networks spends more on
calls than on numbers.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

ROWS = 1024
"""Rows that go through a network together."""
NARROW = 32
"""Products of fewer columns are up to five times as fast transposed."""

Layer = tuple[Tensor, Tensor, Tensor, Tensor]
"""A network's weight (in, out) and bias (1, out), or their gradients, each with its transpose."""
Hidden = list[tuple[Tensor, Tensor]]
"""What rows are (B, width) behind each hidden layer, with the transpose."""

_through_relu = torch.ops.aten.threshold_backward.grad_input
_scratch = threading.local()  # evaluation may run beside training


class Views:
    """The networks of a stack one by one, and the buffers of their passes.

    Args:
        layers: weights (S, in, out) and biases (S, 1, out).

    Attributes:
        fresh: networks whose gradients the next pass writes, in place of adding to them.
    """

    def __init__(self, layers: Sequence[tuple[Tensor, Tensor]]) -> None:
        self._parameters = [tensor for layer in layers for tensor in layer]
        self._widths = [bias.shape[-1] for _, bias in layers]
        self._slices: dict[str, tuple[list[int], list[list[Layer]]]] = {}
        self._spare: dict[tuple[int, ...], list[list[Hidden]]] = {}
        self.fresh: set[int] = set()

    def __deepcopy__(self, memo: dict[int, Any]) -> Views:
        parameters = [memo[id(parameter)] for parameter in self._parameters]
        return Views(list(zip(parameters[::2], parameters[1::2], strict=True)))

    def networks(self) -> list[list[Layer]]:
        """Return the layers of each network."""
        return self._of("values", self._parameters)

    def gradients(self) -> list[list[Layer]]:
        """Return where gradients of `networks()` are summed; made where there are none."""
        gradients = [parameter.grad for parameter in self._parameters]
        for n, parameter in enumerate(self._parameters):
            if gradients[n] is None:
                gradients[n] = parameter.grad = torch.zeros_like(parameter)
        return self._of("gradients", gradients)  # type: ignore[arg-type]

    def forget(self) -> None:
        """Let the next pass through each network overwrite its gradients."""
        self.fresh = set(range(len(self._parameters[0])))

    def settle(self) -> None:
        """Set the gradients of networks to zero that no pass has overwritten."""
        for place in self.fresh:
            for weight, _, bias, _ in self.gradients()[place]:
                weight.zero_()
                bias.zero_()
        self.fresh = set()

    def take(self, number: int, rows: int, purpose: int = 0) -> list[list[Hidden]]:
        """Return buffers for the hidden layers of P networks, a list of blocks of rows each."""
        if (spare := self._spare.pop((number, rows, purpose), None)) is not None:
            return spare
        like, sizes = self._parameters[0], [min(ROWS, rows - n) for n in range(0, rows, ROWS)]
        made = [
            [[like.new_empty(size, width) for width in self._widths[:-1]] for size in sizes]
            for _ in range(number)
        ]
        return [[[(h, h.t()) for h in hidden] for hidden in blocks] for blocks in made]

    def give(self, taken: list[list[Hidden]], number: int, rows: int, purpose: int = 0) -> None:
        """Give back what `take` returned."""
        self._spare[number, rows, purpose] = taken

    def scratch(self, rows: int) -> Hidden:
        """Return a thread's buffers, of which only neighbouring layers' differ."""
        like = self._parameters[0]
        kept: dict[Any, Any] = _scratch.__dict__.setdefault("kept", {})
        key = (rows, like.dtype, *self._widths[:-1])
        if key not in kept:
            if len(kept) > 50:  # batches of ever another size
                kept.clear()
            pair = [like.new_empty(rows * max(self._widths)) for _ in range(2)]
            hidden = enumerate(self._widths[:-1])
            made = [pair[n % 2][: rows * width].view(rows, width) for n, width in hidden]
            kept[key] = [(h, h.t()) for h in made]
        found: Hidden = kept[key]
        return found

    def _of(self, kind: str, tensors: Sequence[Tensor]) -> list[list[Layer]]:
        places, known = self._slices.get(kind, ([], []))
        # Parameters that move, as into one flat buffer, leave their views behind.
        if (now := [tensor.data_ptr() for tensor in tensors]) == places:
            return known
        parts = [[p.detach() for p in tensor.detach().unbind()] for tensor in tensors]
        layers = [
            [(w, w.t(), b, b.t()) for w, b in zip(*parts[n : n + 2], strict=True)]
            for n in range(0, len(parts), 2)
        ]
        self._slices[kind] = now, [list(network) for network in zip(*layers, strict=True)]
        return self._slices[kind][1]


def _split(tensor: Tensor, dim: int = 0) -> Sequence[Tensor]:
    return tensor.split(ROWS, dim) if tensor.shape[dim] > ROWS else (tensor,)


def _joined(parts: Sequence[Tensor]) -> Tensor:
    return torch.cat(list(parts), dim=-1) if len(parts) > 1 else parts[0]


def _require(kept: Any) -> None:
    """Refuse a second backward pass.

    Raises:
        RuntimeError: the buffers have been given back.
    """
    if kept is None:
        raise RuntimeError(
            "these networks' activations went with the first backward pass: pass forward again"
        )


def _ahead(network: list[Layer], x: Tensor, hidden: Hidden, out: Tensor) -> None:
    """Pass rows x (B, in) forward; write `hidden`, and the outputs (n, B) or, wide, (B, n)."""
    behind, behind_t = x, None
    for (weight, _, bias, _), (h, h_t) in zip(network, hidden, strict=False):
        torch.addmm(bias, behind, weight, out=h).relu_()
        behind, behind_t = h, h_t
    weight, weight_t, bias, bias_t = network[-1]
    if len(weight_t) < NARROW:
        torch.addmm(bias_t, weight_t, behind.t() if behind_t is None else behind_t, out=out)
    else:
        torch.addmm(bias, behind, weight, out=out)


def _back(
    network: list[Layer],
    gradients: list[Layer] | None,
    fresh: bool,
    x: Tensor,
    hidden: Hidden,
    slope: Tensor,
    scratch: Hidden,
) -> tuple[Tensor, Tensor | None]:
    """Pass the outputs' slope (B, n) back; return the first layer's, and its transpose.

    Args:
        network: its layers.
        gradients: where theirs are written (`fresh`), or added to; None: nowhere.
        x: inputs (B, in).
        hidden: as `_ahead` wrote it.
        scratch: where slopes are written.
    """
    slope_t: Tensor | None = None
    for n in reversed(range(len(network))):
        if gradients is not None:
            below, below_t = hidden[n - 1] if n else (x, None)
            weight, weight_t, bias, _ = gradients[n]
            if 1 < len(weight_t) < NARROW:
                product = torch.mm(slope.t() if slope_t is None else slope_t, below)
                weight_t.copy_(product) if fresh else weight_t.add_(product)
            else:
                factor = below.t() if below_t is None else below_t
                weight.addmm_(factor, slope, beta=0 if fresh else 1)
            if fresh:
                torch.sum(slope, 0, True, out=bias)
            else:
                bias.add_(slope.sum(0))
        if n:
            _, weight_t, _, _ = network[n]
            out, out_t = scratch[n - 1]
            if len(weight_t) > 1:
                torch.mm(slope, weight_t, out=out)
            else:
                torch.mul(slope, weight_t, out=out)
            _through_relu(out, hidden[n - 1][0], 0, grad_input=out)
            slope, slope_t = out, out_t
    return slope, slope_t


def _outputs(number: int, rows: int, network: list[Layer], like: Tensor) -> tuple[Tensor, list]:
    """Return outputs (P, B, n) to be written, and blocks of them for `_ahead`."""
    width = len(network[-1][1])
    if width >= NARROW:
        outputs = like.new_empty(number, rows, width)
        return outputs, [_split(part) for part in outputs.unbind()]
    outputs = like.new_empty(number, width, rows)
    return outputs.transpose(1, 2), [_split(part, 1) for part in outputs.unbind()]


def forward(views: Views, places: Sequence[int], share: int, inputs: Tensor) -> Tensor:
    """Return outputs (P, B, n) of networks `places`; places[p] takes inputs[p // share] (B, in)."""
    networks = views.networks()
    outputs, blocks = _outputs(len(places), inputs.shape[1], networks[0], inputs)
    rows = [_split(part) for part in inputs.unbind()]
    for p, place in enumerate(places):
        for x, out in zip(rows[p // share], blocks[p], strict=True):
            _ahead(networks[place], x, views.scratch(len(x)), out)
    return outputs


class OneByOne(torch.autograd.Function):
    """`forward`, whose backward pass adds the gradients of weights and biases to theirs in place.

    Only the gradients of the inputs go through autograd.
    """

    @staticmethod
    def forward(
        ctx: Any, learns: Tensor, views: Views, places: Sequence[int], share: int, *parts: Tensor
    ) -> Tensor:
        """Take inputs in parts along `in`, and a parameter that has a gradient if they all have."""
        inputs = _joined(parts)
        number, rows, networks = len(places), inputs.shape[1], views.networks()
        outputs, blocks = _outputs(number, rows, networks[0], inputs)
        ctx.hidden = views.take(number, rows)
        ctx.inputs = [_split(part) for part in inputs.unbind()]
        for p, place in enumerate(places):
            for x, hidden, out in zip(
                ctx.inputs[p // share], ctx.hidden[p], blocks[p], strict=True
            ):
                _ahead(networks[place], x, hidden, out)
        ctx.views, ctx.places, ctx.share = views, places, share
        ctx.widths = [part.shape[-1] for part in parts]
        return outputs

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        """Add the parameters' gradients to theirs; return those of the parts."""
        learns, wanted = ctx.needs_input_grad[0], ctx.needs_input_grad[4:]
        _require(ctx.hidden)
        views, share, rows = ctx.views, ctx.share, grad.shape[1]
        networks, gradients = views.networks(), views.gradients() if learns else None
        chosen = [n for n, want in enumerate(wanted) if want]
        starts = [sum(ctx.widths[:n]) for n in range(len(wanted) + 1)]
        if chosen:
            columns = slice(starts[chosen[0]], starts[chosen[-1] + 1])
            found = grad.new_empty(len(grad) // share, columns.stop - columns.start, rows)
            into = [_split(part, 1) for part in found.unbind()]
        for p, (place, slopes) in enumerate(zip(ctx.places, grad.unbind(), strict=True)):
            own = gradients[place] if gradients else None
            weights = networks[place][0][0][columns] if chosen else None
            for b, slope in enumerate(_split(slopes)):
                slope, slope_t = _back(
                    *(networks[place], own, place in views.fresh),
                    *(ctx.inputs[p // share][b], ctx.hidden[p][b], slope),
                    views.scratch(len(slope)),
                )
                if learns:
                    views.fresh.discard(place)
                if chosen:
                    slope_t = slope.t() if slope_t is None else slope_t
                    into[p // share][b].addmm_(weights, slope_t, beta=1 if p % share else 0)
        views.give(ctx.hidden, len(ctx.places), rows)
        ctx.hidden = ctx.inputs = None
        results: list[Tensor | None] = [None] * len(wanted)
        for n in chosen:
            first = starts[n] - columns.start
            results[n] = found[:, first : first + ctx.widths[n]].transpose(1, 2)
        return None, None, None, None, *results


def one_by_one(
    learns: Tensor, views: Views, places: Sequence[int], share: int, parts: Sequence[Tensor]
) -> Tensor:
    """Return outputs (P, B, n), as `OneByOne` does where a gradient is wanted."""
    if torch.is_grad_enabled() and (learns.requires_grad or any(p.requires_grad for p in parts)):
        outputs: Tensor = OneByOne.apply(learns, views, places, share, *parts)
        return outputs
    with torch.no_grad():
        return forward(views, places, share, _joined(parts))


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
        outputs, blocks = _outputs(number, rows, networks[0], inputs)
        xs = [_split(part) for part in inputs.unbind()]
        wanted = [_split(part, 1) for part in targets[:, None].unbind()]
        taken = views.take(1, rows)
        for p, network in enumerate(networks):
            k = p * seeds // number
            for x, out, target, hidden in zip(xs[k], blocks[p], wanted[k], taken[0], strict=True):
                _ahead(network, x, hidden, out)
                slope = torch.sub(out, target).mul_(2.0 / rows).t()
                fresh = p in views.fresh
                _back(network, gradients[p], fresh, x, hidden, slope, views.scratch(len(x)))
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
        outputs, blocks = _outputs(len(networks), rows, networks[0], inputs)
        slopes = inputs.new_empty(len(networks), columns, rows)
        into = [_split(part, 1) for part in slopes.unbind()]
        ctx.hidden, ctx.slopes = views.take(len(networks), rows), views.take(len(networks), rows, 1)
        ctx.inputs = [_split(part) for part in inputs.unbind()]
        for p, network in enumerate(networks):
            weights = network[0][0][-columns:]
            for b, x in enumerate(ctx.inputs[p // share]):
                hidden, below = ctx.hidden[p][b], ctx.slopes[p][b]
                _ahead(network, x, hidden, blocks[p][b])
                _back(network, None, False, x, hidden, x.new_ones(len(x), 1), below)
                torch.mm(weights, below[0][1], out=into[p][b])
        ctx.share, ctx.columns, ctx.views = share, columns, views
        return outputs, slopes.transpose(1, 2)

    @staticmethod
    def backward(ctx: Any, grad: Tensor, along: Tensor) -> Any:
        """Add the parameters' gradients to theirs."""
        _require(ctx.hidden)
        views, columns, rows = ctx.views, ctx.columns, grad.shape[1]
        networks, gradients = views.networks(), views.gradients()
        gs, steps = grad.unbind(), along.unbind()
        for p, (network, own) in enumerate(zip(networks, gradients, strict=True)):
            for b, (g, step) in enumerate(zip(_split(gs[p]), _split(steps[p]), strict=True)):
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
                    _through_relu(step, hidden, 0, grad_input=step)
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
