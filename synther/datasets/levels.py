"""D4RL's levels: which policies make one, and in which order their returns must be.

random: uniformly random actions. expert: the best policy. medium: the policy that is named so
(D4RL's own, `synther policies`), or else that whose return is nearest to a third of the best one's.
medium-replay: all policies up to the medium one, equal shares in the order of training (D4RL took
the replay buffer of the run itself; docs/deviations.md); one that is named medium comes after the
stages before the first that does as well. full-replay: likewise, of all stages. medium-expert: half
medium, half expert.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

from synther.config.specs import task_spec
from synther.datasets.policies import MEDIUM, Policy
from synther.errors import SyntherError, unknown_name

POLICY_LEVELS = ("random", "medium", "medium-replay", "full-replay", "medium-expert", "expert")
LEVELS = (*POLICY_LEVELS, "waypoint", "navigate")


def choose_policies(
    level: str, policies: Sequence[Policy], returns: Mapping[str, float]
) -> list[Policy | None]:
    """Return the policies that make a level, an equal share of its rows each; None is random.

    Args:
        policies: in the order of training.
        returns: their mean returns.
    """
    if level not in POLICY_LEVELS:
        raise unknown_name("level", level, POLICY_LEVELS)
    if level == "random":
        return [None]
    named = [p for p in policies if p.name == MEDIUM]
    stages = [p for p in policies if p.name != MEDIUM] or named
    best = max(stages, key=lambda p: returns[p.name])
    if named and level.endswith("expert") and returns[best.name] < returns[MEDIUM]:
        raise SyntherError(
            f"level '{level}' would be out of order: the best policy, '{best.name}', has a mean "
            f"return of {returns[best.name]:.1f}, the medium one {returns[MEDIUM]:.1f}: choose "
            "--policies with those of a whole run, and see the returns.json beside them"
        )
    if named:
        medium = named[0]
        worse = itertools.takewhile(lambda p: returns[p.name] < returns[MEDIUM], stages)
        up_to_medium = [*worse, medium]
    else:
        third = returns[best.name] / 3.0
        medium = min(stages, key=lambda p: abs(returns[p.name] - third))
        up_to_medium = stages[: stages.index(medium) + 1]
    if level.endswith(("-replay", "-expert")) and medium is best:
        raise SyntherError(
            f"level '{level}' needs policies of several stages; only '{best.name}' fits: "
            "choose --policies with snapshots of a whole training run"
        )
    if level == "medium-replay":
        return list(up_to_medium)
    if level == "full-replay":
        return list(stages)
    single: dict[str, list[Policy | None]] = {
        "medium": [medium],
        "expert": [best],
        "medium-expert": [medium, best],
    }
    return single[level]


def require_above_random(task: str, level: str, returns: Mapping[str, float]) -> None:
    """Refuse mean returns below that of uniformly random actions, of a level that is more.

    Args:
        task: whose random return config/datasets.yaml has (`reference_min`).
        level: one of `POLICY_LEVELS`.
        returns: the mean returns, by what has them.

    Raises:
        SyntherError: one is below.
    """
    lowest = task_spec(task)["reference_min"]
    for name, value in returns.items():
        if level != "random" and value < lowest:
            raise SyntherError(
                f"level '{level}' of {task} would be out of order: {name} has a mean return of "
                f"{value:.1f}, uniformly random actions have {lowest:.1f}: the policies are not "
                "those of this task, or learned nothing; see --policies"
            )
