"""Adam on a few large tensors."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

PIECES, BLOCK = 36, 65_536
"""Tensors that one launch of the kernel takes, and numbers that it gives a block of threads."""


def pieces(tensor: Tensor) -> list[Tensor]:
    """Return views of a small tensor that a GPU steps side by side; else the tensor itself.

    In one piece it would have few blocks of threads, and leave most of a GPU idle.
    """
    if not tensor.is_cuda or tensor.numel() >= PIECES * BLOCK:
        return [tensor]
    size = -(-tensor.numel() // PIECES)
    return list(tensor.view(-1).split(size + -size % 4))  # aligned, as the kernel reads fastest


class Adam:
    """PyTorch's fused Adam (Kingma and Ba 2014, arXiv 1412.6980) without its `Optimizer` class.

    With `weight_decay` it is AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101).

    That class imports PyTorch's compiler at its first step, which costs each of the workflow's many
    short jobs 2 s, and spends more time a step than the update of a small network does.

    Args:
        parameters: what `.grad` is followed for, in place; those without one are left alone.
        learning_rate: a number, or a tensor on the parameters' device, to be changed in place.
        betas: decay rates of the two moments.
        weight_decay: times the learning rate, the part of every parameter that a step takes off.
        before: called before every step.
    """

    def __init__(
        self,
        parameters: Sequence[Tensor],
        learning_rate: float | Tensor,
        betas: tuple[float, float] = (0.9, 0.999),
        weight_decay: float = 0.0,
        before: Callable[[], None] = lambda: None,
    ) -> None:
        self.learning_rate = learning_rate
        self._parameters = list(parameters)
        self._betas, self._before = betas, before
        self._decay = weight_decay
        self._first = [torch.zeros_like(p, requires_grad=False) for p in self._parameters]
        self._second = [torch.zeros_like(p, requires_grad=False) for p in self._parameters]
        self._steps = [torch.zeros((), device=p.device) for p in self._parameters]

    @torch.no_grad()
    def step(self) -> None:
        """Follow the gradients once."""
        self._before()
        kernel = torch._fused_adamw_ if self._decay else torch._fused_adam_
        for parameter, *moments, count in zip(
            self._parameters, self._first, self._second, self._steps, strict=True
        ):
            if parameter.grad is not None:
                count.add_(1)
                stepped, *others = map(pieces, (parameter, parameter.grad, *moments))
                kernel(
                    *(stepped, *others, [], [count] * len(stepped)),
                    lr=self.learning_rate,
                    beta1=self._betas[0],
                    beta2=self._betas[1],
                    weight_decay=self._decay,
                    eps=1e-8,
                    amsgrad=False,
                    maximize=False,
                )

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self._parameters:
            parameter.grad = None

    def state_dict(self) -> dict[str, Any]:
        """Return moments, counts, and a learning rate that is a tensor."""
        rate = self.learning_rate
        return {
            "first": self._first,
            "second": self._second,
            "steps": self._steps,
            "learning_rate": [rate] if isinstance(rate, Tensor) else [],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go back to a `state_dict`, in place."""
        for name, own in self.state_dict().items():
            for tensor, saved in zip(own, state[name], strict=True):
                tensor.copy_(saved)
