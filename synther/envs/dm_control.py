"""The DeepMind Control Suite's tasks (Tassa et al. 2018, arXiv 1801.00690), several at once.

Every environment is dm_control's own physics and task, stepped as `suite.load(...)` steps it, so
that states, observations and rewards are its to the last bit. What is added: observations in one
vector (the suite's order), actions in [-1, 1] mapped affinely to the actuators' range, a seed an
episode, and snapshots.
"""

import logging
import warnings
from collections.abc import Sequence
from typing import Any

import mujoco
import numpy as np

from synther.envs.vector import ResumableEnv
from synther.errors import SyntherError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # without a display it says so, for windows that nobody opens
    from dm_control import suite
    from dm_control.rl import control

STATE = mujoco.mjtState.mjSTATE_INTEGRATION
"""Everything that a step depends on, the solver's warm start included."""


def _load(domain: str, task: str) -> Any:
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)  # its models use a deprecated attribute, and say so each time
    try:
        return suite.load(domain, task, environment_kwargs={"flat_observation": True})
    finally:
        logger.setLevel(level)


class DMControl(ResumableEnv):
    """`num_envs` environments of one task of the suite, of 1000 steps an episode.

    Args:
        domain, task: of the suite, such as "cheetah" and "run".
        action_repeat: steps of the suite that an action is held for; a step here is so many, its
            reward their sum, and an episode has as many fewer.
    """

    physics = "dm_control"

    def __init__(self, domain: str, task: str, num_envs: int, action_repeat: int = 1) -> None:
        super().__init__(num_envs)
        self._repeat, self.name = action_repeat, f"{domain}-{task}"
        self._envs = [_load(domain, task) for _ in range(num_envs)]
        first = self._envs[0]
        self._substeps = round(first.control_timestep() / first.physics.timestep())
        self.time_limit = 1000 // action_repeat
        actions = first.action_spec()
        self._low, self._high = actions.minimum, actions.maximum
        self.action_dim = int(actions.shape[0])
        self._observations = np.stack(
            [env.reset().observation["observations"] for env in self._envs]
        )
        self.observation_dim = self._observations.shape[1]

    def _begin(self, rows: np.ndarray, seeds: Sequence[int]) -> None:
        for row, seed in zip(rows, seeds, strict=True):
            env = self._envs[row]
            env.task.random.seed(np.random.SeedSequence(seed).generate_state(4))
            self._observations[row] = env.reset().observation["observations"]

    def _advance(self, rows: Any, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        shares = (np.clip(actions, -1.0, 1.0) + 1.0) / 2.0
        controls = self._low + shares * (self._high - self._low)
        rewards, terminated = np.zeros(self.num_envs), np.zeros(self.num_envs, dtype=bool)
        for row in np.arange(self.num_envs)[rows]:
            # As `control.Environment.step`, which would start a new episode behind our back
            env = self._envs[row]
            try:
                for _ in range(self._repeat):
                    env.task.before_step(controls[row], env.physics)
                    env.physics.step(self._substeps)
                    env.task.after_step(env.physics)
                    rewards[row] += env.task.get_reward(env.physics)
            except control.PhysicsError as error:
                raise SyntherError(
                    f"the simulation of {self.name} diverged ({error}): look for actions that are "
                    "NaN, or lower the learning rate"
                ) from error
            self._observations[row] = control.flatten_observation(
                env.task.get_observation(env.physics)
            )["observations"]
            terminated[row] = env.task.get_termination(env.physics) == 0.0
        return rewards[rows], terminated[rows]

    def render(self, rows: np.ndarray, size: int, camera: int) -> np.ndarray:
        """Return what a camera sees of the environments at `rows`: (n, 3, size, size) uint8."""
        frames = [self._envs[row].physics.render(size, size, camera_id=camera) for row in rows]
        return np.stack(frames).transpose(0, 3, 1, 2)

    def snapshot(self) -> dict[str, np.ndarray]:
        """Return what `restore` needs to go on exactly from here."""
        return {
            "states": np.stack([env.physics.get_state(STATE) for env in self._envs]),
            # the reacher's target is a geom whose place is drawn with the episode
            "geoms": np.stack([env.physics.model.geom_pos.copy() for env in self._envs]),
            "observations": self._observations.copy(),
            "elapsed": self.elapsed.copy(),
        }

    def restore(self, snapshot: dict[str, np.ndarray]) -> np.ndarray:
        """Go back to a `snapshot`; return observations (N, d)."""
        for env, state, geoms in zip(
            self._envs, snapshot["states"], snapshot["geoms"], strict=True
        ):
            env.physics.model.geom_pos[:] = geoms
            env.physics.set_state(state, STATE)
            # What a step leaves computed; the sensors of forces lag, and so observations are kept
            mujoco.mj_step1(env.physics.model.ptr, env.physics.data.ptr)
        self._observations = np.array(snapshot["observations"])
        self.elapsed = np.array(snapshot["elapsed"])
        return self.observations()
