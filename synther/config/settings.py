"""Typed settings: every agent and generator declares its own as a frozen dataclass."""

import dataclasses
import re
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import yaml

from synther.errors import SyntherError, unknown_name

S = TypeVar("S")


class _SlowLoader(yaml.SafeLoader):
    """YAML in which a key given twice is an error, and numbers are as people write them."""


# libyaml reads the specs in a tenth of the time, which every job would pay.
class _FastLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The same by libyaml, where it is there. It recurses without a limit."""


def _unique_mapping(loader: Any, node: yaml.MappingNode) -> dict[Any, Any]:
    merge = "tag:yaml.org,2002:merge"  # what `<<` brings may be overridden
    keys = [loader.construct_object(key) for key, _ in node.value if key.tag != merge]
    for key in keys:
        if keys.count(key) > 1:
            raise yaml.constructor.ConstructorError(
                None, None, f"key '{key}' is given twice", node.start_mark
            )
    return loader.construct_mapping(node, deep=True)


def _number(loader: Any, node: yaml.ScalarNode) -> int | float:
    """Read a number; what is whole in its exponent form is an int."""
    text = node.value.replace("_", "").lower()
    if re.match(r"[-+]?0\d", text):  # YAML 1.1 reads 0100 as 64
        plain = re.sub(r"^([-+]?)0+(?=\d)", r"\1", text)
        raise yaml.constructor.ConstructorError(
            None, None, f"{node.value} begins with a zero: write {plain}", node.start_mark
        )
    if re.fullmatch(r"[-+]?(0x[0-9a-f]+|\d+)", text):
        return int(text, 0)
    value = float(text.replace(".inf", "inf").replace(".nan", "nan"))
    return int(value) if "e" in text and value.is_integer() else value


_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
_NUMBER = re.compile(
    r"[-+]?(0x[0-9a-fA-F_]+|(\d[\d_]*\.?[\d_]*|\.\d[\d_]*)([eE][-+]?\d+)?|\.(inf|Inf|INF))$"
    r"|\.(nan|NaN|NAN)$"
)
"""Neither octal, nor of base 60 (1:30), as YAML 1.1 has them, and 3e-4 is one, as it has not."""
for _kind in (_SlowLoader, _FastLoader):
    _kind.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _unique_mapping)
    _kind.add_constructor(_NUMBERS[1], _number)
    _kind.yaml_implicit_resolvers = {
        first: [entry for entry in entries if entry[0] not in _NUMBERS]
        for first, entries in _kind.yaml_implicit_resolvers.items()
    }
    _kind.add_implicit_resolver(_NUMBERS[1], _NUMBER, list("-+.0123456789"))


def parse_yaml(text: str) -> Any:
    """Read YAML.

    Raises:
        yaml.YAMLError: it is none, a key is given twice, or a number begins with a zero.
        RecursionError: it is nested too deeply.
    """
    longest = max(map(len, text.splitlines()), default=0)
    shallow = longest + text.count("[") + text.count("{") < 5000
    return yaml.load(text, Loader=_FastLoader if shallow else _SlowLoader)


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


def require(settings: Any, wanted: str, fits: Callable[[Any], bool], *names: str) -> None:
    """Hold settings against what they must be, from the `__post_init__` of their class.

    Raises:
        SyntherError: one does not fit; it names the setting, its value and what is wanted.
    """
    kind = type(settings).__name__.removesuffix("Settings").lower()
    for name in names:
        if not fits(value := getattr(settings, name)):
            raise SyntherError(f"setting '{name}' of {kind} is {value!r}; it must be {wanted}")


def typed(value: Any, examples: Sequence[Any], where: str) -> Any:
    """Return a setting in the type that an example of it has.

    Raises:
        SyntherError: it is like none of its examples.
    """
    fitting = [cast for fits, cast in (_fits(value, _kind_of(each)) for each in examples) if fits]
    if not fitting:
        listed = " or ".join(str(example) for example in examples)
        raise SyntherError(f"{where} is {value!r}; it must be like {listed}")
    return list(fitting[0]) if isinstance(fitting[0], tuple) else fitting[0]


def _kind_of(example: Any) -> Any:
    """Return the type of an example, as `_fits` takes it."""
    if isinstance(example, list) and example:
        return types.GenericAlias(tuple, (type(example[0]), ...))
    return type(example)


def parse_assignments(assignments: Sequence[str]) -> dict[str, Any]:
    """Parse `key=value` strings of the command line; values are read as YAML."""
    parsed = {}
    for assignment in assignments:
        key, separator, value = assignment.partition("=")
        if not separator or not key:
            raise SyntherError(f"--set takes key=value, not '{assignment}'")
        try:
            parsed[key.strip()] = parse_yaml(value)
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            words = getattr(error, "problem", None) or error
            raise SyntherError(f"--set {assignment}: {words}") from error
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
