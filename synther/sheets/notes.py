"""Footnotes that sheets of several kinds have."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

FEW_SEEDS = 5
"""Below this many seeds, a table or figure says that its intervals are rough."""

SEEDS_ARE_AGENTS = (
    "Seeds are those of the agent. All seeds of a source share one dataset, one fit of its "
    "generator and one set of its samples, so no interval shows how these vary."
)

STAND_IN = "*"
"""Mark of a row whose dataset is not the paper's own."""


@dataclass(frozen=True)
class DatasetRow:
    """A dataset that was run, and the paper's that it is, or stands in for.

    `published` is what the paper's numbers call that one, if not by its name.
    """

    name: str
    paper_name: str
    published: str = ""

    @property
    def is_stand_in(self) -> bool:
        """Whether the paper's numbers are of another dataset."""
        return self.name != self.paper_name

    @property
    def called(self) -> str:
        """The paper's numbers' name of it."""
        return self.published or self.paper_name


def label(row: DatasetRow) -> str:
    """Return a dataset's name, marked if it is a stand-in."""
    return row.name + STAND_IN * row.is_stand_in


def listed(rows: Iterable[DatasetRow]) -> str:
    """Name which dataset stands for which: by their endings where these are the same for many."""
    pairs = []
    for row in rows:
        stem, _, ending = row.name.rpartition("-")
        theirs = row.paper_name.removeprefix(f"{stem}-")
        shared = stem and theirs != row.paper_name
        pair = f"NAME-{ending} for NAME-{theirs}" if shared else f"{row.name} for {row.paper_name}"
        pairs.append(pair)
    return ", ".join(dict.fromkeys(pairs))


def stand_ins(rows: Iterable[DatasetRow]) -> list[str]:
    """Return the footnote on stand-ins, if there are any."""
    substitutes = [row for row in rows if row.is_stand_in]
    if not substitutes:
        return []
    return [
        f"{STAND_IN} Stand-ins: re-collected datasets in place of the paper's "
        f"({listed(substitutes)})."
    ]


def bootstrap_words(reps: int, stratum: str = "dataset") -> str:
    """Return how intervals over seeds are made."""
    return (
        f"95% percentile intervals of a bootstrap over seeds, stratified by {stratum} "
        f"({reps:,} resamples; Agarwal et al., 2021)"
    )


def few_seeds(counts: Sequence[int]) -> list[str]:
    """Return the footnote on intervals of few seeds, if there are any."""
    several = [count for count in counts if count > 1]
    if several and min(several) < FEW_SEEDS:
        return [f"Intervals from fewer than {FEW_SEEDS} seeds are too narrow to rely on."]
    return []


def one_or_few(counts: Sequence[int]) -> list[str]:
    """Return the footnotes on single seeds, and on few of them."""
    one = ["One seed has no standard deviation and no interval."] * (1 in counts)
    return [*one, *few_seeds(counts)]


def episodes(counts: Iterable[int]) -> str:
    """Return how many episodes an evaluation has, in words."""
    found = sorted({int(count) for count in counts})
    span = f"{found[0]} to {found[-1]}" if len(found) > 1 else f"{found[0]}"
    return f"{span} {'episode' if found == [1] else 'episodes'}"
