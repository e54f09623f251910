"""What the paper's claims are decided from: config/claims.yaml -> runs and measures, side by side.

A part of `synther.experiments`, which alone knows where things lie and hands itself in.
"""

from __future__ import annotations

import fnmatch
import itertools
from contextlib import suppress
from pathlib import PurePosixPath
from typing import Any, Protocol

from synther import config
from synther.errors import NotRunError, SyntherError, unknown_name
from synther.experiments import fidelity_plan, online_plan, pixel_plan
from synther.shares import listed
from synther.specs import (
    agent_settings,
    agent_spec,
    on_share,
    online_settings,
    pixel_settings,
    source_spec,
)

KIND = "claims"
"""The kind in config/experiments.yaml that decides them."""
ONLINE = "online"
"""What the rows of agents that learn in their environment have as their source."""
OF_SAMPLES = ("marginal", "correlation", "dynamics")
"""Measures of samples, which no agent learns from."""


class Plan(fidelity_plan.Plan, Protocol):
    """What is asked of `synther.experiments.Experiments`."""

    def runs(self, name: str) -> list[Any]:
        """Return an experiment's offline runs."""

    def online(self, name: str) -> online_plan.OnlinePlan | None:
        """Return what is asked of an online experiment."""

    def pixels(self, name: str) -> pixel_plan.PixelPlan:
        """Return what is asked of an experiment on pixels."""

    def table(self, name: str) -> dict[str, Any]:
        """Return an experiment's description."""


def _runs(plan: Plan, name: str) -> dict[tuple[str, str, str], list[str]]:
    """Return (dataset, source, agent) -> paths of rows, of the runs that the preset has."""
    sees_pixels = plan.experiment(name)["kind"] in pixel_plan.KINDS
    runs = plan.pixels(name).runs() if sees_pixels else plan.runs(name)
    entries = [((run.dataset, run.source, run.agent), run.result) for run in runs]
    if online := plan.online(name):
        entries = [((run.task, ONLINE, run.agent), run.result) for run in online.runs()]
    found: dict[tuple[str, str, str], list[str]] = {}
    for key, path in entries:
        found.setdefault(key, []).append(path)
    return found


def _places(plan: Plan, claim: dict[str, Any], agent: str) -> list[str]:
    """Return the datasets or tasks that a claim is about, those that the preset leaves out too."""
    spec = plan.experiment(claim["experiment"])
    groups = spec.get("datasets") or spec["tasks"]
    for group in claim.get("groups", []):
        if group not in groups:
            raise unknown_name("group", group, groups, f"experiment '{claim['experiment']}'")
    chosen = claim.get("groups", list(groups))
    places = itertools.chain.from_iterable(groups[group] for group in chosen)
    left_out = claim.get("skip", {}).get(agent, [])
    return [p for p in places if not any(fnmatch.fnmatchcase(p, each) for each in left_out)]


def _steps(kind: str, agent: str, place: str) -> int:
    """Return the protocol's updates or environment steps."""
    if not agent:
        return 0
    if kind in online_plan.KINDS:
        return online_settings(agent, place)["steps"]
    if kind in pixel_plan.KINDS:
        return pixel_settings(agent, place)["steps"]
    return agent_settings(agent, place)["steps"]


class _Claim:
    """One claim about one agent, while its cells are looked up."""

    def __init__(self, plan: Plan, name: str, claim: dict[str, Any], agent: str) -> None:
        self.plan, self.name, self.claim, self.agent = plan, name, claim, agent
        self.experiment = claim["experiment"]
        self.spec = plan.experiment(self.experiment)
        self.kind = self.spec["kind"]
        self.runs: dict[tuple[str, str, str], list[str]] = {}
        self.files: dict[str, dict[str, dict[str, str]]] = {}
        self.budget = "the preset runs nothing of it"
        with suppress(NotRunError):
            self.runs = _runs(plan, self.experiment)
            self.budget = plan.table(self.experiment)["budget"]
            if self.kind in fidelity_plan.LAYOUTS:
                self.files = fidelity_plan.files(plan, self.experiment)

    def _here(self, place: str) -> str:
        if self.kind in online_plan.KINDS:
            return place
        try:
            if self.kind in pixel_plan.KINDS:
                return self.plan.pixels(self.experiment).run_name(place)
            return self.plan.run_name(place)
        except SyntherError:  # the preset leaves the experiment out, or there is no stand-in
            return place

    def _cell(self, place: str, source: str, agent: str) -> dict[str, Any] | None:
        """Return what is known of a cell; None where the preset does not run it."""
        here = self._here(place)
        results = self.runs.get((here, source, agent), [])
        files = self.files.get(here, {}).get(source, {})
        needs_samples = self.claim["measure"] in (*OF_SAMPLES, "compression")
        if not results and not (needs_samples and files):
            return None
        return {
            "dataset": here,
            "paper_name": place,
            "source": source,
            "agent": agent,
            "steps": _steps(self.kind, agent, place),
            "results": results,
            "files": files if needs_samples else {},
        }

    def side(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """Return one side: its label, and a cell a stratum of the protocol."""
        of_samples = self.claim["measure"] in OF_SAMPLES
        agent = "" if of_samples else wanted.get("agent", self.agent)
        if not of_samples and not agent:
            raise SyntherError(f"claim '{self.name}': a side names no agent; give it one")
        if agent and agent not in (
            known := [
                *self.spec["agents"],
                *self.spec.get("reference", []),
                *self.spec.get("rivals", {}),
            ]
        ):
            raise unknown_name("agent", agent, known, f"claim '{self.name}'")
        if self.kind in online_plan.KINDS:
            places = _places(self.plan, self.claim, self.agent)
            cells = [self._cell(place, ONLINE, agent) for place in places]
            return {"label": agent_spec(agent)["title"], "cells": cells}
        source = wanted.get("source", "")
        known = fidelity_plan.listed(self.spec)
        if source not in known:
            raise unknown_name("source", source, known, f"claim '{self.name}'")
        title = source_spec(source)["title"]
        cells = [
            self._cell(place, name, agent)
            for place in _places(self.plan, self.claim, self.agent)
            for name in self._sources(source, wanted)
        ]
        return {"label": title, "cells": cells}

    def _sources(self, source: str, wanted: dict[str, Any]) -> list[str]:
        """Return the sources of a side on one dataset: of a curve, one a share."""
        every = listed(self.spec)
        if not every or wanted.get("percent") == 100:
            return [source]
        only = {key: wanted[key] for key in ("percent", "rows") if key in wanted}
        kept = [share for share in every if not only or only == {share.option: share.amount}]
        return [on_share(source, share) for share in kept]

    def ratios(self) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Return the cells of all generated sources, and beside each those it is held against."""
        generated = [s for s in self.spec["sources"] if "generator" in source_spec(s)]
        pairs = [
            (place, s) for place in _places(self.plan, self.claim, self.agent) for s in generated
        ]
        ours = {
            "label": "SynthER",
            "cells": [self._cell(place, s, self.agent) for place, s in pairs],
        }
        others = []
        for wanted in self.claim["against"]:
            cells = [self._cell(place, wanted["source"], self.agent) for place, _ in pairs]
            others.append({"label": source_spec(wanted["source"])["title"], "cells": cells})
        return ours, others

    def seeds(self) -> int:
        """Return how many seeds the protocol has."""
        whole = config.load_preset("paper")
        part = "online" if self.kind in online_plan.KINDS else "pixels"
        own = self.kind in (*online_plan.KINDS, *pixel_plan.KINDS)
        return whole.get(part, {}).get("seeds", whole["seeds"]) if own else whole["seeds"]

    def describe(self) -> dict[str, Any]:
        """Return what `synther.analysis.claims_spec.Claim` needs."""
        claim = self.claim
        title = agent_spec(self.agent)["title"] if self.agent else ""
        if claim["rule"] == "ratio":
            of, against = self.ratios()
        else:
            of, against = self.side(claim["of"]), [self.side(s) for s in claim["against"]]
        return {
            "name": f"{self.name}-{self.agent}" if len(claim.get("agents", [])) > 1 else self.name,
            "statement": claim["statement"].replace("{agent}", title),
            "status": claim["status"],
            "provenance": claim["provenance"],
            "experiment": self.experiment,
            "budget": self.budget,
            "measure": claim["measure"],
            "rule": claim["rule"],
            "margin": claim.get("margin", config.load("claims")["margin"]),
            "expected": claim.get("expected"),
            "seeds": 0 if claim["measure"] in OF_SAMPLES else self.seeds(),
            "of": of,
            "against": against,
            "majority": claim.get("majority", False),
        }


def claims(plan: Plan) -> list[dict[str, Any]]:
    """Return every claim, one an agent, with the cells that decide it.

    Raises:
        SyntherError: a claim names an experiment, group, agent or source that there is not.
    """
    return [
        _Claim(plan, name, claim, agent).describe()
        for name, claim in config.load(KIND)[KIND].items()
        for agent in claim.get("agents", [""])
    ]


def _cells(plan: Plan) -> list[dict[str, Any]]:
    sides = [side for claim in claims(plan) for side in (claim["of"], *claim["against"])]
    return [cell for side in sides for cell in side["cells"] if cell]


def results(plan: Plan) -> list[str]:
    """Return the paths of the agents' results that claims are decided from, each once."""
    return list(dict.fromkeys(path for cell in _cells(plan) for path in cell["results"]))


def paths(plan: Plan) -> list[str]:
    """Return the paths of records and measures besides, each once."""
    found = [str(PurePosixPath(path).with_suffix(".json")) for path in results(plan)]
    found += [path for cell in _cells(plan) for path in cell["files"].values()]
    return list(dict.fromkeys(found))
