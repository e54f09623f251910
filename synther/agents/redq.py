"""REDQ, randomised ensembled double Q-learning (Chen et al. 2021, arXiv 2101.05982)."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from synther.agents.sac import SAC, SACSettings
from synther.config.settings import require


@dataclass(frozen=True)
class REDQSettings(SACSettings):
    """REDQ's settings."""

    updates_per_step: int = 20
    num_critics: int = 10
    """Q-functions (N there)."""
    target_subset: int = 2
    """How many of the targets, drawn anew at every update, the minimum is over (M there)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        most = self.num_critics
        require(self, "from 1 to num_critics", lambda v: 1 <= v <= most, "target_subset")


class REDQ(SAC):
    """K REDQ agents: SAC with an ensemble, whose targets are the minimum over a random subset."""

    Settings = REDQSettings
    title = "REDQ"
    settings: REDQSettings

    def noise(self) -> dict[str, tuple[int, ...]]:
        """SAC's noise, and a number a critic: the subset is of those with the highest."""
        return {**super().noise(), "subset": (self.settings.num_critics,)}

    def next_q(self, states: Tensor, actions: Tensor, noise: Mapping[str, Tensor]) -> Tensor:
        """Return the least Q(s', a') (K, B) of a random subset of the targets (algorithm 1, l. 7).

        One subset serves all of a minibatch.
        """
        chosen = noise["subset"].topk(self.settings.target_subset, dim=-1).indices
        return self.target_critics.some(states, actions, chosen).amin(dim=1)
