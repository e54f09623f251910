"""Calls that are recorded and repeated: on a CPU what a CUDA graph is on a GPU.

An update of small networks spends as long in Python, autograd and the allocator as on numbers. What
it computes is a list of PyTorch's operations on tensors that keep their place. To repeat that list
gives the same bytes, and costs no more than the operations.
"""

from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Self

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

aten = torch.ops.aten
COPIES = {aten.clone.default, aten._to_copy.default}
UNREPEATABLE = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape}
"""Of operations after which Python, or shapes, go by what was computed."""
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


@dataclass(frozen=True)
class _Operand:
    """A tensor of an operation: part of a result, by the number of its storage, or another."""

    storage: int | None
    dtype: torch.dtype
    place: tuple[Any, ...]
    tensor: Tensor | None = field(compare=False)


class Recording(_Mode):
    """Records what a block computes, its backward passes included.

    Two recordings are equal where they do the same to the same tensors and numbers.

    Attributes:
        repeatable: whether that computes the same again, whatever the tensors hold.
    """

    def __init__(self) -> None:
        super().__init__()
        self.repeatable = True
        self._reading = _Reading()
        self._trace: list[tuple[Any, Any, Any]] = []  # operation, operands, results
        self._made: dict[int, int] = {}  # storages of results, numbered
        self._storages: list[tuple[StorageWeakRef, int]] = []  # and their bytes

    def __enter__(self) -> Self:
        self._reading.__enter__()
        return super().__enter__()

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        self._reading.__exit__(*error)
        self.repeatable &= not self._reading.found

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Recording) and self._trace == other._trace

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Compute, and record it."""
        given = args, kwargs or {}
        results = func(*args, **given[1])
        fresh, changes = _storages(results) - _storages(given), func._schema.is_mutable
        shaped = UNREPEATABLE.isdisjoint(func.tags) or (
            func is aten.index.Tensor and all(n is None or n.dtype == torch.int64 for n in args[1])
        )
        self.repeatable &= shaped and not (fresh and changes)
        if fresh or changes:
            operands = tree_map_only(Tensor, self._operand, given)
            for tensor in _tensors(results):
                if (storage := tensor.untyped_storage())._cdata in fresh:
                    self._made[storage._cdata] = len(self._storages)
                    self._storages.append((StorageWeakRef(storage), storage.nbytes()))
            found = None if changes else tree_map_only(Tensor, self._operand, results)
            self._trace.append((func, operands, found))
        return results

    def _operand(self, tensor: Tensor) -> _Operand:
        number = self._made.get(tensor.untyped_storage()._cdata)
        own = tensor.detach() if number is None else None  # an alias without a history
        where = tensor.storage_offset() if own is None else tensor.data_ptr()
        return _Operand(number, tensor.dtype, (where, tensor.shape, tensor.stride()), own)

    def calls(self) -> list[Callable[[], Any]]:
        """Return what computes it all again, when nothing but what is kept is left of the block.

        What is kept, as outputs are, is computed in its place, the rest in memory that is reused.
        """
        ends: dict[int | None, int] = {}
        for n, (_, *operands) in enumerate(self._trace):
            ends |= dict.fromkeys((o.storage for o in _operands(operands)), n)
        memory: dict[int | None, Any] = {
            number: torch.UntypedStorage._new_with_weak_ptr(reference.cdata)
            for number, (reference, _) in enumerate(self._storages)
        }
        kept = {number for number, storage in memory.items() if storage is not None}
        spare: dict[int, list[Any]] = defaultdict(list)
        tensors: dict[_Operand, Tensor] = {}

        def tensor_of(operand: _Operand) -> Tensor:
            if operand not in tensors:
                tensor = operand.tensor
                if tensor is None:
                    tensor = torch.empty(0, dtype=operand.dtype)
                    tensor.set_(memory[operand.storage], *operand.place)
                tensors[operand] = tensor
            return tensors[operand]

        made: list[Callable[[], Any]] = []
        for n, (func, operands, found) in enumerate(self._trace):
            for number in (operand.storage for operand in _operands(found)):
                if number is not None and memory[number] is None:
                    _, size = self._storages[number]
                    memory[number] = (spare[size] or [torch.UntypedStorage(size)]).pop()
            (args, kwargs), into = tree_map_only(_Operand, tensor_of, (operands, found))
            if "empty" not in func._schema.name:
                made.append(_again(func, args, kwargs, into))
            for number in {o.storage for o in _operands((operands, found))} - kept - {None}:
                if ends[number] == n:
                    spare[memory[number].nbytes()].append(memory[number])
        return made


def _tensors(values: Any) -> list[Tensor]:
    return [value for value in tree_leaves(values) if isinstance(value, Tensor)]


def _operands(values: Any) -> list[_Operand]:
    return [value for value in tree_leaves(values) if isinstance(value, _Operand)]


def _storages(values: Any) -> set[int]:
    return {tensor.untyped_storage()._cdata for tensor in _tensors(values)}


def _again(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], found: Any) -> partial[Any]:
    """Return the call that does an operation again, with its results in the place of `found`."""
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
            with _Asked() as mode, torch.no_grad(), suppress(Exception):
                binding(*args, **kwargs)
            alike = zip(mode.asked, same, strict=False)
            if len(mode.asked) == len(same) and all(
                a is b or (not isinstance(a, Tensor) and a == b) for a, b in alike
            ):
                return binding
    return func
