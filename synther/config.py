"""The specs in `config/`: found, read, and checked against the schemas in `workflow/schemas/`."""

from __future__ import annotations

import difflib
import functools
import os
from pathlib import Path
from typing import Any

import yaml

from synther.errors import SyntherError, unknown_name

_PACKAGE = Path(__file__).parent


def config_dir() -> Path:
    """Return the folder of specs: $SYNTHER_CONFIG, the checkout's `config/`, or the package's."""
    return _find("SYNTHER_CONFIG", _PACKAGE.parent / "config", _PACKAGE / "_config")


def schema_dir() -> Path:
    """Return the folder of JSON schemas that the specs are held against."""
    return _find("SYNTHER_SCHEMAS", _PACKAGE.parent / "workflow/schemas", _PACKAGE / "_schemas")


def _find(variable: str, *places: Path) -> Path:
    if named := os.environ.get(variable):
        places = (Path(named),)
    for place in places:
        if place.is_dir():
            return place
    raise SyntherError(f"no folder {' or '.join(map(str, places))}: set {variable} to it")


class _SlowLoader(yaml.SafeLoader):
    """YAML in which a key given twice is an error, not a silent overwrite."""


# libyaml reads the specs in a tenth of the time, which every job would pay.
class _FastLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The same by libyaml, where it is there. It recurses without a limit."""


def _loader(text: str) -> type[Any]:
    """Return the loader of a text: libyaml's unless it may be nested deeper than the stack is."""
    longest = max(map(len, text.splitlines()), default=0)
    return _FastLoader if longest + text.count("[") + text.count("{") < 5000 else _SlowLoader


def _unique_mapping(loader: Any, node: yaml.MappingNode) -> dict[Any, Any]:
    merge = "tag:yaml.org,2002:merge"  # what `<<` brings may be overridden
    keys = [loader.construct_object(key) for key, _ in node.value if key.tag != merge]
    for key in keys:
        if keys.count(key) > 1:
            raise yaml.constructor.ConstructorError(
                None, None, f"key '{key}' is given twice", node.start_mark
            )
    return loader.construct_mapping(node, deep=True)


for _kind in (_SlowLoader, _FastLoader):
    _kind.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _unique_mapping)


def read_yaml(path: Path) -> Any:
    """Read a YAML file; a syntax error or a key given twice is a `SyntherError` with the place."""
    try:
        text = path.read_text()
        return yaml.load(text, Loader=_loader(text))
    except (yaml.YAMLError, ValueError, RecursionError, OSError) as error:
        raise SyntherError(f"{path} can't be read as YAML: {error}") from error


def validate(content: Any, schema_name: str, where: str) -> None:
    """Hold `content` against `schema_name`.schema.yaml.

    Raises:
        SyntherError: it names the key, what was expected, and the nearest known key.
    """
    import jsonschema  # here, because `synther --help` needs no schema and starts faster without

    schema = read_yaml(schema_dir() / f"{schema_name}.schema.yaml")
    validator = jsonschema.Draft202012Validator(schema)
    errors = sorted(validator.iter_errors(content), key=lambda e: [str(p) for p in e.absolute_path])
    if not errors:
        return
    # A misspelt key first: where it is required, its absence is reported too, and says less.
    misspelt = [e for e in errors if e.validator == "additionalProperties"]
    error = misspelt[0] if misspelt else jsonschema.exceptions.best_match(errors)
    key = ".".join(map(str, error.absolute_path)) or "the top level"
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        known = list(error.schema.get("properties", {}))
        for name in error.instance:
            if name not in known:
                raise unknown_name("key", name, known, f"{where} ({key})")
    hint = ""
    if error.validator == "required" and isinstance(error.instance, dict):
        missing = [name for name in error.validator_value if name not in error.instance]
        given = [str(name) for name in error.instance]
        if near := difflib.get_close_matches(missing[0], given, n=1):
            hint = f"; did you mean {missing[0]} where it says {near[0]}?"
    raise SyntherError(f"{where}: {key}: {error.message}{hint}")


@functools.cache
def load(name: str) -> dict[str, Any]:
    """Return the checked content of `config/NAME.yaml` (datasets, sources, agents, ...)."""
    path = config_dir() / f"{name}.yaml"
    if not path.is_file():
        raise SyntherError(f"{path} is missing: restore it, or set SYNTHER_CONFIG to its folder")
    content = read_yaml(path)
    validate(content, name, str(path))
    return content


def preset_names() -> list[str]:
    """Return the names of all presets, a file each in `config/presets/`."""
    return sorted(path.stem for path in (config_dir() / "presets").glob("*.yaml"))


@functools.cache
def load_preset(name: str) -> dict[str, Any]:
    """Return the checked content of `config/presets/NAME.yaml`."""
    if name not in preset_names():
        raise unknown_name("preset", name, preset_names(), str(config_dir() / "presets"))
    path = config_dir() / "presets" / f"{name}.yaml"
    content = read_yaml(path)
    validate(content, "preset", str(path))
    return content


def spec(name: str, kind: str) -> dict[str, Any]:
    """Return the spec `name` of a kind: dataset, source, agent or experiment."""
    specs = load(f"{kind}s")[f"{kind}s"]
    if name not in specs:
        raise unknown_name(kind, name, specs, str(config_dir() / f"{kind}s.yaml"))
    return specs[name]
