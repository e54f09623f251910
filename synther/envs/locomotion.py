"""Gym's -v2 locomotion tasks: Hopper, HalfCheetah, Walker2d.

Observations, rewards, termination and resets as in Gym's mujoco-py classes, which D4RL recorded.
The models' XML are those that Gymnasium ships for -v2 to -v4 (the -v5 files differ).
"""

import mujoco
import numpy as np

from synther.envs.batch import States, Task
from synther.envs.physics import gymnasium_assets


class Locomotion(Task):
    """What the three tasks share: a planar robot that is paid for moving along x."""

    asset: str
    frame_skip = 4
    control_cost, alive_bonus, reset_noise = 1e-3, 1.0, 0.005
    normal_velocities = False
    velocity_clip = 10.0

    def __init__(self) -> None:
        self._spec = mujoco.MjSpec.from_file(str(gymnasium_assets() / self.asset))
        self.dt = self._spec.option.timestep * self.frame_skip

    def spec(self) -> mujoco.MjSpec:
        """Return Gymnasium's model of the robot."""
        return self._spec

    def observe(self, qpos: np.ndarray, qvel: np.ndarray) -> np.ndarray:
        """Return positions without the root's x, and velocities within their clip."""
        clip = self.velocity_clip
        return np.concatenate([qpos[:, 1:], np.clip(qvel, -clip, clip)], axis=1)

    def state(self, observations: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the state with the root at x = 0, on which neither physics nor reward depends.

        A velocity at its clip says nothing of the true one: such rows are not determined.
        """
        observations = np.asarray(observations, dtype=np.float64)
        positions, velocities = np.split(observations, [observations.shape[1] // 2], axis=1)
        qpos = np.concatenate([np.zeros((len(observations), 1)), positions], axis=1)
        return qpos, velocities, (np.abs(velocities) < self.velocity_clip).all(axis=1)

    def reward(self, before: np.ndarray, actions: np.ndarray, after: States) -> np.ndarray:
        """Return the forward velocity plus the alive bonus minus the control cost."""
        forward = (after.qpos[:, 0] - before[:, 0]) / self.dt
        return forward + self.alive_bonus - self.control_cost * np.square(actions).sum(axis=1)

    def initial_state(
        self, generator: np.random.Generator, qpos: np.ndarray, qvel: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw positions uniformly within the reset noise, and velocities so or normally."""
        noise = self.reset_noise
        moved = qpos + generator.uniform(-noise, noise, qpos.shape)
        if self.normal_velocities:
            return moved, qvel + noise * generator.standard_normal(qvel.shape)
        return moved, qvel + generator.uniform(-noise, noise, qvel.shape)


class Hopper(Locomotion):
    """Hopper-v2: d = 11, a = 3; falls end the episode."""

    asset = "hopper.xml"

    def terminated(self, states: States) -> np.ndarray:
        """Return where height, angle or any other coordinate left the healthy range."""
        state = np.concatenate([states.qpos, states.qvel], axis=1)
        healthy = (
            np.isfinite(state).all(axis=1)
            & (np.abs(state[:, 2:]) < 100.0).all(axis=1)
            & (state[:, 1] > 0.7)
            & (np.abs(state[:, 2]) < 0.2)
        )
        return ~healthy


class Walker2d(Locomotion):
    """Walker2d-v2: d = 17, a = 6; falls end the episode."""

    asset = "walker2d.xml"

    def terminated(self, states: States) -> np.ndarray:
        """Return where height or angle left the healthy range."""
        height, angle = states.qpos[:, 1], states.qpos[:, 2]
        return ~((height > 0.8) & (height < 2.0) & (angle > -1.0) & (angle < 1.0))


class HalfCheetah(Locomotion):
    """HalfCheetah-v2: d = 17, a = 6; never terminates. Its velocities are not clipped."""

    asset, frame_skip = "half_cheetah.xml", 5
    control_cost, alive_bonus, reset_noise = 0.1, 0.0, 0.1
    normal_velocities, velocity_clip = True, np.inf
