"""Adam on a few large tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim.adam import adam


class Adam:
    """PyTorch's fused Adam (Kingma and Ba 2014, arXiv 1412.6980) without its `Optimizer` class.

    With `weight_decay` it is AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101).

    That class imports PyTorch's compiler at its first step, which costs each of the workflow's many
    short jobs 2 s, and spends more time a step than the update of a small network does.

    Args:
        parameters: what `.grad` is followed for, in place; those without one are left alone.
        learning_rate: a number, or a tensor on the parameters' device, to be changed in place.
        betas: decay rates of the two moments.
        epsilon: added to the root of the second.
        weight_decay: times the learning rate, the part of every parameter that a step takes off.
    """

    def __init__(
        self,
        parameters: Sequence[Tensor],
        learning_rate: float | Tensor,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        self.learning_rate = learning_rate
        self._parameters = list(parameters)
        self._betas, self._epsilon, self._decay = betas, epsilon, weight_decay
        self._first = [torch.zeros_like(p, requires_grad=False) for p in self._parameters]
        self._second = [torch.zeros_like(p, requires_grad=False) for p in self._parameters]
        self._steps = [torch.zeros((), device=p.device) for p in self._parameters]

    @torch.no_grad()
    def step(self) -> None:
        """Follow the gradients once."""
        live = [k for k, p in enumerate(self._parameters) if p.grad is not None]
        adam(
            [self._parameters[k] for k in live],
            [self._parameters[k].grad for k in live],  # type: ignore[misc]
            [self._first[k] for k in live],
            [self._second[k] for k in live],
            [],
            [self._steps[k] for k in live],
            fused=True,
            amsgrad=False,
            beta1=self._betas[0],
            beta2=self._betas[1],
            lr=self.learning_rate,
            weight_decay=self._decay,
            decoupled_weight_decay=self._decay > 0,
            eps=self._epsilon,
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
