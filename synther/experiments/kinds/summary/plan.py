"""What a summary over datasets is of, and shows; it needs no runs of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from synther.errors import NotRunError, SyntherError, unknown_name
from synther.experiments import kinds
from synther.experiments.kinds.spec import DatasetRow, Spec


@dataclass(frozen=True, kw_only=True)
class SummarySpec(Spec):
    """Agents on several sources, summarised over the datasets of each group, and over all."""

    layouts: ClassVar[tuple[str, ...]] = ("aggregates", "profiles", "curves")


class Plan(kinds.Plan):
    """An experiment of this kind: `of` names those whose runs it summarises."""

    shows = SummarySpec
    requires = ("layout", "of", "sources")

    def parts(self) -> dict[str, kinds.Plan]:
        """Return the experiments that it is of, those excepted that the preset leaves out.

        Raises:
            SyntherError: one is unknown or can't be summarised, or lacks a source.
            NotRunError: the preset leaves all of them out.
        """
        parts = {other: self.matrix.plan(other) for other in self.spec["of"]}
        for other, plan in parts.items():
            if not plan.is_summarised:
                able = [kind for kind in kinds.names() if kinds.plan_of(kind).is_summarised]
                raise SyntherError(
                    f"experiment '{self.name}' is of '{other}', whose kind is "
                    f"{plan.spec['kind']}: it can summarise {' and '.join(able)} alone"
                )
            for source in self.spec["sources"]:
                if source not in plan.spec["sources"]:
                    where = f"'{other}', which experiment '{self.name}' summarises"
                    raise unknown_name("source", source, plan.spec["sources"], where)
        kept = {other: plan for other, plan in parts.items() if plan.is_run()}
        if not kept:
            raise NotRunError(
                f"preset '{self.preset}' leaves all out that experiment '{self.name}' is "
                f"of: add one of {', '.join(parts)} to the preset's `only`, or leave this one out "
                "too"
            )
        return kept

    def results(self) -> list[str]:
        """Return the paths of the rows that it summarises, each once."""
        runs = [run for plan in self.parts().values() for run in plan.runs()]
        wanted = self.spec["sources"]
        return list(dict.fromkeys(run.result for run in runs if run.source in wanted))

    def described(self) -> dict[str, Any]:
        """Return the fields of the description, which are those of what it summarises."""
        parts = self.parts()
        found: dict[str, Any] = {other: plan.describe() for other, plan in parts.items()}
        groups: dict[str, dict[str, DatasetRow]] = {}
        for part in found.values():
            for group, rows in part.groups.items():
                groups.setdefault(group, {}).update({row.name: row for row in rows})
        titles = next(iter(found.values())).sources
        words = [part.physics for part in found.values()]
        return self.heading() | {
            "budget": ". ".join(f"{other}: {part.budget}" for other, part in found.items()),
            "agents": _agents(parts, found),
            "physics": "; ".join(dict.fromkeys("; ".join(words).split("; "))),
            "groups": {group: list(rows.values()) for group, rows in groups.items()},
            "sources": {source: titles[source] for source in self.spec["sources"]},
        }


def _agents(parts: Mapping[str, kinds.Plan], found: Mapping[str, Any]) -> dict[str, str]:
    """Return agent -> title; one that learns from something else is told from its namesake."""
    titles: dict[str, str] = {}
    for other, part in found.items():
        learns = parts[other].learns
        for agent, title in part.agents.items():
            is_taken = title in {t for a, t in titles.items() if a != agent}
            titles[agent] = f"{title} ({learns})" if is_taken and learns else title
    return titles
