"""What every training job has, whatever its agent sees."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from synther.config.settings import as_dict
from synther.errors import SyntherError
from synther.jobs import provenance
from synther.jobs.files import describe_input

UNLESS_SET = ("samples", "sample_seed", "threshold_terminals", "own_next_observations")
"""Fields that records leave out where they have their defaults."""


@dataclass(frozen=True, kw_only=True)
class TrainingJob:
    """The part of a job that agents of all kinds have; a job is all that its result depends on.

    Each kind adds its inputs as fields.
    """

    task: str
    """What evaluates the agents, a name of `make_env`."""
    agent: str
    """The agent's name in config/agents.yaml, as results name it."""
    module: str
    """Where the agent's class is."""
    settings: Any
    seeds: tuple[int, ...]
    out: Path
    """The result: OUT.parquet, with OUT.json beside it."""
    reference: tuple[float, float]
    """Returns that score 0 and 100."""
    dataset: str = ""
    """The dataset that rows name; the task by default."""
    source: str = "none"
    preset: str = "none"
    device: str = "cpu"
    threads: int = 1

    def __post_init__(self) -> None:
        if not self.dataset:
            object.__setattr__(self, "dataset", self.task)

    def identity(self) -> dict[str, Any]:
        """Return what the result depends on, ready for JSON; inputs by their checksums."""
        kept = {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if field.name not in ("out", "device", "threads", "settings")
            and not (field.name in UNLESS_SET and getattr(self, field.name) == field.default)
        }
        if "samples" in kept:  # which are nothing without their seed
            kept["sample_seed"] = getattr(self, "sample_seed", 0)
        found = {name: _readable(value) for name, value in kept.items()}
        return found | {"settings": as_dict(self.settings), "version": provenance.version()}


def _readable(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_readable(item) for item in value]
    return describe_input(value) if isinstance(value, Path) else value


def parse_seeds(text: str) -> tuple[int, ...]:
    """Parse `0-7`, `3` or `0,2,5-6` into seeds.

    Raises:
        SyntherError: it is none of these, or names a seed twice.
    """
    seeds: list[int] = []
    try:
        for part in text.split(","):
            first, dash, last = part.partition("-")
            seeds.extend(range(int(first), int(last if dash else first) + 1))
    except ValueError as error:
        raise SyntherError(f"--seeds takes 0-7, 3 or 0,2,5-6, not '{text}'") from error
    if not seeds or len(set(seeds)) != len(seeds):
        raise SyntherError(f"--seeds {text} names no seed, or one twice")
    return tuple(seeds)
