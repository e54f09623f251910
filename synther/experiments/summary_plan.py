"""What summaries over datasets are made from: other experiments' runs, by group.

A part of `synther.experiments`, which alone knows where things lie and hands itself in.
"""

from __future__ import annotations

from typing import Any, Protocol

from synther.errors import NotRunError, SyntherError, unknown_name
from synther.experiments import claims_plan

LAYOUTS = ("aggregates", "profiles", "curves")
"""Kinds of config/experiments.yaml that summarise other experiments."""
KINDS = (*LAYOUTS, claims_plan.KIND)
"""Kinds that are made from other experiments' runs."""
SUMMARISED = ("comparison", "pixels")
"""Kinds that they can summarise."""


class Plan(claims_plan.Plan, Protocol):
    """What is asked of `synther.experiments.Experiments`."""

    specs: dict[str, Any]

    def results(self, name: str) -> list[str]:
        """Return the paths of an experiment's results."""

    def is_run(self, name: str) -> bool:
        """Return whether the preset runs anything of an experiment."""


def experiments(plan: Plan, name: str) -> list[str]:
    """Return the experiments that a summary is of, those excepted that the preset leaves out.

    Raises:
        SyntherError: one is unknown or of a kind that can't be summarised, or lacks a source.
        NotRunError: the preset leaves all of them out.
    """
    spec = plan.experiment(name)
    for other in spec["of"]:
        entry = plan.experiment(other)
        if entry["kind"] not in SUMMARISED:
            raise SyntherError(
                f"experiment '{name}' is of '{other}', whose kind is {entry['kind']}: it can "
                f"summarise {' and '.join(SUMMARISED)} alone"
            )
        for source in spec["sources"]:
            if source not in entry["sources"]:
                where = f"'{other}', which experiment '{name}' summarises"
                raise unknown_name("source", source, entry["sources"], where)
    kept = [other for other in spec["of"] if plan.is_run(other)]
    if not kept:
        raise NotRunError(
            f"preset '{plan.preset}' leaves all out that experiment '{name}' is of: add one of "
            f"{', '.join(spec['of'])} to the preset's `only`, or leave this one out too"
        )
    return kept


def results(plan: Plan, name: str) -> list[str]:
    """Return the paths of the results behind a summary or the claims, each once."""
    if plan.experiment(name)["kind"] == claims_plan.KIND:
        return claims_plan.results(plan)
    sources = plan.experiment(name)["sources"]
    paths = [path for other in experiments(plan, name) for path in plan.results(other)]
    # results/PRESET/KIND/DATASET/SOURCE/AGENT/seeds-0-7.parquet
    return list(dict.fromkeys(path for path in paths if path.split("/")[4] in sources))


def paths(plan: Plan, name: str) -> list[str]:
    """Return the paths of what is needed besides results."""
    is_claims = plan.experiment(name)["kind"] == claims_plan.KIND
    return claims_plan.paths(plan) if is_claims else []


def describe(plan: Plan, name: str) -> dict[str, Any]:
    """Return what `summary_spec` or `claims_spec` needs besides what all tables have."""
    spec = plan.experiment(name)
    if spec["kind"] == claims_plan.KIND:
        return {
            "kind": "claims",
            "agents": {},
            "claims": claims_plan.claims(plan),
            "budget": "each claim has that of its experiment",
        }
    tables = {other: plan.table(other) for other in experiments(plan, name)}
    groups: dict[str, dict[str, dict[str, Any]]] = {}
    for table in tables.values():
        for group, rows in table["groups"].items():
            groups.setdefault(group, {}).update({row["name"]: row for row in rows})
    first = next(iter(tables.values()))
    return {
        "kind": "summary",
        "layout": spec["kind"],
        "groups": {group: list(rows.values()) for group, rows in groups.items()},
        "agents": _titles(plan, tables),
        "sources": {source: first["sources"][source] for source in spec["sources"]},
        "budget": ". ".join(f"{other}: {table['budget']}" for other, table in tables.items()),
        "physics": "; ".join(dict.fromkeys(table["physics"] for table in tables.values())),
    }


def _titles(plan: Plan, tables: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Return agent -> title; an agent that sees pixels is told from its namesake."""
    titles: dict[str, str] = {}
    for other, table in tables.items():
        sees_pixels = plan.experiment(other)["kind"] == "pixels"
        for agent, title in table["agents"].items():
            is_taken = title in {t for a, t in titles.items() if a != agent}
            titles[agent] = f"{title} (pixels)" if is_taken and sees_pixels else title
    return titles
