"""What decides the paper's claims: config/claims.yaml -> runs and measures, side by side."""

import fnmatch
import functools
import itertools
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from synther import config
from synther.config.shares import listed
from synther.config.specs import agent_spec, on_share, source_spec
from synther.errors import NotRunError, SyntherError, unknown_name
from synther.experiments import kinds
from synther.experiments.kinds.spec import Spec
from synther.experiments.runs import ONLINE

OF_SAMPLES = ("marginal", "correlation", "dynamics")
"""Measures of samples, which no agent learns from."""


@dataclass(frozen=True)
class Cell:
    """What one side has in one stratum (a dataset, or a share of one).

    Attributes:
        dataset: what was run.
        paper_name: what that is, or stands in for.
        source: slug of what was learned from or generated.
        agent: slug; empty where samples are measured.
        steps: the protocol's updates or environment steps.
        results: paths of the agent's rows, each with its record beside it as .json.
        files: "fidelity" and "fit" -> path, where samples are measured.
    """

    dataset: str
    paper_name: str
    source: str
    agent: str
    steps: int
    results: list[str]
    files: Mapping[str, str]

    @property
    def run(self) -> tuple[str, str, str]:
        """What its rows are of."""
        return self.dataset, self.source, self.agent


@dataclass(frozen=True)
class Side:
    """What is compared: a cell a stratum of the protocol, None where the preset leaves it out."""

    label: str
    cells: list[Cell | None]


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A claim of the paper.

    Attributes:
        name: slug.
        statement: in our words.
        status: where it is known from, one of `published.STATUSES`.
        provenance: the same in words.
        experiment: whose runs decide it.
        budget: that one's, in words.
        measure: of scores or samples, as config/claims.yaml has it.
        rule: likewise; see `verdicts.decide`.
        margin: of parity, in the measure's unit.
        seeds: how many the protocol has; 0 where nothing has seeds.
        of: what the claim is about.
        against: what it is held against, stratum by stratum.
        expected: the claimed value, if the rule has one.
        majority: each stratum is decided by itself, and most of them have to hold.
    """

    name: str
    statement: str
    status: str
    provenance: str
    experiment: str
    budget: str
    measure: str
    rule: str
    margin: float
    seeds: int
    of: Side
    against: list[Side]
    expected: float | None = None
    majority: bool = False

    @property
    def cells(self) -> list[Cell]:
        """Those of all sides that the preset has."""
        return [cell for side in (self.of, *self.against) for cell in side.cells if cell]


@dataclass(frozen=True, kw_only=True)
class ClaimsSpec(Spec):
    """All claims."""

    claims: list[Claim]

    @property
    def banner_text(self) -> str:
        """The line that keeps a preset's verdicts from being taken for more than they are."""
        if self.is_paper_protocol or not self.is_evidence:
            return super().banner_text
        return f"{self.preset} preset: below the protocol, no verdict is more than indicative"


class Plan(kinds.Plan):
    """All claims: what decides them are other experiments' runs and measures."""

    shows = ClaimsSpec
    requires = ()

    @functools.cached_property
    def claims(self) -> list[Claim]:
        """Every claim, one an agent, with the cells that decide it.

        Raises:
            SyntherError: a claim names an experiment, group, agent or source that there is not.
        """
        ground = functools.cache(lambda name: _Ground(self.matrix.plan(name)))
        return [
            ground(entry["experiment"]).claim(name, entry, agent)
            for name, entry in config.load("claims")["claims"].items()
            for agent in entry.get("agents", [""])
        ]

    def results(self) -> list[str]:
        """Return the paths of the agents' results that claims are decided from, each once."""
        cells = [cell for claim in self.claims for cell in claim.cells]
        return list(dict.fromkeys(path for cell in cells for path in cell.results))

    def files(self) -> list[str]:
        """Return the paths of records and measures besides, each once."""
        found = [str(PurePosixPath(path).with_suffix(".json")) for path in self.results()]
        cells = [cell for claim in self.claims for cell in claim.cells]
        found += [path for cell in cells for path in cell.files.values()]
        return list(dict.fromkeys(found))

    def is_run(self) -> bool:
        """Return True: of each claim, the table says whether it was run."""
        return True

    def described(self) -> dict[str, Any]:
        """Return the fields of the description: all claims."""
        budget = "each claim has that of its experiment"
        return self.heading() | {"budget": budget, "agents": {}, "claims": self.claims}


class _Ground:
    """An experiment that claims are decided from, and what the preset has of it."""

    def __init__(self, plan: kinds.Plan) -> None:
        self.plan, self.places = plan, plan.places()
        if not self.places:  # such as the experiment of all claims
            raise SyntherError(
                f"experiment '{plan.name}' of config/claims.yaml has no datasets or tasks that a "
                "claim could be decided from: name another"
            )
        self.sources = plan.listed_sources()
        self.cells: kinds.plan.Cells = {}
        self.measures: Mapping[str, Mapping[str, Mapping[str, str]]] = {}
        self.budget = "the preset runs nothing of it"
        with suppress(NotRunError):
            self.cells, self.measures = plan.cells(), plan.measures()
            self.budget = plan.describe().budget
        whole = config.load_preset("paper")
        self.seeds: int = whole.get(plan.learns, whole).get("seeds", whole["seeds"])

    def claim(self, name: str, entry: Mapping[str, Any], agent: str) -> Claim:
        """Return a claim about one agent; of samples, about none."""
        where, of_samples = f"claim '{name}'", entry["measure"] in OF_SAMPLES
        has_files = of_samples or entry["measure"] == "compression"
        places, sides = self._places(entry, agent), list[Side]()
        for wanted in (entry.get("of", {"source": "synther"}), *entry["against"]):
            own = "" if of_samples else wanted.get("agent", agent)
            if not own and not of_samples:
                raise SyntherError(f"{where}: a side names no agent; give it one")
            if own and own not in (known := self.plan.listed_agents()):
                raise unknown_name("agent", own, known, where)
            label, sources = self._sources(wanted, own, where)
            if entry["rule"] == "ratio":  # of all generated sources, each beside the others
                generated = [s for s in self.sources if "generator" in source_spec(s)]
                sources = sources * len(generated) if sides else generated
            cells = [self._cell(p, source, own, has_files) for p in places for source in sources]
            sides.append(Side(label, cells))
        title = agent_spec(agent)["title"] if agent else ""
        given = ("status", "provenance", "experiment", "measure", "rule", "expected", "majority")
        return Claim(
            name=f"{name}-{agent}" if len(entry.get("agents", [])) > 1 else name,
            statement=entry["statement"].replace("{agent}", title),
            budget=self.budget,
            margin=entry.get("margin", config.load("claims")["margin"]),
            seeds=0 if of_samples else self.seeds,
            of=sides[0],
            against=sides[1:],
            **{key: entry[key] for key in given if key in entry},
        )

    def _places(self, entry: Mapping[str, Any], agent: str) -> list[str]:
        """Return the datasets or tasks of a claim, those that the preset leaves out too."""
        chosen = entry.get("groups", list(self.places))
        for group in chosen:
            if group not in self.places:
                raise unknown_name("group", group, self.places, f"experiment '{self.plan.name}'")
        left_out = entry.get("skip", {}).get(agent, [])
        places = itertools.chain.from_iterable(self.places[group] for group in chosen)
        return [p for p in places if not any(fnmatch.fnmatchcase(p, each) for each in left_out)]

    def _sources(self, wanted: Mapping[str, Any], agent: str, where: str) -> tuple[str, list[str]]:
        """Return a side's label, and its sources on one dataset: of a curve, one a share."""
        if not self.sources:  # they learn in their environment
            return agent_spec(agent)["title"], [ONLINE]
        source, every = wanted.get("source", ""), listed(self.plan.spec)
        if source not in self.sources:
            raise unknown_name("source", source, self.sources, where)
        label = source_spec(source)["title"]
        if not every or wanted.get("percent") == 100:
            return label, [source]
        only = {key: wanted[key] for key in ("percent", "rows") if key in wanted}
        kept = [share for share in every if not only or only == {share.option: share.amount}]
        return label, [on_share(source, share) for share in kept]

    def _cell(self, place: str, source: str, agent: str, has_files: bool) -> Cell | None:
        """Return what is known of a cell; None where the preset does not run it."""
        here = place
        with suppress(SyntherError):  # the preset leaves it out, or there is no stand-in
            here = self.plan.run_name(place)
        results = self.cells.get((here, source, agent), [])
        files = self.measures.get(here, {}).get(source, {}) if has_files else {}
        if not results and not files:
            return None
        steps = self.plan.protocol_steps(agent, place) if agent else 0
        return Cell(here, place, source, agent, steps, results, files)
