"""What the tables and figures of generators are made from: which files, sources and titles.

A part of `synther.experiments`, which alone knows where things lie and hands itself in.
"""

from __future__ import annotations

import itertools
from typing import Any, Protocol

from synther.errors import SyntherError, unknown_name
from synther.specs import fitted_source, missing_package, source_settings, source_spec, source_title

LAYOUTS = ("generators", "diversity", "marginals", "compression", "ablations")
"""Kinds of config/experiments.yaml that measure samples."""


class Plan(Protocol):
    """What is asked of `synther.experiments.Experiments`."""

    preset: str

    def experiment(self, name: str) -> dict[str, Any]:
        """Return an experiment's entry."""

    def datasets(self, name: str) -> dict[str, list[str]]:
        """Return its datasets by group."""

    def run_name(self, dataset: str) -> str:
        """Return the dataset that is run for the paper's."""

    def sources(self, name: str) -> list[str]:
        """Return its sources."""

    def generator_folder(self, dataset: str, source: str) -> str:
        """Return the folder of a fitted generator and its samples."""

    def fidelity_file(self, dataset: str, source: str) -> str:
        """Return the path of a source's measures."""

    def samples(self, source: str) -> int:
        """Return how many transitions a source generates."""


def listed(spec: dict[str, Any]) -> list[str]:
    """Return every source that an experiment names, those of all factors included."""
    factors = spec.get("factors", {}).values()
    return list(dict.fromkeys([*spec.get("sources", []), *itertools.chain(*factors)]))


def run(spec: dict[str, Any], chosen: list[str] | None, preset: str) -> list[str]:
    """Return the sources that are run: of an experiment's, those chosen, with their packages there.

    Raises:
        SyntherError: one that is chosen is not the experiment's.
    """
    every = listed(spec)
    for source in chosen or []:
        if source not in every:
            raise unknown_name("source", source, every, f"preset '{preset}'")
    kept = [source for source in every if chosen is None or source in chosen]
    return [source for source in kept if missing_package(source) is None]


def paths(plan: Plan, name: str) -> list[str]:
    """Return the paths of all records of an experiment, each once."""
    measured = files(plan, name).values()
    found = [path for sources in measured for own in sources.values() for path in own.values()]
    return list(dict.fromkeys(found))


def files(plan: Plan, name: str) -> dict[str, dict[str, dict[str, str]]]:
    """Return dataset -> source -> "fidelity", "fit" and "sample" -> path; none for real data."""
    found: dict[str, dict[str, dict[str, str]]] = {}
    for dataset in itertools.chain(*plan.datasets(name).values()):
        here = plan.run_name(dataset)
        found[here] = {}
        for source in plan.sources(name):
            if "generator" in source_spec(source):
                folder = plan.generator_folder(here, source)
                fitted = plan.generator_folder(here, fitted_source(source))
                found[here][source] = {
                    "fidelity": plan.fidelity_file(here, source),
                    "fit": f"{fitted}/fit.json",
                    "sample": f"{folder}/samples.json",
                }
    return found


def describe(plan: Plan, name: str) -> dict[str, Any]:
    """Return what `synther.analysis.fidelity_spec` needs besides what all tables have.

    Raises:
        SyntherError: two sources of an ablation come out the same at this preset.
    """
    spec, groups = plan.experiment(name), plan.datasets(name)
    every = listed(spec)
    running, first = plan.sources(name), next(iter(groups.values()))[0]
    without = {source: package for source in every if (package := missing_package(source))}
    shown = [source for source in every if source in running or source in without]
    for source in spec.get("paper", {}).get("variants", {}):
        if source not in every:
            raise unknown_name("source", source, every, f"experiment '{name}', paper.variants")
    factors = {
        factor: [source for source in sources if source in shown]
        for factor, sources in spec.get("factors", {"": every}).items()
    }
    for sources in spec.get("factors", {}).values():
        _require_difference(plan, name, [source for source in sources if source in running], first)
    return {
        "kind": "fidelity",
        "layout": spec["kind"],
        "groups": {
            group: [{"name": plan.run_name(n), "paper_name": n} for n in names]
            for group, names in groups.items()
        },
        "sources": {source: source_title(source, first, plan.preset) for source in shown},
        "factors": {factor: sources for factor, sources in factors.items() if sources},
        "files": files(plan, name),
        "not_installed": without,
        "paper": spec.get("paper"),
    }


def _require_difference(plan: Plan, name: str, sources: list[str], dataset: str) -> None:
    """Check that a preset does not scale the difference between two sources away."""
    seen: dict[str, str] = {}
    for source in sources:
        settings = source_settings(source, dataset, plan.preset)
        key = repr((sorted(settings.items(), key=str), plan.samples(source)))
        if key in seen:
            raise SyntherError(
                f"'{seen[key]}' and '{source}' of experiment '{name}' are the same at preset "
                f"'{plan.preset}': give one of them its own settings in the preset's per_source, "
                "or leave it out"
            )
        seen[key] = source
