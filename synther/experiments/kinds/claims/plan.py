"""What decides the paper's claims: config/claims.yaml -> runs and measures, side by side."""

from __future__ import annotations

import fnmatch
import functools
import itertools
from collections.abc import Mapping
from contextlib import suppress
from pathlib import PurePosixPath
from typing import Any

from synther import config
from synther.config.shares import listed
from synther.config.specs import agent_spec, on_share, source_spec
from synther.errors import NotRunError, SyntherError, unknown_name
from synther.experiments import kinds
from synther.experiments.kinds.claims.spec import OF_SAMPLES, Cell, Claim, ClaimsSpec, Side
from synther.experiments.runs import ONLINE, Run


class Plan(kinds.Plan):
    """All claims: what decides them are other experiments' runs and measures."""

    @functools.cached_property
    def claims(self) -> list[Claim]:
        """Every claim, one an agent, with the cells that decide it.

        Raises:
            SyntherError: a claim names an experiment, group, agent or source that there is not.
        """
        entries = config.load("claims")["claims"]
        grounds = {
            name: _Ground(self.matrix.plan(name))
            for name in dict.fromkeys(claim["experiment"] for claim in entries.values())
        }
        return [
            _Resolver(grounds[claim["experiment"]], name, claim, agent).claim()
            for name, claim in entries.items()
            for agent in claim.get("agents", [""])
        ]

    def runs(self) -> list[Run]:
        """Return none: they are other experiments' own."""
        return []

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

    def describe(self) -> ClaimsSpec:
        """Return all claims."""
        return ClaimsSpec(
            **self.heading(),
            budget="each claim has that of its experiment",
            agents={},
            claims=self.claims,
        )


class _Ground:
    """An experiment that claims are decided from, and what the preset has of it."""

    def __init__(self, plan: kinds.Plan) -> None:
        if not plan.places():  # such as the experiment of all claims
            raise SyntherError(
                f"experiment '{plan.name}' of config/claims.yaml has no datasets or tasks that a "
                "claim could be decided from: name another"
            )
        self.plan = plan
        self.cells: kinds.plan.Cells = {}
        self.measures: Mapping[str, Mapping[str, Mapping[str, str]]] = {}
        self.budget = "the preset runs nothing of it"
        with suppress(NotRunError):
            self.cells, self.measures = plan.cells(), plan.measures()
            self.budget = plan.describe().budget

    def here(self, place: str) -> str:
        """Return what is run for the paper's dataset or task."""
        try:
            return self.plan.run_name(place)
        except SyntherError:  # the preset leaves the experiment out, or there is no stand-in
            return place

    def seeds(self) -> int:
        """Return how many seeds the protocol has."""
        whole = config.load_preset("paper")
        own = whole.get(self.plan.learns, {}) if self.plan.learns else {}
        seeds: int = own.get("seeds", whole["seeds"])
        return seeds


class _Resolver:
    """One claim about one agent, while its cells are looked up."""

    def __init__(self, ground: _Ground, name: str, entry: dict[str, Any], agent: str) -> None:
        self.ground, self.name, self.entry, self.agent = ground, name, entry, agent
        self.spec = ground.plan.spec
        self.sources = ground.plan.matrix.listed_sources(ground.plan.name)
        self.of_samples = entry["measure"] in OF_SAMPLES

    def places(self) -> list[str]:
        """Return the datasets or tasks that it is about, those that the preset leaves out too."""
        groups = self.ground.plan.places()
        for group in self.entry.get("groups", []):
            if group not in groups:
                raise unknown_name("group", group, groups, f"experiment '{self.ground.plan.name}'")
        chosen = self.entry.get("groups", list(groups))
        places = itertools.chain.from_iterable(groups[group] for group in chosen)
        left_out = self.entry.get("skip", {}).get(self.agent, [])
        return [p for p in places if not any(fnmatch.fnmatchcase(p, each) for each in left_out)]

    def cell(self, place: str, source: str, agent: str) -> Cell | None:
        """Return what is known of a cell; None where the preset does not run it."""
        here = self.ground.here(place)
        results = self.ground.cells.get((here, source, agent), [])
        is_measured = self.of_samples or self.entry["measure"] == "compression"
        files = self.ground.measures.get(here, {}).get(source, {}) if is_measured else {}
        if not results and not files:
            return None
        steps = self.ground.plan.protocol_steps(agent, place) if agent else 0
        return Cell(here, place, source, agent, steps, results, files)

    def side(self, wanted: dict[str, Any]) -> Side:
        """Return one side: its label, and a cell a stratum of the protocol."""
        where = f"claim '{self.name}'"
        agent = "" if self.of_samples else wanted.get("agent", self.agent)
        if not self.of_samples:
            known = list(self.spec["agents"])
            known += self.spec.get("rivals", {}) if self.sources else self.spec.get("reference", [])
            if not agent:
                raise SyntherError(f"{where}: a side names no agent; give it one")
            if agent not in known:
                raise unknown_name("agent", agent, known, where)
        if not self.sources:  # they learn in their environment
            cells = [self.cell(place, ONLINE, agent) for place in self.places()]
            return Side(agent_spec(agent)["title"], cells)
        source = wanted.get("source", "")
        if source not in self.sources:
            raise unknown_name("source", source, self.sources, where)
        shares = self._shares(source, wanted)
        cells = [self.cell(place, name, agent) for place in self.places() for name in shares]
        return Side(source_spec(source)["title"], cells)

    def _shares(self, source: str, wanted: dict[str, Any]) -> list[str]:
        """Return the sources of a side on one dataset: of a curve, one a share."""
        every = listed(self.spec)
        if not every or wanted.get("percent") == 100:
            return [source]
        only = {key: wanted[key] for key in ("percent", "rows") if key in wanted}
        kept = [share for share in every if not only or only == {share.option: share.amount}]
        return [on_share(source, share) for share in kept]

    def ratios(self) -> tuple[Side, list[Side]]:
        """Return the cells of all generated sources, and beside each those it is held against."""
        generated = [s for s in self.sources if "generator" in source_spec(s)]
        pairs = list(itertools.product(self.places(), generated))
        ours = Side("SynthER", [self.cell(place, s, self.agent) for place, s in pairs])
        others = [
            Side(
                source_spec(wanted["source"])["title"],
                [self.cell(place, wanted["source"], self.agent) for place, _ in pairs],
            )
            for wanted in self.entry["against"]
        ]
        return ours, others

    def claim(self) -> Claim:
        """Return the claim."""
        entry, ground = self.entry, self.ground
        title = agent_spec(self.agent)["title"] if self.agent else ""
        if entry["rule"] == "ratio":
            of, against = self.ratios()
        else:
            of, against = self.side(entry["of"]), [self.side(side) for side in entry["against"]]
        return Claim(
            name=f"{self.name}-{self.agent}" if len(entry.get("agents", [])) > 1 else self.name,
            statement=entry["statement"].replace("{agent}", title),
            status=entry["status"],
            provenance=entry["provenance"],
            experiment=ground.plan.name,
            budget=ground.budget,
            measure=entry["measure"],
            rule=entry["rule"],
            margin=entry.get("margin", config.load("claims")["margin"]),
            expected=entry.get("expected"),
            seeds=0 if self.of_samples else ground.seeds(),
            of=of,
            against=against,
            majority=entry.get("majority", False),
        )
