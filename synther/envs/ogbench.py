"""OGBench's environments (Park et al. 2024, arXiv 2410.20092), several at once.

Every environment is the package's own, reset and stepped by its own code, so that states and
successes are its to the last bit. What is added: a seed an episode, several environments on one
compiled model, goals beside observations, and snapshots.
"""

import copy
import re
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import gymnasium
import mujoco
import numpy as np

from synther.config.ogbench import PACKAGE, TASKS, is_goal_conditioned
from synther.envs.vector import ResumableEnv
from synther.errors import SyntherError
from synther.jobs.threads import cores

WRITTEN = ("dof_damping", "geom_pos", "site_pos")
"""What the package's environments change of their models, and physics or later code reads."""


def load(task: str, **options: Any) -> Any:
    """Return the package's environment of a task of config/datasets.yaml, without wrappers.

    No dataset is read. The options are the environment's own.

    Raises:
        SyntherError: the package is not installed.
    """
    # It wants the name of a dataset, whose level it then leaves aside.
    dataset = re.sub("-(singletask|v0)", r"-play-\1", task, count=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of displays and number types that nobody asked for
        try:
            import ogbench
        except ImportError as error:
            raise SyntherError(
                f"{task} is OGBench's, whose package can't be imported ({error}): pip install "
                f"{PACKAGE}"
            ) from error
        env = ogbench.make_env_and_datasets(
            dataset, env_only=True, disable_env_checker=True, **options
        ).unwrapped
        own: Any = type(env)
        if isinstance(getattr(own, "action_space", None), property):
            # It makes a space at every call, from which resets then draw what no seed decides
            env.__class__ = type(own.__name__, (own,), {"action_space": env.action_space})
    return env


def reset(env: Any, seed: int, **options: Any) -> tuple[np.ndarray, dict[str, Any]]:
    """Reset a package's environment so that all it draws depends on the seed alone.

    Its mazes draw from NumPy's global generator, too, which is left as it was.
    """
    words = [int(word) for word in np.random.SeedSequence(seed).generate_state(3)]
    state = np.random.get_state()  # noqa: NPY002
    try:
        np.random.seed(words[0])  # noqa: NPY002
        env.action_space.seed(words[1])
        return env.reset(seed=words[2], options=options)
    finally:
        np.random.set_state(state)  # noqa: NPY002


class _Share:
    """Environments of one thread, on one compiled model.

    A copy of the model for each would take tens of megabytes (its meshes): each keeps what it
    writes there, and lends it to the model while it is reset or stepped.
    """

    def __init__(self, first: Any, number: int) -> None:
        private = "_" if hasattr(first, "_model") else ""
        self.model = copy.copy(first.model)
        own = {f"{private}model": self.model}
        if hasattr(first, "_ik"):
            own["_ik"] = copy.deepcopy(first._ik)  # it computes in buffers of its own
        # object.__new__, because its __copy__ builds everything anew
        self.envs: list[Any] = [object.__new__(type(first)) for _ in range(number)]
        for twin in self.envs:
            data = {f"{private}data": mujoco.MjData(self.model)}
            twin.__dict__.update(first.__dict__ | own | data)
        self._kept = [self._written() for _ in range(number)]

    def _written(self) -> list[np.ndarray]:
        return [getattr(self.model, name).copy() for name in WRITTEN]

    def call(self, place: int, act: Any) -> Any:
        """Return what `act` returns of an environment, while the model is its own."""
        for name, value in zip(WRITTEN, self._kept[place], strict=True):
            getattr(self.model, name)[:] = value
        try:
            return act(self.envs[place])
        finally:
            self._kept[place] = self._written()


class OGBench(ResumableEnv):
    """`num_envs` environments of one task; an episode pays 1 in all if it solves it, else 0.

    That is what the benchmark measures; what agents learn from are the rewards of datasets. Of a
    task that shows its goal, observations are (state, goal), and environment n has goal n modulo 5.

    Args:
        task: ENVIRONMENT-v0 or ENVIRONMENT-singletask-taskN-v0, of config/datasets.yaml.
        threads: that step; all cores of this process by default.

    Raises:
        SyntherError: the package is not installed.
    """

    physics = PACKAGE

    def __init__(self, task: str, num_envs: int, threads: int | None = None) -> None:
        super().__init__(num_envs)
        first, self.threads = load(task), min(threads or cores(), num_envs)
        self.time_limit = int(gymnasium.spec(task).max_episode_steps or 0)
        self._shows_goal = is_goal_conditioned(task)
        observation, info = reset(first, 0)
        shares = [
            _Share(first, len(rows)) for rows in np.array_split(range(num_envs), self.threads)
        ]
        self._places = [(share, place) for share in shares for place in range(len(share.envs))]
        self._shares = np.repeat(np.arange(len(shares)), [len(share.envs) for share in shares])
        self._pool = ThreadPoolExecutor(self.threads) if self.threads > 1 else None
        shown = self._seen(observation, info["goal"])
        self.observation_dim, self.action_dim = len(shown), len(first.action_space.low)
        self._observations = np.tile(shown, (num_envs, 1))
        self._goals = np.tile(np.asarray(info["goal"]), (num_envs, 1))
        self._seeds = np.zeros(num_envs, dtype=np.uint64)
        self._actions = np.zeros((num_envs, 64, self.action_dim))  # of the episodes so far
        self.reset(0)

    def _seen(self, observation: np.ndarray, goal: np.ndarray) -> np.ndarray:
        return np.concatenate([observation, goal]) if self._shows_goal else observation

    def _begin(self, rows: np.ndarray, seeds: Sequence[int]) -> None:
        for row, seed in zip(rows.tolist(), seeds, strict=True):
            share, place = self._places[row]
            task = {"task_id": row % TASKS + 1} if self._shows_goal else {}
            observation, info = share.call(place, lambda env, s=seed, t=task: reset(env, s, **t))
            self._goals[row], self._seeds[row] = info["goal"], seed
            self._observations[row] = self._seen(observation, info["goal"])

    def _advance(self, rows: Any, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rows, actions = np.arange(self.num_envs)[rows], np.clip(actions, -1.0, 1.0)
        rewards, terminated = np.zeros(self.num_envs), np.zeros(self.num_envs, dtype=bool)

        def advance(mine: np.ndarray) -> None:
            for row in mine:
                share, place = self._places[row]
                data = share.envs[place].data
                before = data.time
                observation, _, ended, _, info = share.call(
                    place, lambda env, a=actions[row]: env.step(a)
                )
                self._observations[row] = self._seen(observation, self._goals[row])
                rewards[row], terminated[row] = float(info["success"]), bool(ended)
                # MuJoCo puts a state that it cannot step back to the start, and its clock too.
                self.diverged[row] = not (data.time > before and np.isfinite(actions[row]).all())

        parts = [rows[self._shares[rows] == share] for share in range(self.threads)]
        list(self._pool.map(advance, parts) if self._pool else map(advance, parts))
        if self.elapsed[rows].max() == self._actions.shape[1]:
            self._actions = np.concatenate([self._actions, np.zeros_like(self._actions)], axis=1)
        self._actions[rows, self.elapsed[rows]] = actions[rows]
        return rewards[rows], terminated[rows]

    def snapshot(self) -> dict[str, np.ndarray]:
        """Return what `restore` needs to go on exactly from here: seeds and all actions since."""
        actions = self._actions[:, : self.elapsed.max()].copy()
        return {"seeds": self._seeds.copy(), "actions": actions, "elapsed": self.elapsed.copy()}

    def restore(self, snapshot: dict[str, np.ndarray]) -> np.ndarray:
        """Go back to a `snapshot`, step by step; return observations (N, d)."""
        self.reset(snapshot["seeds"])
        for step in range(snapshot["actions"].shape[1]):
            self.step(snapshot["actions"][:, step], active=snapshot["elapsed"] > step)
        return self.observations()
