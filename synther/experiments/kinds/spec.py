"""What every table and figure shows: a heading, agents, and how its intervals are made."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from synther.errors import unknown_name
from synther.experiments.runs import ONLINE
from synther.sheets.sheet import run_key

if TYPE_CHECKING:
    import pandas as pd

COUNTS = {
    *("seeds", "paper_seeds", "protocol_seeds", "datasets", "tasks"),
    *("step", "episodes", "policies"),
}
"""Columns of tidy rows that hold whole numbers."""
NO_EVIDENCE = "a check of the pipeline, not evidence"
BELOW_PROTOCOL = "below the paper's protocol"


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
    def label(self) -> str:
        """Its name, marked if it is a stand-in."""
        return self.name + STAND_IN * self.is_stand_in

    @property
    def called(self) -> str:
        """The paper's numbers' name of it."""
        return self.published or self.paper_name


@dataclass(frozen=True)
class PaperColumns:
    """Which published numbers to print: the file's table, and its names of agents and sources.

    Agents and sources that are left out of the mappings get no paper columns. `also` names other
    tables of published numbers, each with its variant, that get columns besides; `measures` has the
    file's name of each measure of samples.
    """

    table: str
    agents: dict[str, str] = dataclasses.field(default_factory=dict)
    variants: dict[str, str] = dataclasses.field(default_factory=dict)
    also: dict[str, str] = dataclasses.field(default_factory=dict)
    measures: dict[str, str] = dataclasses.field(default_factory=dict)

    def columns(self, sources: Iterable[str]) -> Iterable[tuple[str, str, str]]:
        """Yield (key, table, variant) of every published column an agent has.

        The key is the source that it stands beside, or the other table's name.
        """
        for source in sources:
            if source in self.variants:
                yield source, self.table, self.variants[source]
        for table, variant in self.also.items():
            yield table, table, variant


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What every kind of table and figure has in common.

    Attributes:
        kind: the folder that makes numbers and a sheet of it, by default the class's own.
        name: the experiment's slug.
        title: the heading.
        preset: slug of the preset that the results are of.
        budget: the preset in words, printed on it.
        is_paper_protocol: False prints a banner that says so.
        agents: slug -> name to print, in order.
        bootstrap_reps: resamples of the intervals.
        physics: simulator in words, printed where given.
        banner: words of the banner if not the default.
        is_evidence: False where the preset checks the pipeline: nothing is held against the paper.
        groups: group -> datasets or tasks, in order.
        sources: slug -> name to print, in order; others are compared with the first. None of agents
            that learn in their environment; variants of `paper` are then by agent.
        paper: published numbers to print beside, if any.
        layout: what is shown, and how: one of `layouts`, where the kind has several.
    """

    kind: ClassVar[str]
    layouts: ClassVar[Collection[str]] = ()

    name: str
    title: str
    preset: str
    budget: str
    is_paper_protocol: bool
    agents: dict[str, str]
    bootstrap_reps: int = 2000
    physics: str = ""
    banner: str = ""
    is_evidence: bool = True
    groups: dict[str, list[DatasetRow]] = dataclasses.field(default_factory=dict)
    sources: dict[str, str] = dataclasses.field(default_factory=dict)
    paper: PaperColumns | None = None
    layout: str = ""

    def __init_subclass__(cls) -> None:
        """Name the kind by its folder, unless it is another one's description."""
        if not hasattr(cls, "kind"):
            cls.kind = cls.__module__.rpartition(".")[0].removeprefix(f"{__package__}.")

    def __post_init__(self) -> None:
        """Check that there is such a layout."""
        if self.layouts and self.layout not in self.layouts:
            where = f"{self.kind} {self.name}"
            raise unknown_name("layout", self.layout, self.layouts, where)

    @property
    def rows(self) -> list[DatasetRow]:
        """The datasets of all groups, in order."""
        return [row for rows in self.groups.values() for row in rows]

    @property
    def names(self) -> list[str]:
        """The slugs of these datasets, or the tasks."""
        return [row.name for row in self.rows]

    @property
    def baseline(self) -> str:
        """Slug of the source that others are compared with."""
        return next(iter(self.sources))

    @property
    def band_reps(self) -> int:
        """Resamples of what is computed hundreds of times or slowly."""
        from synther.statistics.intervals import BAND_REPS

        return min(self.bootstrap_reps, BAND_REPS)

    @property
    def banner_text(self) -> str:
        """The line that keeps a preset's numbers from being taken for the paper's, or nothing."""
        if not self.is_evidence:
            return f"{self.preset} preset: {NO_EVIDENCE}"
        if self.is_paper_protocol:
            return ""
        return f"{self.preset} preset: {self.banner or BELOW_PROTOCOL}"

    def published(self) -> pd.DataFrame:
        """Return what is published beside, a row a number: of which run, and a `PaperNumber`.

        What it is of is a dataset, an agent (or, where `paper` has them, a measure), and a source
        or the other table.

        Raises:
            SyntherError: `paper` names a table or variant that is not in the file.
        """
        import pandas as pd

        from synther.statistics import published

        found, paper = [], self.paper or PaperColumns("")
        for _, table, variant in paper.columns(paper.variants):
            published.require_mapping(table, variant)
        names = paper.measures or {a: paper.agents[a] for a in self.agents if a in paper.agents}
        for row, (name, called) in itertools.product(self.rows, names.items()):
            online = [(ONLINE, paper.table, paper.variants.get(name, ""))]
            for key, table, variant in paper.columns(self.sources) if self.sources else online:
                if number := published.lookup(table, row.called, called, variant):
                    place = {"dataset": row.name, "source": key, "agent": name}
                    found.append(vars(number) | place)
        fields = ["mean", "std", "seeds", "status", "provenance"]
        return pd.DataFrame(found, columns=["dataset", "source", "agent", *fields])

    def behind(self, source: str, agent: str, dataset: str = "", group: str = "") -> list[str]:
        """Return the keys of the runs behind a number: on one dataset, on a group's or on all."""
        every = [row.name for row in self.groups[group]] if group else self.names
        return [run_key(name, source, agent) for name in ([dataset] if dataset else every)]

    def lines(self) -> list[str]:
        """Return what stands above a sheet's content: preset with its budget, and simulator."""
        starts = self.budget.startswith(self.preset)
        named = self.budget if starts else f"{self.preset}: {self.budget}"
        physics = [f"Physics: {self.physics}"] if self.physics else []
        return [f"Preset {named if self.budget else self.preset}", *physics]


@dataclass(frozen=True)
class Numbers:
    """The numbers of a table or figure.

    Attributes:
        spec: what it shows.
        frame: everything in it, a row a number or a few that belong together.
        columns: of the tidy rows for machines, in order; what the frame has besides is left out.
        episodes: how many an evaluation has, all that occur.
        omissions: what is left out, in words.
        more: what has no place in a frame, if anything.
    """

    spec: Any
    frame: pd.DataFrame
    columns: Sequence[str]
    episodes: list[int] = dataclasses.field(default_factory=list)
    omissions: list[str] = dataclasses.field(default_factory=list)
    more: Any = None

    def rows(self, *kinds: str) -> pd.DataFrame:
        """Return those rows of the frame whose `row` is one of these."""
        return self.frame[self.frame["row"].isin(kinds)]

    def by(self, *columns: str) -> dict[tuple[Any, ...], Any]:
        """Return the values of some columns -> the row that has them, the last of several."""
        return {tuple(getattr(r, name) for name in columns): r for r in self.frame.itertuples()}

    def tidy(self) -> pd.DataFrame:
        """Return the tidy rows, each with what all have in common."""
        spec = self.spec
        same = {"experiment": spec.name, "preset": spec.preset, "budget": spec.budget}
        own = {name: value for name, value in same.items() if name not in self.frame}
        tidy = self.frame.assign(**own).reindex(columns=list(self.columns))
        return tidy.astype(dict.fromkeys(COUNTS & set(tidy), "Int64"))  # some may be missing
