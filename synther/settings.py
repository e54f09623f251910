"""Typed settings: every agent and generator declares its own as a frozen dataclass."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import yaml

from synther.errors import SyntherError, unknown_name

S = TypeVar("S")


def _fits(value: Any, annotation: Any) -> tuple[bool, Any]:
    """Return whether `value` is of the annotated type, and the value in that type."""
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (types.UnionType, typing.Union):
        for part in parts:
            fits, cast = _fits(value, part)
            if fits:
                return True, cast
        return False, value
    if annotation is types.NoneType:
        return value is None, value
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            return False, value
        cast_parts = [_fits(item, parts[0]) for item in value]
        return all(fits for fits, _ in cast_parts), tuple(cast for _, cast in cast_parts)
    if annotation is float:
        if isinstance(value, str):  # YAML 1.1 reads 3e-4 as a string
            try:
                return True, float(value)
            except ValueError:
                return False, value
        return isinstance(value, (int, float)) and not isinstance(value, bool), value
    if annotation is int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        return isinstance(value, int) and not isinstance(value, bool), value
    return isinstance(value, annotation), value


def resolve(kind: type[S], *layers: Mapping[str, Any], where: str) -> S:
    """Build the settings dataclass `kind` from its defaults and `layers`, later ones winning.

    Raises:
        SyntherError: a key is unknown (the nearest are offered) or a value has the wrong type.
    """
    annotations = typing.get_type_hints(kind)
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            if key not in annotations:
                raise unknown_name("setting", key, annotations, where)
            fits, cast = _fits(value, annotations[key])
            if not fits:
                wanted = getattr(annotations[key], "__name__", str(annotations[key]))
                raise SyntherError(f"setting '{key}' of {where} is {value!r}; it must be {wanted}")
            merged[key] = float(cast) if annotations[key] is float else cast
    return kind(**merged)


def parse_assignments(assignments: Sequence[str]) -> dict[str, Any]:
    """Parse `key=value` strings of the command line; values are read as YAML."""
    parsed = {}
    for assignment in assignments:
        key, separator, value = assignment.partition("=")
        if not separator or not key:
            raise SyntherError(f"--set takes key=value, not '{assignment}'")
        try:
            parsed[key.strip()] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise SyntherError(f"the value of --set {assignment} is not YAML: {error}") from error
    return parsed


def as_dict(settings: Any) -> dict[str, Any]:
    """Return a settings dataclass as plain JSON-ready values."""
    values = dataclasses.asdict(settings)
    return {key: list(v) if isinstance(v, tuple) else v for key, v in values.items()}


def flat(content: Any, prefix: str = "") -> dict[str, Any]:
    """Return nested dicts as one with dotted keys."""
    if not isinstance(content, Mapping) or not content:
        return {prefix: content}
    found: dict[str, Any] = {}
    for key, value in content.items():
        found |= flat(value, f"{prefix}.{key}" if prefix else str(key))
    return found
