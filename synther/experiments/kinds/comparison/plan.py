"""What a comparison runs and shows."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any, ClassVar

from synther.config.specs import agent_settings, agent_spec, source_spec
from synther.errors import SyntherError
from synther.experiments import budget, kinds
from synther.experiments.kinds.spec import DatasetRow, PaperColumns, Spec


@dataclass(frozen=True)
class Scaling:
    """Agents beside their larger versions, and what the paper claims of these.

    Attributes:
        pairs: slug of an agent -> slug of the same with larger networks.
        claim: which of the paper's claims to print beside (its `dataset` in the paper's numbers).
        claim_source: the source that the claim is about, if not the first beside the baseline.
        claim_percent: what the claim is expected to say; a file that says otherwise is an error.
        claim_status: the status that it is expected to have there; likewise.
        group: the table's group to average over, if not all datasets.
    """

    pairs: dict[str, str]
    claim: str = "AVERAGE (scaled network)"
    claim_source: str = ""
    claim_percent: float | None = None
    claim_status: str = ""
    group: str = ""


@dataclass(frozen=True, kw_only=True)
class TableSpec(Spec):
    """A comparison of sources and agents: a row a dataset, a column an agent and source.

    Attributes:
        groups: group -> rows, in order; each group has an average row.
        sources: slug -> name to print, in order.
        paper: published numbers to print beside, if any.
        baseline: the source that others are compared with, if not the first.
        scaling: agents to set beside their larger versions, if any.
    """

    kind: ClassVar[str] = "comparison"

    groups: dict[str, list[DatasetRow]]
    sources: dict[str, str]
    paper: PaperColumns | None = None
    baseline: str = ""
    scaling: Scaling | None = None

    def __post_init__(self) -> None:
        """Check what no table can do without."""
        self.require("groups", "agents", "sources")
        self.require_known("baseline", self.baseline, self.sources)
        if self.scaling:
            for small, large in self.scaling.pairs.items():
                self.require_known("agent of a pair", small, self.agents)
                self.require_known("agent of a pair", large, self.agents)
            self.require_known("source of a claim", self.scaling.claim_source, self.sources)
            self.require_known("group", self.scaling.group, self.groups)

    @property
    def baseline_source(self) -> str:
        """Slug of the source over which the probability of improvement is."""
        return self.baseline or next(iter(self.sources))

    @property
    def rows(self) -> list[DatasetRow]:
        """The dataset rows of all groups, in order."""
        return [row for rows in self.groups.values() for row in rows]


def physics_of(datasets: Any) -> str:
    """Say in words how true the simulators are that datasets are judged in."""
    words = "that of D4RL's recordings, to rounding"
    if any(row.paper_name.startswith("antmaze-") for row in datasets):
        return f"{words}; AntMaze's to 1e-5 a step"
    return words


class Plan(kinds.Plan):
    """An experiment of this kind."""

    requires = ("datasets", "agents", "sources")
    is_summarised = True

    def describe(self) -> TableSpec:
        """Return what the table shows."""
        spec, groups = self.spec, self.groups()
        self.check_paper()
        for small, large in spec.get("scaling", {}).get("pairs", {}).items():
            self._require_difference(small, large)
        paper, scaling = spec.get("paper"), spec.get("scaling")
        return TableSpec(
            **self.heading(),
            budget=budget.describe(self.matrix, self.name),
            agents={agent: agent_spec(agent)["title"] for agent in self.matrix.agents(self.name)},
            physics=physics_of(itertools.chain.from_iterable(groups.values())),
            groups=groups,
            sources={s: source_spec(s)["title"] for s in self.matrix.sources(self.name)},
            paper=PaperColumns(**paper) if paper else None,
            scaling=Scaling(**scaling) if scaling else None,
        )

    def _require_difference(self, small: str, large: str) -> None:
        """Check that the preset does not scale the difference of two agents away."""
        preset = self.matrix.preset
        for dataset in itertools.chain.from_iterable(self.matrix.datasets(self.name).values()):
            sides = [agent_settings(agent, dataset, preset) for agent in (small, large)]
            if sides[0] == sides[1]:
                raise SyntherError(
                    f"'{small}' and '{large}' of experiment '{self.name}' are the same at preset "
                    f"'{preset}': give one of them its own settings in the preset's per_agent"
                )
