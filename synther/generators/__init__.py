"""Where synthetic transitions come from: every generator fits `Transitions` and samples new ones.

A generator is one entry of `GENERATORS` and a class with the public methods of `Generator`. Its
module is imported when it is first asked for, so that importing this package costs nothing.
"""

import importlib
import inspect
import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from synther.config.settings import as_dict, resolve
from synther.errors import SyntherError, unknown_name
from synther.generators.base import Generator as Generator
from synther.jobs.files import read_json
from synther.jobs.progress import Progress
from synther.transitions import Transitions

GENERATORS: dict[str, str] = {
    "ctgan": "synther.generators.tabular:CTGAN",
    "diffusion": "synther.generators.diffusion:Diffusion",
    "dynamics": "synther.generators.dynamics:Dynamics",
    "flow": "synther.generators.flow:Flow",
    "noise": "synther.generators.noise:Noise",
    "prioritised": "synther.generators.prioritised:Prioritised",
    "tvae": "synther.generators.tabular:TVAE",
}
"""Name, as config/sources.yaml gives it, -> "module:class"; one that is elsewhere is named so."""
RELEASED_SUFFIXES = (".pt", ".pth")
"""Of the authors' checkpoints."""

_METHODS = ("settings_type", "num_parameters", "fit", "sample", "sample_chunks", "save", "load")


def generator_class(name: str) -> type[Generator]:
    """Return the class of the generator `name`, importing its module.

    Args:
        name: a key of `GENERATORS`, or "module:class" of one that lies on the Python path.

    Raises:
        SyntherError: there is no generator of that name, or it is no generator.
    """
    if ":" not in name and name not in GENERATORS:
        raise unknown_name("generator", name, GENERATORS)
    module, _, attribute = GENERATORS.get(name, name).partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise SyntherError(
            f"generator '{name}' can't be imported ({error}): name it module:class, with its "
            "module on PYTHONPATH"
        ) from error
    lacking = [method for method in _METHODS if not hasattr(found, method)]
    if lacking:
        raise SyntherError(
            f"'{name}' is no generator: it has no {', '.join(lacking)}; see the class `Generator` "
            "in synther/generators/base.py"
        )
    return found


def change_sampling(generator: Generator, overrides: Mapping[str, Any]) -> None:
    """Give a fitted generator other settings of its sampling.

    Raises:
        SyntherError: a setting is unknown or unfit, or was decided when the generator was fitted.
    """
    if not overrides:
        return
    free: frozenset[str] = getattr(type(generator), "sampling_settings", frozenset())
    kind, now = generator.settings_type, as_dict(generator.settings)
    changed: Any = resolve(kind, now, overrides, where="the fitted generator")
    for name in overrides:
        if name not in free:
            raise SyntherError(
                f"setting '{name}' is fixed in a fitted generator: fit one anew, or change one of "
                f"{', '.join(sorted(free)) or 'none'}"
            )
    generator.settings = changed


def remaining_chunks(generator: Generator, n: int, seed: int, first: int) -> Iterator[Transitions]:
    """Yield what `sample_chunks` yields from part `first` on.

    One that knows no `first`, of a package of somebody's own, draws the parts before it again.
    """
    if "first" in inspect.signature(generator.sample_chunks).parameters:
        return generator.sample_chunks(n, seed, first=first)
    return itertools.islice(generator.sample_chunks(n, seed), first, None)


def fitted_name(folder: str | Path) -> str:
    """Return the name of the generator that a folder has, as `GENERATORS` or "module:class".

    Raises:
        SyntherError: it has none.
    """
    described = Path(folder) / "settings.json"
    name = read_json(described, "fit a generator there: `synther fit`").get("generator")
    if not isinstance(name, str):
        raise SyntherError(f"{described} is damaged (no generator): fit the generator anew")
    return name


def is_model(path: str | Path) -> bool:
    """Return whether a path is one that `draw` samples from: a folder, or a .pt."""
    return Path(path).is_dir() or Path(path).suffix in RELEASED_SUFFIXES


def draw(
    path: str | Path, n: int, seed: int, widths: tuple[int, int], device: str = "cpu"
) -> Transitions:
    """Return what `synther sample` writes of n transitions from a fitted generator.

    Args:
        path: a folder that `save` wrote, or model-STEP.pt of the released code.
        n: transitions.
        seed: of the noise.
        widths: d and a of the task; the released code's file does not say them.
        device: where it computes.

    Raises:
        SyntherError: there is no generator, or it can't be read.
    """
    path = Path(path)
    if path.suffix in RELEASED_SUFFIXES and not path.is_dir():
        from synther.generators.diffusion.released import load_released

        generator: Any = load_released(path, *widths, device)
    else:
        name = fitted_name(path)
        generator = generator_class(name).load(path, "cpu" if name == "noise" else device)
    parts = []
    with Progress(n, f"sample {path.name}", "row") as progress:
        for part in remaining_chunks(generator, n, seed, first=0):
            progress.advance(len(part))
            parts.append(part)
    return Transitions.concatenate(parts)


def make_generator(
    name: str, settings: Mapping[str, Any] | None = None, device: str = "cpu"
) -> Generator:
    """Return an unfitted generator with `settings` over its defaults.

    Args:
        name: a key of `GENERATORS`, or "module:class".
        settings: hyperparameters by name, such as `settings` of an entry of config/sources.yaml.
        device: where it computes: "cpu", "cuda", "cuda:1", ...

    Raises:
        SyntherError: the generator or a setting is unknown, or a setting has the wrong type.
    """
    kind = generator_class(name)
    resolved: Any = resolve(kind.settings_type, settings or {}, where=f"generator '{name}'")
    return kind(resolved, device=device)
