"""Where the page of a preset lies, and which files it is made from.

A part of what `synther.experiments` is asked for by the rules and the command line.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from synther.experiments.matrix import Experiments

SHOWN = (".csv", ".md", ".png")
"""The formats of tables and figures that the page takes in."""


def path(plan: Experiments) -> str:
    """Return the path of a preset's page, beside its tables and figures."""
    return plan.figures("report")[0].removesuffix(".pdf") + ".html"


def tables(plan: Experiments) -> dict[str, dict[str, Any]]:
    """Return experiment -> its description, of all that the preset runs anything of."""
    return {name: plan.table(name) for name in plan.made()}


def figures(plan: Experiments, names: Iterable[str]) -> dict[str, list[str]]:
    """Return experiment -> the files of its table or figure that the page takes in."""
    return {name: [f for f in plan.figures(name) if f.endswith(SHOWN)] for name in names}


def inputs(plan: Experiments) -> list[str]:
    """Return all files that a whole page is made from: every table and figure."""
    return [file for files in figures(plan, plan.made()).values() for file in files]


def results(plan: Experiments, names: Iterable[str]) -> list[str]:
    """Return the paths of the agents' rows of some experiments, each once."""
    return list(dict.fromkeys(file for name in names for file in plan.results(name)))


def records(plan: Experiments, names: Iterable[str]) -> list[str]:
    """Return the paths of everything else that their figures are made from, each once."""
    made = {file for name in names for file in plan.inputs(name)}
    return sorted(made - set(results(plan, names)))
