"""Where the page of a preset lies, and which files it is made from."""

from __future__ import annotations

from collections.abc import Iterable

from synther.config.specs import agent_spec, source_spec
from synther.experiments.matrix import Experiments
from synther.experiments.runs import ONLINE


def path(matrix: Experiments) -> str:
    """Return the path of a preset's page, beside its tables and figures."""
    return f"{matrix.figure('report')}.html"


def sheets(matrix: Experiments) -> dict[str, str]:
    """Return experiment -> the file of its sheet, of all that the preset runs anything of."""
    return {name: f"{matrix.figure(name)}.json" for name in matrix.made()}


def titles(matrix: Experiments) -> dict[str, dict[str, str]]:
    """Return "agents" and "sources" -> slug -> title, of all that the preset runs."""
    found: dict[str, dict[str, str]] = {"agents": {}, "sources": {}}
    for name in matrix.made():
        for run in matrix.plan(name).runs():
            found["agents"][run.agent] = agent_spec(run.agent)["title"]
            is_online = run.source == ONLINE
            title = ONLINE if is_online else source_spec(run.source)["title"]
            found["sources"][run.source] = title
    return found


def results(matrix: Experiments, names: Iterable[str]) -> list[str]:
    """Return the paths of the agents' rows of some experiments, each once."""
    return list(dict.fromkeys(file for name in names for file in matrix.results(name)))


def records(matrix: Experiments, names: Iterable[str]) -> list[str]:
    """Return the paths of everything else that their figures are made from, each once."""
    made = {file for name in names for file in matrix.inputs(name)}
    return sorted(made - set(results(matrix, names)))
