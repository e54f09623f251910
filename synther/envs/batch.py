"""A batch of MuJoCo environments that are stepped together, in C, on all cores they are given."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

import mujoco
import mujoco.rollout
import numpy as np

from synther.envs.physics import COMPILERS
from synther.envs.vector import ResumableEnv
from synther.errors import SyntherError, unknown_name
from synther.jobs.threads import cores


class States(NamedTuple):
    """States of a batch: positions (N, nq), velocities (N, nv) and goals (N, g), float64."""

    qpos: np.ndarray
    qvel: np.ndarray
    goals: np.ndarray


class Task(ABC):
    """What makes a MuJoCo model a task: observation, reward, termination and reset.

    All methods work on a whole batch; `qpos` is (N, nq), `qvel` (N, nv), float64.
    """

    frame_skip: int
    time_limit: int

    @abstractmethod
    def spec(self) -> mujoco.MjSpec:
        """Return the model, not yet compiled."""

    def compile(self, physics: str) -> mujoco.MjModel:
        """Return the model, compiled for one of `COMPILERS`' physics."""
        return COMPILERS[physics](self.spec())

    def prepare(self, qpos: np.ndarray, qvel: np.ndarray) -> None:  # noqa: B027
        """Change states in place before they are stepped; not at all by default."""

    def draw_goal(self, generator: np.random.Generator) -> np.ndarray:
        """Draw an episode's goal (g,), after its start; of width 0 where a task has none."""
        return np.zeros(0)

    def observe(self, qpos: np.ndarray, qvel: np.ndarray) -> np.ndarray:
        """Return observations (N, d): positions and velocities by default."""
        return np.concatenate([qpos, qvel], axis=1)

    def state(self, observations: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        """Invert `observe` as far as a step depends on it, for observations (N, d).

        Returns:
            qpos (N, nq), qvel (N, nv), and booleans (N,): the observation determines the state.
            None where no observation of the task determines next observation and reward.
        """
        return None

    @abstractmethod
    def reward(self, before: np.ndarray, actions: np.ndarray, after: States) -> np.ndarray:
        """Return rewards (N,) for a step from positions `before` (N, nq)."""

    def terminated(self, states: States) -> np.ndarray:
        """Return booleans (N,): the step led to a terminal state; never by default."""
        return np.zeros(len(states.qpos), dtype=bool)

    @abstractmethod
    def initial_state(
        self, generator: np.random.Generator, qpos: np.ndarray, qvel: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw one start (nq,), (nv,) around the model's own `qpos`, `qvel`."""


class BatchedEnv(ResumableEnv):
    """`num_envs` independent copies of a task, stepped together.

    The physics starts every step without the solver's warm start, so the next state depends on
    (qpos, qvel) and the action alone, and an environment can be resumed exactly from them.

    Args:
        physics, threads: as `make_env` takes them.

    Attributes:
        goals: the episodes' goals (N, g), drawn at every reset; g = 0 for most tasks.
    """

    def __init__(
        self, task: Task, num_envs: int, physics: str = "d4rl", threads: int | None = None
    ) -> None:
        if physics not in COMPILERS:
            raise unknown_name("physics", physics, COMPILERS)
        super().__init__(num_envs)
        self.task, self.physics, self.time_limit = task, physics, task.time_limit
        self.model = task.compile(physics)
        self.threads = threads or cores()
        self._data = [mujoco.MjData(self.model) for _ in range(self.threads)]
        # rollout() wants no pool for one thread: 0 runs it in the caller's.
        self._rollout = mujoco.rollout.Rollout(nthread=self.threads if self.threads > 1 else 0)
        nq, nv = self.model.nq, self.model.nv
        self._nstate = mujoco.mj_stateSize(self.model, mujoco.mjtState.mjSTATE_FULLPHYSICS)
        self._qpos, self._qvel = slice(1, 1 + nq), slice(1 + nq, 1 + nq + nv)
        self._states = np.zeros((num_envs, self._nstate))
        self.goals = np.tile(task.draw_goal(np.random.default_rng(0)), (num_envs, 1))
        self._start = (self._data[0].qpos.copy(), self._data[0].qvel.copy())
        self.action_dim = int(self.model.nu)
        starts = np.tile(self._start[0], (num_envs, 1))
        self.observation_dim = self.set_state(starts, np.zeros((num_envs, nv))).shape[1]

    @property
    def qpos(self) -> np.ndarray:
        """Positions (N, nq) of all environments: a view."""
        return self._states[:, self._qpos]

    @property
    def qvel(self) -> np.ndarray:
        """Velocities (N, nv) of all environments: a view."""
        return self._states[:, self._qvel]

    def observations(self) -> np.ndarray:
        """Return the present observations (N, d), float64."""
        return self.task.observe(self.qpos, self.qvel)

    def _begin(self, rows: np.ndarray, seeds: Sequence[int]) -> None:
        for row, seed in zip(rows, seeds, strict=True):
            generator = np.random.default_rng(seed)
            self.qpos[row], self.qvel[row] = self.task.initial_state(generator, *self._start)
            self.goals[row] = self.task.draw_goal(generator)
            self._states[row, 0] = 0.0

    def set_state(self, qpos: np.ndarray, qvel: np.ndarray) -> np.ndarray:
        """Put all environments into states (N, nq), (N, nv); return observations (N, d).

        The time limit counts from here; goals stay.
        """
        for name, given, wanted in (("qpos", qpos, self.qpos), ("qvel", qvel, self.qvel)):
            if np.shape(given) != wanted.shape:
                raise SyntherError(f"{name} has shape {np.shape(given)}, expected {wanted.shape}")
        self._states[:] = 0.0
        self.qpos[:], self.qvel[:] = qpos, qvel
        self.elapsed[:] = 0
        return self.observations()

    def _advance(self, rows: Any, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        taken, before = actions[rows], self._states[rows]
        places = self.qpos[rows].copy()
        controls = np.repeat(taken[:, None, :], self.task.frame_skip, axis=1)
        self.task.prepare(before[:, self._qpos], before[:, self._qvel])
        clock = before[:, 0] + self.task.frame_skip * self.model.opt.timestep / 2
        # Its checks, and what it makes of other shapes, would cost as much as a step of 16.
        states = np.empty((*controls.shape[:2], self._nstate))
        self._rollout.rollout(
            [self.model] * len(before),
            self._data,
            before,
            controls,
            nstep=self.task.frame_skip,
            state=states,
            skip_checks=True,
        )
        self._states[rows] = states[:, -1]
        # MuJoCo puts a state that it cannot step back to the start, and its clock too; an action
        # that is NaN it takes for 0. Neither may pass for what an agent did.
        whole = np.isfinite(states[:, -1]).all(axis=1) & np.isfinite(taken).all(axis=1)
        self.diverged[rows] = ~(whole & (states[:, -1, 0] > clock))
        after = States(self.qpos[rows], self.qvel[rows], self.goals[rows])
        return self.task.reward(places, taken, after), self.task.terminated(after)

    def snapshot(self) -> dict[str, np.ndarray]:
        """Return what `restore` needs to go on exactly from here."""
        return {
            "states": self._states.copy(),
            "goals": self.goals.copy(),
            "elapsed": self.elapsed.copy(),
        }

    def restore(self, snapshot: dict[str, np.ndarray]) -> np.ndarray:
        """Go back to a `snapshot`; return observations (N, d)."""
        self._states[:], self.elapsed[:] = snapshot["states"], snapshot["elapsed"]
        self.goals[:] = snapshot["goals"]
        return self.observations()
