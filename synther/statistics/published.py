"""Numbers of the paper and of others: `config/paper/results.csv`, where each carries its status."""

import functools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from synther.config import config_dir
from synther.errors import SyntherError, unknown_name
from synther.jobs.files import require_file

COLUMNS = (
    *("table", "family", "dataset", "agent", "variant"),
    *("mean", "std", "seeds", "status", "provenance"),
)

UNCHECKED = "†"
"""Mark of a number that nobody has checked against the paper."""

STATUSES = {
    "recalled": (UNCHECKED, "recalled"),
    "quoted": (UNCHECKED, "quoted second-hand"),
    "secondhand": (UNCHECKED, "from a secondary source"),
    "ambiguous": (UNCHECKED, "from a source that leaves open which number it is"),
    "other_paper": ("¶", "from another paper's own runs, not from the SynthER paper"),
    "matches_vd4rl": ("§", "recalled; equals V-D4RL's numbers as re-reported in ReBRAC"),
    "matches_corl": ("‡", "recalled; equals CORL's published numbers"),
    "seen": ("", "read at its source"),
}
"""Every status a number can have -> its mark, and what that means; the least certain first."""


@dataclass(frozen=True)
class PaperNumber:
    """One published number: in score units of its table, NaN or None where it is not given.

    `status` and `provenance` say how far the number can be trusted and where it comes from. What
    the paper claims in its text is of a `family` and an `agent` too, and `variant` has its words.
    """

    family: str
    agent: str
    variant: str
    mean: float
    std: float
    seeds: int | None
    status: str
    provenance: str

    @property
    def mark(self) -> str:
        """The sign printed behind the number; empty for a number read at its source."""
        return mark(self.status)


def mark(status: str) -> str:
    """Return the sign of a status: `†` where unchecked, another or none where it was.

    Raises:
        SyntherError: the status is unknown.
    """
    if status not in STATUSES:
        raise unknown_name("status", status, STATUSES, "the paper's numbers")
    return STATUSES[status][0]


def weakest_mark(statuses: Iterable[str]) -> str:
    """Return the mark of the least certain of `statuses` (for a number made from several)."""
    return mark(min(statuses, key=list(STATUSES).index, default="seen"))


def footnotes(statuses: Iterable[str], provenance: Iterable[str] = ()) -> list[str]:
    """Return a sentence for each mark that these statuses print, least certain first.

    Args:
        statuses: of numbers.
        provenance: of numbers, in words; each gets a sentence of its own.
    """
    present = {status for status in statuses if mark(status)}
    words: dict[str, list[str]] = {}
    for status, (sign, text) in STATUSES.items():
        if status in present:
            words.setdefault(sign, []).append(text)
    end = {UNCHECKED: ", not checked against the paper"}
    lines = [f"{sign} {' or '.join(texts)}{end.get(sign, '')}." for sign, texts in words.items()]
    return [*lines, *(f"Published: {source}." for source in sorted(set(provenance)))]


@functools.cache
def _read(path: Path) -> pd.DataFrame:
    require_file(path, "restore it, or set SYNTHER_CONFIG to the folder of specs")
    try:
        numbers = pd.read_csv(path)
    except (ValueError, OSError) as error:
        raise SyntherError(f"{path} is not a readable CSV file: {error}") from error
    if missing := [name for name in COLUMNS if name not in numbers]:
        raise SyntherError(f"{path}: column {missing[0]} is missing; expected {', '.join(COLUMNS)}")
    for line, status in enumerate(numbers["status"], start=2):
        if status not in STATUSES:
            raise unknown_name("status", str(status), STATUSES, f"{path}, line {line}")
    for name in ("mean", "std", "seeds"):
        if not pd.api.types.is_numeric_dtype(numbers[name]):
            raise SyntherError(f"{path}: column {name} holds something that is not a number")
    if numbers["mean"].isna().any():
        line = int(numbers.index[numbers["mean"].isna()][0]) + 2
        raise SyntherError(f"{path}, line {line}: a row without a mean; give it one or remove it")
    return numbers


def _file() -> Path:
    return config_dir() / "paper" / "results.csv"


def load() -> pd.DataFrame:
    """Return all numbers as a frame with `COLUMNS`, checked.

    Raises:
        SyntherError: the file is missing, lacks a column, or has an unknown status.
    """
    return _read(_file()).copy()


def require_mapping(table: str, variant: str) -> None:
    """Check that `table` is in the file, and has this variant.

    Raises:
        SyntherError: a name is unknown; it offers the nearest.
    """
    numbers = load()
    if table not in set(numbers["table"]):
        raise unknown_name("table of the paper", table, set(numbers["table"]), str(_file()))
    known = set(numbers.loc[numbers["table"] == table, "variant"])
    if variant not in known:
        raise unknown_name("variant", variant, known, f"{_file()}, table {table}")


def _number(**wanted: str) -> PaperNumber | None:
    """Return the number with these names, or None without one."""
    numbers = load()
    found = numbers[(numbers[list(wanted)] == pd.Series(wanted)).all(axis=1)]
    if len(found) > 1:
        lines = ", ".join(str(int(index) + 2) for index in found.index)
        names = ", ".join(wanted.values())
        raise SyntherError(f"{_file()} has {names} on lines {lines}; keep one of them")
    if found.empty:
        return None
    row = found.iloc[0]
    seeds = None if math.isnan(row["seeds"]) else int(row["seeds"])
    words = row[["family", "agent", "variant", "status", "provenance"]].fillna("")
    return PaperNumber(mean=float(row["mean"]), std=float(row["std"]), seeds=seeds, **words)


def lookup(table: str, dataset: str, agent: str, variant: str) -> PaperNumber | None:
    """Return the published number of one cell, or None where the file has none.

    Args:
        table: the file's name of the table, such as `d4rl`.
        dataset: the paper's name of the dataset, such as `hopper-medium-v2`.
        agent: the paper's name of the agent, such as `TD3+BC`.
        variant: what it learned from, such as `Original` or `SynthER`.

    Raises:
        SyntherError: the file is at fault, or has the cell more than once.
    """
    return _number(table=table, dataset=dataset, agent=agent, variant=variant)


def claim(name: str) -> PaperNumber:
    """Return one of the paper's claims: the row of table `claims` with this `dataset`.

    Raises:
        SyntherError: there is none of that name, or more than one.
    """
    number = _number(table="claims", dataset=name)
    if number is None:
        every = load().query("table == 'claims'")
        raise unknown_name("claim", name, set(every["dataset"]), str(_file()))
    return number
