"""Calls that are recorded and repeated: on a CPU what a CUDA graph is on a GPU.

An update of small networks spends as long in Python, autograd and the allocator as on numbers. What
it computes is a list of PyTorch's operations on tensors that keep their place. To repeat that list
gives the same bytes, and costs no more than the operations.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Self

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

aten = torch.ops.aten
COPIES = {aten.clone.default, aten._to_copy.default}
UNREPEATABLE = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape}
"""Of operations after which Python, or shapes, go by what was computed."""
LARGEST = 2**28
"""Bytes of results up to which they are kept: larger ones take so long that nothing is gained."""
READINGS = {Tensor.tolist, Tensor.numpy, Tensor.__array__}
"""What hands numbers to Python and is no operation."""


class _Reading(TorchFunctionMode):
    """Notices that numbers are read."""

    found = False

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        self.found |= func in READINGS
        return func(*args, **(kwargs or {}))


class _Mode(TorchDispatchMode):
    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # or PyTorch's compiler would be imported, which takes seconds


class Recording(_Mode):
    """Records what a block computes, its backward passes included.

    Two recordings are equal where they do the same to the same tensors and numbers.

    Attributes:
        calls: its operations, each into the same tensors.
        repeatable: whether they compute the same again, whatever the tensors hold.
        size: bytes that their results take.
    """

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Callable[[], Any]] = []
        self.repeatable = True
        self.size = 0
        self._reading = _Reading()
        self._trace: list[Any] = []
        self._made: dict[int, int] = {}  # where results lie: by which operation

    def __enter__(self) -> Self:
        self._reading.__enter__()
        return super().__enter__()

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        self._reading.__exit__(*error)
        self.repeatable &= self.size <= LARGEST and not self._reading.found

    def repeat(self) -> None:
        """Compute it again."""
        with torch.no_grad():
            for call in self.calls:
                call()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Recording) and self._trace == other._trace

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Compute, and record it."""
        given = (args, kwargs or {})
        results = func(*args, **given[1])
        is_view, changes = _places(results) <= _places(given), func._schema.is_mutable
        shaped = UNREPEATABLE.isdisjoint(func.tags) or (
            func is aten.index.Tensor and all(n is None or n.dtype == torch.int64 for n in args[1])
        )
        self.repeatable &= shaped and (is_view or not changes)
        if changes or not is_view:
            self._trace.append((func, tree_map_only(Tensor, self._origin, given)))
            # Aliases without a history: that of the originals would be kept with them.
            args, kwargs = tree_map_only(Tensor, Tensor.detach, given)
            if not is_view:
                self._made |= dict.fromkeys(_places(results), len(self._trace))
                self.size += sum(tensor.nbytes for tensor in _tensors(results))
            if is_view or "empty" not in func._schema.name:
                found = tree_map_only(Tensor, Tensor.detach, results)
                self.calls.append(_again(func, args, kwargs, found))
        return results

    def _origin(self, tensor: Tensor) -> Any:
        """Return what tells a tensor from others: who made it, or its place, and its strides."""
        place = tensor.untyped_storage().data_ptr()
        where = self._made.get(place, tensor.data_ptr())
        return where, tensor.storage_offset(), tensor.shape, tensor.stride()


def _tensors(values: Any) -> list[Tensor]:
    return [value for value in tree_leaves(values) if isinstance(value, Tensor)]


def _places(values: Any) -> set[int]:
    return {tensor.untyped_storage().data_ptr() for tensor in _tensors(values)}


def _again(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], found: Any) -> partial[Any]:
    """Return the call that computes `found` again in its place."""
    if func._schema.is_mutable:
        return partial(_binding(func, args, kwargs), *args, **kwargs)
    if func in COPIES:
        return partial(found.copy_, *args)
    if isinstance(found, Tensor):
        inputs = [(a.name, str(a.type)) for a in func._schema.arguments]
        for name in func.overloadpacket.overloads():
            into = getattr(func.overloadpacket, name)
            *others, last = into._schema.arguments
            if last.is_out and [(a.name, str(a.type)) for a in others] == inputs:
                kwargs = kwargs | {last.name: found}
                return partial(_binding(into, args, kwargs), *args, **kwargs)

    def compute() -> None:
        for place, result in zip(_tensors(found), _tensors(func(*args, **kwargs)), strict=True):
            place.copy_(result)

    return partial(compute)


class _Asked(_Mode):
    """Remembers what it is asked for, and computes nothing."""

    asked: tuple[Any, ...] = ()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        self.asked = func, *tree_leaves((args, kwargs or {}))
        return (kwargs or {}).get("out", args[0])


def _binding(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return what calls an operation soonest: PyTorch's own function of its name, if it does.

    `func` itself looks its arguments up in its schema, which takes twice as long.
    """
    name, same = func._schema.name.removeprefix("aten::"), [func, *tree_leaves((args, kwargs))]
    for place in (torch, torch._C._nn, Tensor):
        if binding := getattr(place, name, None):
            with _Asked() as mode, torch.no_grad(), suppress(TypeError, RuntimeError):
                binding(*args, **kwargs)
            alike = zip(mode.asked, same, strict=False)
            if len(mode.asked) == len(same) and all(
                a is b or (not isinstance(a, Tensor) and a == b) for a, b in alike
            ):
                return binding
    return func
