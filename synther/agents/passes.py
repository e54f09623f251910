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

through_relu = torch.ops.aten.threshold_backward.grad_input
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


def in_blocks(tensor: Tensor, dim: int = 0) -> Sequence[Tensor]:
    """Return the parts of a tensor that go through a network together."""
    return tensor.split(ROWS, dim) if tensor.shape[dim] > ROWS else (tensor,)


def _joined(parts: Sequence[Tensor]) -> Tensor:
    return torch.cat(list(parts), dim=-1) if len(parts) > 1 else parts[0]


def require_kept(kept: Any) -> None:
    """Refuse a second backward pass.

    Raises:
        RuntimeError: the buffers have been given back.
    """
    if kept is None:
        raise RuntimeError(
            "these networks' activations went with the first backward pass: pass forward again"
        )


def ahead(network: list[Layer], x: Tensor, hidden: Hidden, out: Tensor) -> None:
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


def back(
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
        hidden: as `ahead` wrote it.
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
            through_relu(out, hidden[n - 1][0], 0, grad_input=out)
            slope, slope_t = out, out_t
    return slope, slope_t


def new_outputs(number: int, rows: int, network: list[Layer], like: Tensor) -> tuple[Tensor, list]:
    """Return outputs (P, B, n) to be written, and blocks of them for `ahead`."""
    width = len(network[-1][1])
    if width >= NARROW:
        outputs = like.new_empty(number, rows, width)
        return outputs, [in_blocks(part) for part in outputs.unbind()]
    outputs = like.new_empty(number, width, rows)
    return outputs.transpose(1, 2), [in_blocks(part, 1) for part in outputs.unbind()]


def forward(views: Views, places: Sequence[int], share: int, inputs: Tensor) -> Tensor:
    """Return outputs (P, B, n) of networks `places`; places[p] takes inputs[p // share] (B, in)."""
    networks = views.networks()
    outputs, blocks = new_outputs(len(places), inputs.shape[1], networks[0], inputs)
    rows = [in_blocks(part) for part in inputs.unbind()]
    for p, place in enumerate(places):
        for x, out in zip(rows[p // share], blocks[p], strict=True):
            ahead(networks[place], x, views.scratch(len(x)), out)
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
        outputs, blocks = new_outputs(number, rows, networks[0], inputs)
        ctx.hidden = views.take(number, rows)
        ctx.inputs = [in_blocks(part) for part in inputs.unbind()]
        for p, place in enumerate(places):
            for x, hidden, out in zip(
                ctx.inputs[p // share], ctx.hidden[p], blocks[p], strict=True
            ):
                ahead(networks[place], x, hidden, out)
        ctx.views, ctx.places, ctx.share = views, places, share
        ctx.widths = [part.shape[-1] for part in parts]
        return outputs

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        """Add the parameters' gradients to theirs; return those of the parts."""
        learns, wanted = ctx.needs_input_grad[0], ctx.needs_input_grad[4:]
        require_kept(ctx.hidden)
        views, share, rows = ctx.views, ctx.share, grad.shape[1]
        networks, gradients = views.networks(), views.gradients() if learns else None
        chosen = [n for n, want in enumerate(wanted) if want]
        starts = [sum(ctx.widths[:n]) for n in range(len(wanted) + 1)]
        if chosen:
            columns = slice(starts[chosen[0]], starts[chosen[-1] + 1])
            found = grad.new_empty(len(grad) // share, columns.stop - columns.start, rows)
            into = [in_blocks(part, 1) for part in found.unbind()]
        for p, (place, slopes) in enumerate(zip(ctx.places, grad.unbind(), strict=True)):
            own = gradients[place] if gradients else None
            weights = networks[place][0][0][columns] if chosen else None
            for b, slope in enumerate(in_blocks(slopes)):
                slope, slope_t = back(
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
