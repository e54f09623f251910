"""D4RL's levels: which policies make one, and in which order their returns must be.

random: uniformly random actions. expert: the best policy. medium: the policy that is named so
(D4RL's own, `synther policies`), or else that whose return is nearest to a third of the best one's.
medium-replay: all policies up to the medium one, equal shares in the order of training (D4RL took
the replay buffer of the run itself; docs/deviations.md); one that is named medium comes after the
stages before the first that does as well. full-replay: likewise, of all stages. medium-expert: half
medium, half expert.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from synther.config.specs import task_spec
from synther.datasets.policies import (
    MEDIUM,
    PACKAGED,
    Policy,
    load_policies,
    policy_files,
    recorded_returns,
)
from synther.envs import make_env
from synther.errors import SyntherError, unknown_name
from synther.jobs import provenance
from synther.jobs.files import describe_input

POLICY_LEVELS = ("random", "medium", "medium-replay", "full-replay", "medium-expert", "expert")
LEVELS = (*POLICY_LEVELS, "waypoint", "navigate")
MEASURED_EPISODES = 10
"""Episodes that measure a policy whose return is not recorded."""


def choose_policies(
    level: str, policies: Sequence[Policy], returns: Mapping[str, float]
) -> list[Policy | None]:
    """Return the policies that make a level, an equal share of its rows each; None is random.

    `policies` are in the order of training, and `returns` their mean returns.
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
    made_by: dict[str, Sequence[Policy]] = {
        "medium": [medium],
        "medium-replay": up_to_medium,
        "full-replay": stages,
        "medium-expert": [medium, best],
        "expert": [best],
    }
    return list(made_by[level])


@dataclass(frozen=True)
class Recipe:
    """Who collects a level: policies (None is random) with their shares of the rows, in turn."""

    shares: list[tuple[Policy | None, int]]
    known: list[Policy]
    """All policies of the task, in the order of training."""
    about: dict[str, Any]
    """What files say of it: names of the policies, and their mean returns."""
    inputs: dict[str, Any]
    """What checkpoints say of it: the policies' files, and the version."""


def recipe(
    task: str,
    level: str,
    rows: int,
    folder: str | Path | None,
    physics: str = "d4rl",
) -> Recipe:
    """Return who collects how many of a level's rows; every policy has an equal share.

    Args:
        folder: of behaviour policies; the package's own by default.
        physics: that policies are measured in of which no return is recorded.

    Raises:
        SyntherError: there are no such policies, or the level would be out of order.
    """
    place = Path(folder or PACKAGED)
    files, known, returns = list[Path](), list[Policy](), dict[str, float]()
    if level != "random":
        env = make_env(task, 1, physics)
        files = policy_files(place, task)
        known = load_policies(place, task, env.observation_dim, env.action_dim)
        returns = recorded_returns(place, task)
        if missing := [policy for policy in known if policy.name not in returns]:
            returns |= mean_returns(missing, task, physics)
    chosen = choose_policies(level, known, returns)
    if not level.endswith("replay"):  # whose first stages may well be worse
        require_above_random(task, level, {p.name: returns[p.name] for p in chosen if p})
    shares = np.diff(np.linspace(0, rows, len(chosen) + 1).round().astype(int))
    names = [policy.name if policy else "random" for policy in chosen]
    about = {
        "behaviour_policies": ",".join(names),
        "behaviour_returns": ",".join(f"{returns.get(name, float('nan')):.1f}" for name in names),
    }
    read = {"policies": [describe_input(path) for path in files], "version": provenance.version()}
    return Recipe(list(zip(chosen, shares.tolist(), strict=True)), known, about, read)


def mean_returns(policies: Sequence[Policy], task: str, physics: str) -> dict[str, float]:
    """Return every policy's mean return, of some episodes that it is rolled out for."""
    env, returns = make_env(task, MEASURED_EPISODES, physics), {}
    for policy in policies:
        generator, observations = np.random.default_rng(0), env.reset(0)
        live, totals = np.ones(env.num_envs, dtype=bool), np.zeros(env.num_envs)
        while live.any():
            actions, _ = policy.sample(observations, generator)
            observations, rewards, terminated, truncated = env.step(actions, active=live)
            totals += rewards
            live &= ~(terminated | truncated)
        returns[policy.name] = float(totals.mean())
    return returns


def require_above_random(task: str, level: str, returns: Mapping[str, float]) -> None:
    """Refuse mean returns, by what has them, below that of uniformly random actions.

    That is the task's `reference_min` in config/datasets.yaml; of level random all are taken.

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
