"""Numbers of the paper and of others: `config/paper/results.csv`, where each carries its status."""

from __future__ import annotations

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

_UNCHECKED_WORDS = {
    "recalled": "recalled",
    "quoted": "quoted second-hand",
    "secondhand": "from a secondary source",
    "ambiguous": "from a source that leaves open which number it is",
}
_OTHER_MARKS = {
    "matches_corl": ("‡", "recalled; equals CORL's published numbers"),
    "matches_vd4rl": ("§", "recalled; equals V-D4RL's numbers as re-reported in ReBRAC"),
    "other_paper": ("¶", "from another paper's own runs, not from the SynthER paper"),
    "seen": ("", "read at its source"),
}
STATUSES = (*_UNCHECKED_WORDS, *_OTHER_MARKS)
"""Every status a number can have, from the least to the most certain but for `other_paper`."""

# an average is as certain as the least certain number in it
_LEAST_CERTAIN_FIRST = (UNCHECKED, "¶", "§", "‡", "")


@dataclass(frozen=True)
class PaperNumber:
    """One published number: in score units of its table, NaN or None where it is not given.

    `status` and `provenance` say how far the number can be trusted and where it comes from.
    """

    mean: float
    std: float
    seeds: int | None
    status: str
    provenance: str

    @property
    def mark(self) -> str:
        """The sign printed behind the number; empty for a number read at its source."""
        return mark(self.status)


def _known(status: str) -> str:
    if status not in STATUSES:
        raise unknown_name("status", status, STATUSES, "the paper's numbers")
    return status


def mark(status: str) -> str:
    """Return the sign of a status: `†` where unchecked, another or none where it was.

    Raises:
        SyntherError: the status is unknown.
    """
    return UNCHECKED if _known(status) in _UNCHECKED_WORDS else _OTHER_MARKS[status][0]


def weakest_mark(statuses: Iterable[str]) -> str:
    """Return the mark of the least certain of `statuses` (for a number made from several)."""
    marks = {mark(status) for status in statuses}
    return next((sign for sign in _LEAST_CERTAIN_FIRST if sign in marks), "")


def footnotes(statuses: Iterable[str]) -> list[str]:
    """Return one line for each mark that these statuses print, least certain first."""
    present = {_known(status) for status in statuses}
    lines = []
    words = [text for status, text in _UNCHECKED_WORDS.items() if status in present]
    if words:
        lines.append(f"{UNCHECKED} {' or '.join(words)}, not checked against the paper")
    for sign in _LEAST_CERTAIN_FIRST[1:-1]:
        for status, (its_sign, text) in _OTHER_MARKS.items():
            if its_sign == sign and status in present:
                lines.append(f"{sign} {text}")
    return lines


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


def load(path: Path | None = None) -> pd.DataFrame:
    """Return all numbers as a frame with `COLUMNS`, checked.

    Args:
        path: another file than `config/paper/results.csv`.

    Raises:
        SyntherError: the file is missing, lacks a column, or has an unknown status.
    """
    return _read(path or config_dir() / "paper" / "results.csv").copy()


def require_mapping(table: str, variants: Iterable[str], path: Path | None = None) -> None:
    """Check that `table` is in the file and has every one of `variants`.

    Raises:
        SyntherError: a name is unknown; it offers the nearest.
    """
    numbers = load(path)
    where = str(path or config_dir() / "paper" / "results.csv")
    if table not in set(numbers["table"]):
        raise unknown_name("table of the paper", table, set(numbers["table"]), where)
    known = set(numbers.loc[numbers["table"] == table, "variant"])
    for variant in variants:
        if variant not in known:
            raise unknown_name("variant", variant, known, f"{where}, table {table}")


def lookup(
    table: str, dataset: str, agent: str, variant: str, path: Path | None = None
) -> PaperNumber | None:
    """Return the published number of one cell, or None where the file has none.

    Args:
        table: the file's name of the table, such as `d4rl`.
        dataset: the paper's name of the dataset, such as `hopper-medium-v2`.
        agent: the paper's name of the agent, such as `TD3+BC`.
        variant: what it learned from, such as `Original` or `SynthER`.
        path: another file than `config/paper/results.csv`.

    Raises:
        SyntherError: the file is at fault, or has the cell more than once.
    """
    numbers = load(path)
    found = numbers[
        (numbers["table"] == table)
        & (numbers["dataset"] == dataset)
        & (numbers["agent"] == agent)
        & (numbers["variant"] == variant)
    ]
    if found.empty:
        return None
    if len(found) > 1:
        lines = ", ".join(str(int(index) + 2) for index in found.index)
        raise SyntherError(
            f"the paper's numbers have {table}, {dataset}, {agent}, {variant} on lines {lines}; "
            "keep one of them"
        )
    return _number(found.iloc[0])


def _number(row: pd.Series) -> PaperNumber:
    return PaperNumber(
        mean=float(row["mean"]),
        std=float(row["std"]),
        seeds=None if math.isnan(row["seeds"]) else int(row["seeds"]),
        status=str(row["status"]),
        provenance=str(row["provenance"]),
    )


@dataclass(frozen=True)
class Claim:
    """A number that the paper claims in its text: of which family and agent, and in which words."""

    family: str
    agent: str
    words: str
    number: PaperNumber


def claim(name: str, path: Path | None = None) -> Claim:
    """Return one of the paper's claims: the row of table `claims` with this `dataset`.

    Raises:
        SyntherError: there is none of that name, or more than one.
    """
    numbers = load(path)
    claims = numbers[numbers["table"] == "claims"]
    found = claims[claims["dataset"] == name]
    where = str(path or config_dir() / "paper" / "results.csv")
    if found.empty:
        raise unknown_name("claim", name, set(claims["dataset"]), where)
    if len(found) > 1:
        raise SyntherError(f"{where} has the claim {name} {len(found)} times; keep one of them")
    row = found.iloc[0]
    agent = "" if pd.isna(row["agent"]) else str(row["agent"])
    return Claim(str(row["family"]), agent, str(row["variant"]), _number(row))
