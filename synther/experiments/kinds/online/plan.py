"""What the figure of agents that learn in their environment runs and shows."""

import dataclasses
import itertools
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, ClassVar

from synther.config.specs import online_settings
from synther.experiments import budget, kinds
from synther.experiments.kinds.spec import Spec
from synther.experiments.runs import ONLINE


@dataclass(frozen=True, kw_only=True)
class OnlineSpec(Spec):
    """Agents that learn in their environment.

    Attributes:
        ratios: agent -> updates an environment step, where these are swept: the axis of final
            returns, in place of steps.
        reference: the agents that are then drawn as level lines.
        records: of the runs, whose samples' drift layout "drift" draws too.
    """

    layouts: ClassVar[Collection[str]] = ("", "drift")

    ratios: dict[str, int] = dataclasses.field(default_factory=dict)
    reference: list[str] = dataclasses.field(default_factory=list)
    records: list[str] = dataclasses.field(default_factory=list)

    @property
    def series(self) -> dict[str, str]:
        """Key -> name of every line; what is swept is one, by its agents' name without a ratio."""
        if not self.ratios:
            return self.agents
        swept = min((self.agents[agent] for agent in self.ratios), key=len)
        return {swept: swept}


class Plan(kinds.Plan):
    """An experiment of this kind."""

    requires = ("tasks", "agents")
    shows: ClassVar[type[Spec]] = OnlineSpec
    learns = "online"
    settings = staticmethod(online_settings)

    def files(self) -> list[str]:
        """Return the paths of the records that drift is read from."""
        return [run.record for run in self.runs()] if self.spec.get("layout") == "drift" else []

    def described(self) -> dict[str, Any]:
        """Return the fields of the description, the records among them."""
        return super().described() | {"records": self.files()}

    def physics(self) -> str:
        """Say in words how true the simulators are."""
        return "that of Gym's -v2 tasks on mujoco-py, to rounding; dm_control's own (dmc-)"

    def spends(self) -> list[str]:
        """Return in words what the experiment spends on each task."""
        runs = itertools.product(self.agents(), self.datasets())
        each = [online_settings(*run, self.preset) for run in runs]
        parts = [
            f"{self.seeds(ONLINE)} seeds",
            f"{budget.listed(settings['steps'] for settings in each)} environment steps",
        ]
        for settings in [s for s in each if s["synthetic_share"] > 0][:1]:
            diffusion = settings["diffusion"]
            parts.append(
                f"diffusion: width {diffusion['width']:,}, {diffusion['steps']:,} steps and "
                f"{settings['synthetic_samples']:,} samples every "
                f"{settings['retrain_every']:,} steps"
            )
        return parts
