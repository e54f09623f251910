"""What the simulator makes of a transition's own state and action."""

from dataclasses import dataclass

import numpy as np

from synther.envs import make_env
from synther.envs.batch import BatchedEnv
from synther.transitions import Transitions

CHUNK = 4096


@dataclass(frozen=True)
class Simulated:
    """The true outcome of transitions, and which of them have one.

    Attributes:
        next_observations: (N, d) float64; NaN where not valid.
        rewards: (N,) float64; likewise.
        valid: (N,) booleans.
        left_out: how many rows have none because their terminal is 1 ("terminal"), their
            observation does not determine the state ("undetermined"), or the simulator gave up on
            them ("diverged").
    """

    next_observations: np.ndarray
    rewards: np.ndarray
    valid: np.ndarray
    left_out: dict[str, int]


def simulate(
    task: str, transitions: Transitions, physics: str = "d4rl", threads: int = 1
) -> Simulated | None:
    """Step the simulator once from every transition's state with its action.

    Rows with terminal 1 are left out: D4RL's reader gives them the next episode's first state as
    next observation. So are rows with a velocity at the clip of the observation.

    Args:
        task: a name of `synther.envs.simulators()`.
        transitions: N of them, of the task's widths.
        physics: "d4rl" or "stock".
        threads: MuJoCo's.

    Returns:
        None where observations do not determine what follows (AntMaze: its goal), or where the
        simulator can't be put into a state (DeepMind Control).
    """
    n = len(transitions)
    size = min(CHUNK, n)
    env = make_env(task, size, physics, threads)
    if not isinstance(env, BatchedEnv):
        return None
    inverse = env.task.state(transitions.observations)
    if inverse is None:
        return None
    qpos, qvel, determined = inverse
    ended = transitions.terminals > 0.5
    valid = determined & ~ended
    following = np.full(transitions.observations.shape, np.nan)
    rewards = np.full(n, np.nan)
    rows = np.flatnonzero(valid)
    for first in range(0, len(rows), size):
        part = rows[first : first + size]
        filled = np.resize(part, size)  # the last chunk is filled up with rows it has already
        env.set_state(qpos[filled], qvel[filled])
        observations, gained, _, _ = env.step(transitions.actions[filled])
        kept = ~env.diverged[: len(part)] & np.isfinite(observations[: len(part)]).all(axis=1)
        valid[part] = kept
        following[part[kept]] = observations[: len(part)][kept]
        rewards[part[kept]] = gained[: len(part)][kept]
    left_out = {
        "terminal": int(ended.sum()),
        "undetermined": int((~determined & ~ended).sum()),
        "diverged": len(rows) - int(valid.sum()),
    }
    return Simulated(following, rewards, valid, left_out)


def mean_squared_errors(
    transitions: Transitions, simulated: Simulated, real: Transitions
) -> tuple[np.ndarray, np.ndarray]:
    """Return each row's mean squared error of (r, s') against the simulator: two of (N,).

    The first is in the task's units; in the second every entry is in standard deviations of `real`.
    """
    states = transitions.next_observations - simulated.next_observations
    errors = np.concatenate([states, (transitions.rewards - simulated.rewards)[:, None]], axis=1)
    columns = (real.next_observations, real.rewards[:, None])
    spread = np.concatenate([column.std(axis=0, dtype=np.float64) for column in columns])
    scaled = errors / np.where(spread > 0, spread, 1.0)
    return np.square(errors).mean(axis=1), np.square(scaled).mean(axis=1)
