"""Types of options, and the groups of options that many verbs have.

A verb's options are the fields of its class, and the comments beside them are their help: tyro
makes the command line of both.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import UseAppendAction, arg
from tyro.constructors import PrimitiveConstructorSpec

from synther.errors import SyntherError
from synther.jobs.threads import cores


def whole(lowest: int | None = None) -> PrimitiveConstructorSpec[int]:
    """Return how a whole number is read, as config's YAML has it: 100000, 100_000 or 1e5."""

    def read(words: list[str]) -> int:
        from synther.config.settings import parse_yaml

        value = parse_yaml(words[0])
        if type(value) is not int:
            raise ValueError(f"'{words[0]}' is no whole number")
        if lowest is not None and value < lowest:
            raise ValueError(f"{value} is below {lowest}")
        return value

    return PrimitiveConstructorSpec(
        nargs=1,
        metavar="INT",
        instance_from_str=read,
        is_instance=lambda value: isinstance(value, int),
        str_from_instance=lambda value: [str(value)],
    )


def several(kind: type) -> PrimitiveConstructorSpec[tuple[Any, ...]]:
    """Return how words are read of which there is one at least, where the option is given."""

    def read(words: list[str]) -> tuple[Any, ...]:
        if not words:
            raise ValueError("name one at least")
        return tuple(map(kind, words))

    return PrimitiveConstructorSpec(
        nargs="*",
        metavar=f"{kind.__name__.upper()} ...",
        instance_from_str=read,
        is_instance=lambda value: isinstance(value, tuple),
        str_from_instance=lambda value: list(map(str, value)),
    )


Paths = Annotated[tuple[Path, ...], several(Path)]
Words = Annotated[tuple[str, ...], several(str)]
Number = Annotated[int, whole()]
Seed = Annotated[int, whole(0)]
Count = Annotated[int, whole(1)]


@dataclass(frozen=True, kw_only=True)
class Threads:
    """Where it runs."""

    threads: Count = field(default_factory=cores)  # of simulator and large products


@dataclass(frozen=True, kw_only=True)
class Computing(Threads):
    """Where it runs."""

    device: str = "auto"  # cpu, cuda, cuda:1, or auto: a GPU where there is one

    def choose(self, device: str | None = None) -> str:
        """Return what `choose_device` does of --device, or of the one that is named here."""
        from synther.cli.device import choose_device

        return choose_device(device or self.device, self.threads)


@dataclass(frozen=True, kw_only=True)
class Overrides:
    """Settings, over those of config/."""

    # override a setting, as YAML; may be given often
    set: UseAppendAction[tuple[Annotated[str, arg(metavar="KEY=VALUE")], ...]] = ()

    def parsed(self) -> dict[str, Any]:
        """Return what --set says, by key."""
        from synther.config.settings import parse_assignments

        return parse_assignments(self.set)


@dataclass(frozen=True, kw_only=True)
class Scaling(Overrides):
    """Settings, over those of config/."""

    preset: str | None = None  # scale settings by config/presets/PRESET.yaml


def require_suffix(out: Path, *suffixes: str) -> Path:
    """Return `out` if it ends in one of the suffixes; it is an error where it does not."""
    if out.suffix not in suffixes:
        raise SyntherError(f"--out {out} must end in {suffixes[0]}")
    return out
