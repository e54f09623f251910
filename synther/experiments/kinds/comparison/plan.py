"""What a comparison runs and shows."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from synther.config.specs import agent_settings
from synther.errors import unknown_name
from synther.experiments import kinds
from synther.experiments.kinds.spec import Spec


@dataclass(frozen=True, kw_only=True)
class TableSpec(Spec):
    """A comparison of sources and agents: a row a dataset, a column an agent and source.

    Attributes:
        larger: slug of an agent -> slug of the same with larger networks, to set beside.
        evaluations: how many of the last ones are averaged in a table of their own, if several.
    """

    larger: dict[str, str] = dataclasses.field(default_factory=dict)
    evaluations: int = 1


class Plan(kinds.Plan):
    """An experiment of this kind."""

    shows = TableSpec
    is_summarised = True

    def described(self) -> dict[str, Any]:
        """Return the fields of the description, the pairs of agents among them."""
        larger = self.spec.get("scaling", {}).get("pairs", {})
        for pair in larger.items():
            for agent in pair:
                if agent not in self.agents():
                    where = f"experiment '{self.name}', scaling.pairs"
                    raise unknown_name("agent", agent, self.agents(), where)
            for name in self.datasets():
                of = {agent: agent_settings(agent, name, self.preset) for agent in pair}
                self.require_difference("agent", of)
        return super().described() | {"larger": larger}
