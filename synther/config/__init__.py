"""What `config/` says: files held against `workflow/schemas/`, and names resolved.

Here are the files; `specs` resolves what names stand for, and `settings` gives settings types.
"""

import difflib
import functools
import os
import re
from pathlib import Path
from typing import Any

import yaml

from synther.config import ogbench
from synther.config.settings import parse_yaml, typed
from synther.errors import SyntherError, unknown_name

_PACKAGE = Path(__file__).parents[1]
_IN_CHECKOUT = (_PACKAGE.parent / "workflow/schemas").is_dir()
HOME = _PACKAGE.parent if _IN_CHECKOUT else _PACKAGE / "_checkout"
"""Where Snakefile, workflow/ and config/ lie: the checkout, or what the wheel has of it."""
SCHEMAS = HOME / "workflow/schemas"
"""The JSON schemas that the specs are held against."""
_START = Path.cwd()
"""What paths are relative to, wherever an archive of results is looked into meanwhile."""


def config_dir() -> Path:
    """Return the folder of specs.

    That is $SYNTHER_CONFIG, or the checkout's `config/`. Where synther is installed without a
    checkout it is that of the folder written by `synther workflow` in which one stands, or the
    wheel's own.
    """
    written = (_START / "Snakefile").is_file() and (_START / "config").is_dir()
    place = _START if written and not _IN_CHECKOUT else HOME
    place = Path(_START, os.environ.get("SYNTHER_CONFIG") or place / "config")
    if not place.is_dir():
        raise SyntherError(f"no folder {place}: set SYNTHER_CONFIG to it")
    return place


def read_yaml(path: Path) -> Any:
    """Read a YAML file; a syntax error or a key given twice is a `SyntherError` with the place."""
    try:
        return parse_yaml(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError, RecursionError, OSError) as error:
        raise SyntherError(f"{path} can't be read as YAML: {error}") from error


def validate(content: Any, schema_name: str, where: str) -> None:
    """Hold `content` against `schema_name`.schema.yaml.

    Raises:
        SyntherError: it names the key, what was expected, and the nearest known key.
    """
    import jsonschema  # here, because `synther --help` needs no schema and starts faster without

    schema = read_yaml(SCHEMAS / f"{schema_name}.schema.yaml")
    kind = jsonschema.Draft202012Validator
    types = kind.TYPE_CHECKER.redefine(  # 4.0 is a number, and would end in a range() later
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    )
    validator = jsonschema.validators.extend(kind, type_checker=types)(schema)
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
    if error.validator == "pattern" and "description" in error.schema:
        hint = f"; expected {error.schema['description']}"
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
    return ogbench.expanded(content) if name == "datasets" else content


_PRESET = re.compile(r"[a-z0-9][a-z0-9_-]*")
TAKEN = ("behaviour", "bench", "d4rl", "download", "ogbench", "policies", "vd4rl")
"""What no preset can be called: folders of results/, data/ and logs/ that are no preset's."""


def preset_names() -> list[str]:
    """Return the names of all presets, a file each in `config/presets/`, whether whole or not.

    Other files are left alone: what editors, systems and copying leave there has other names.
    """
    found = (path.stem for path in (config_dir() / "presets").glob("*.yaml"))
    return sorted(name for name in found if _PRESET.fullmatch(name) and name not in TAKEN)


@functools.cache
def load_preset(name: str) -> dict[str, Any]:
    """Return the checked content of `config/presets/NAME.yaml`.

    Raises:
        SyntherError: there is none, the name is not a preset's, or the file is not.
    """
    if not _PRESET.fullmatch(name) or name in TAKEN:
        raise SyntherError(
            f"'{name}' can't be a preset's name: rename its file in {config_dir() / 'presets'} to "
            "small letters, digits, _ and -, of which a letter or digit comes first, and not to "
            f"{', '.join(TAKEN)}"
        )
    if name not in preset_names():
        raise unknown_name("preset", name, preset_names(), str(config_dir() / "presets"))
    path = config_dir() / "presets" / f"{name}.yaml"
    content = read_yaml(path)
    validate(content, "preset", str(path))
    of_generators = _examples("sources")
    of_agents = of_generators | _examples("agents")  # online, one has settings of its denoiser
    examples = dict.fromkeys(("agents", "per_agent", "per_dataset", "per_task"), of_agents)
    examples |= dict.fromkeys(("generators", "settings"), of_generators)
    return _typed(content, examples, f"{path}: ")


def _examples(name: str) -> dict[str, list[Any]]:
    """Return setting -> a value of every type that `config/NAME.yaml` gives it anywhere."""
    found: dict[str, dict[type, Any]] = {}
    for spec in load(name)[name].values():
        patterns = [*spec.get("datasets", {}).values(), *spec.get("tasks", {}).values()]
        for layer in (spec.get("settings", {}), *patterns):
            for key, value in layer.items():
                if value is not None:
                    found.setdefault(key, {}).setdefault(type(value), value)
    return {key: list(values.values()) for key, values in found.items()}


def _typed(
    part: dict[str, Any],
    examples: dict[str, dict[str, list[Any]]],
    where: str,
    known: dict[str, list[Any]] | None = None,
) -> dict[str, Any]:
    """Return a preset, or a part of one, with its settings in the types that they have.

    `examples` are, of the keys of a preset below which settings are, setting -> examples; `known`
    those of the part, where it is below such a key. Errors name `where` the part is.
    """
    found = dict(part)
    for key, value in part.items():
        like = known.get(key, []) if known else []
        if isinstance(value, dict) and (not like or any(isinstance(each, dict) for each in like)):
            found[key] = _typed(value, examples, f"{where}{key}.", known or examples.get(key))
        elif value is not None and like:
            found[key] = typed(value, like, f"{where}{key}")
    return found


def spec(name: str, kind: str) -> dict[str, Any]:
    """Return the spec `name` of a kind: dataset, source, agent or experiment."""
    specs = load(f"{kind}s")[f"{kind}s"]
    if name not in specs:
        raise unknown_name(kind, name, specs, str(config_dir() / f"{kind}s.yaml"))
    return specs[name]
