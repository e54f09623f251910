"""Offline training: K seeds of one agent on one fixed set of transitions."""

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from synther.agents import load_agent_class
from synther.agents.base import Agent, Batch, OfflineSettings
from synther.agents.goals import GoalSettings
from synther.datasets.belonging import common_task
from synther.datasets.d4rl import load_transitions
from synther.envs import make_env
from synther.errors import SyntherError
from synther.generators import draw
from synther.training.evaluate import Episodes, Standardiser, evaluate
from synther.training.goals import GoalTable
from synther.training.job import TrainingJob
from synther.training.loop import UpdateLoop
from synther.training.replay import unpack
from synther.training.results import ResultRows, run
from synther.training.updates import learning_streams
from synther.transitions import Transitions


@dataclass(frozen=True, kw_only=True)
class OfflineJob(TrainingJob):
    """A job on a fixed set of transitions."""

    data: Path
    """Transitions to learn from (.npz or .hdf5); or the model that they are drawn from."""
    statistics_from: Path
    """The real dataset, whose state statistics are used even on synthetic data."""
    settings: OfflineSettings
    time_limit: int
    physics: str = "d4rl"
    samples: int = 0
    """Transitions that are drawn from a model, the rows that `synther sample` would write."""
    sample_seed: int = 0
    """Of that."""
    threshold_terminals: float | None = None
    own_next_observations: bool = False
    """How files are read: `synther.datasets.d4rl.load_transitions`."""


def state_statistics(transitions: Transitions) -> Standardiser:
    """Return the mean and std + 1e-3 of a dataset's observations (TD3+BC's normalisation)."""
    observations = transitions.observations.astype(np.float64)
    return Standardiser(observations.mean(axis=0), observations.std(axis=0) + 1e-3)


def return_range(transitions: Transitions, time_limit: int) -> tuple[float, float]:
    """Return the smallest and the largest return of a dataset, as reward scaling takes them.

    An episode ends at a terminal row or after `time_limit` rows. A dataset that went through
    `qlearning_dataset` has lost its time-out rows, so such a window of 1000 rows takes in the first
    row of the next episode, and so on; the released code counts in the same way. Rows after the
    last end are left out.

    Raises:
        SyntherError: no episode ends, or all returns are equal.
    """
    n = len(transitions)
    starts = np.concatenate([[0], np.flatnonzero(transitions.terminals > 0.5) + 1])
    stops = np.append(starts[1:], n)
    # Where windows meet: every start, and every time limit after it.
    windows = [np.arange(a, b + 1, time_limit) for a, b in zip(starts, stops, strict=True)]
    cuts = np.unique(np.concatenate(windows))
    totals = np.concatenate([[0.0], np.cumsum(transitions.rewards, dtype=np.float64)])
    found = np.diff(totals[cuts])
    if len(found) == 0 or found.max() == found.min():
        raise SyntherError(
            f"rewards can't be scaled by the range of returns: the real dataset of {n} transitions "
            f"holds {len(found)} whole episodes of different return; set scale_rewards to false"
        )
    return float(found.min()), float(found.max())


class TransitionTable:
    """All transitions in one tensor on the device, from which minibatches are gathered.

    Args:
        transitions: N of them.
        standardiser: applied to observations and next observations; None: they stay as they are.
        reward_shift: added to rewards.
        reward_scale: by which they are multiplied then.
    """

    def __init__(
        self,
        transitions: Transitions,
        standardiser: Standardiser | None = None,
        reward_shift: float = 0.0,
        device: str = "cpu",
        dtype: torch.dtype = torch.float32,
        reward_scale: float = 1.0,
    ) -> None:
        d, a = transitions.observation_dim, transitions.action_dim
        table = torch.as_tensor(transitions.packed(), dtype=dtype, device=device)
        if standardiser is not None:
            mean = torch.as_tensor(standardiser.mean, dtype=dtype, device=device)
            std = torch.as_tensor(standardiser.std, dtype=dtype, device=device)
            for columns in (slice(0, d), slice(d + a + 1, 2 * d + a + 1)):
                table[:, columns].sub_(mean).div_(std)
        table[:, d + a].add_(reward_shift).mul_(reward_scale)
        self._table, self._widths = table, (d, a)
        self._going_on = transitions.span.discount ** (transitions.span.n_step - 1)

    def __len__(self) -> int:
        return len(self._table)

    def gather(self, indices: Tensor) -> Batch:
        """Return minibatches for indices (K, B)."""
        rows = self._table.index_select(0, indices.reshape(-1)).view(*indices.shape, -1)
        return unpack(rows, *self._widths, self._going_on)


def learning_table(
    settings: OfflineSettings,
    data: Transitions,
    statistics: Transitions,
    time_limit: int,
    device: str = "cpu",
) -> tuple[TransitionTable | GoalTable, Standardiser]:
    """Return what an agent of these settings learns from, and what standardises its observations.

    Observations of agents that are told a goal are (state, goal), and are left as they are.

    Args:
        settings: the agent's, which say whether states and rewards are scaled.
        data: transitions to learn from.
        statistics: the real dataset, whose state statistics and returns count even on samples.
        time_limit: of the task, in steps.
        device: where the table lies.

    Raises:
        SyntherError: rows of n steps have another discount than the agent, or rewards are shifted,
            or scaled by rows of n steps.
    """
    span, own = data.span, getattr(settings, "discount", data.span.discount)  # BC has none
    scales = settings.scale_rewards and statistics.span.n_step > 1
    if span.n_step > 1 and (own != span.discount or settings.reward_shift or scales):
        raise SyntherError(
            f"rows of {span} for an agent of discount {own}: make them with that, set reward_shift "
            "to 0, and name the dataset itself in --statistics-from where rewards are scaled"
        )
    d = statistics.observation_dim
    if isinstance(settings, GoalSettings):
        table = GoalTable(settings, data, statistics.action_dim, device)
        return table, Standardiser(np.zeros(2 * d), np.ones(2 * d))
    standardiser = Standardiser(np.zeros(d), np.ones(d))
    if settings.normalise_states:
        standardiser = state_statistics(statistics)
    scale = 1.0
    if settings.scale_rewards:
        low, high = return_range(statistics, time_limit)
        scale = time_limit / (high - low)
    shift = settings.reward_shift
    return TransitionTable(data, standardiser, shift, device, reward_scale=scale), standardiser


class OfflineTrainer(UpdateLoop):
    """Agents on transitions, judged in the batched simulator.

    Args:
        job: what is trained.
        data: what it learns from.
        statistics: the real dataset, for the statistics of its states.
        overlap: whether to evaluate on the CPU while training goes on; by default on a GPU.
    """

    def __init__(
        self,
        job: OfflineJob,
        data: Transitions,
        statistics: Transitions,
        overlap: bool | None = None,
    ) -> None:
        settings = job.settings
        self.job, self.data = job, job.data
        d, a = statistics.observation_dim, statistics.action_dim
        has_goals = isinstance(settings, GoalSettings) and data.action_dim == a + d
        if (data.observation_dim, data.action_dim) != (d, a) and not has_goals:
            raise SyntherError(
                f"{job.data} has {data.observation_dim} observation and {data.action_dim} action "
                f"dimensions, {job.statistics_from} has {d} and {a}: they are of different tasks"
            )
        self.table, self.standardiser = learning_table(
            settings, data, statistics, job.time_limit, job.device
        )
        d = len(self.standardiser.mean)  # what the agent sees, a goal included
        make: Any = load_agent_class(job.module)
        self.agent: Agent = make(d, a, job.seeds, settings, device=job.device)
        self.streams = learning_streams(self.agent, self.table, job.device)
        self.env = make_env(
            job.task, len(job.seeds) * settings.eval_episodes, job.physics, job.threads
        )
        if (self.env.observation_dim, self.env.action_dim) != (d, a):
            raise SyntherError(
                f"{job.agent} on {job.data} has {d} observation and {a} action dimensions; task "
                f"'{job.task}' has {self.env.observation_dim} and {self.env.action_dim}: choose "
                "the dataset's task, and an agent with a goal where it shows one"
            )
        self.env.time_limit = job.time_limit
        self.rows = ResultRows(job)
        self._shadow: Agent | None = None
        self._running: tuple[int, Future[Episodes]] | None = None
        if job.device.startswith("cuda") if overlap is None else overlap:
            self._shadow = make(d, a, job.seeds, settings, device="cpu")
            self._worker = ThreadPoolExecutor(1, thread_name_prefix="evaluation")

    def _evaluate(self) -> None:
        updates = self.agent.updates
        if self._shadow is None:
            self.rows.add(updates, evaluate(self.agent, self.env, self.standardiser))
            return
        # A copy on the CPU, one evaluation at a time: the simulator runs outside Python's lock, so
        # that the thread that feeds the GPU hardly waits
        self._settle()
        self._shadow.load_state_dict(self.agent.state_dict())
        self._shadow.updates = updates
        found = self._worker.submit(evaluate, self._shadow, self.env, self.standardiser)
        self._running = updates, found

    def _settle(self) -> None:
        """Wait for the evaluation that runs, and take its rows; raise what it raised."""
        if self._running is not None:
            (updates, future), self._running = self._running, None
            self.rows.add(updates, future.result())

    def record(self, seconds: float) -> dict[str, Any]:
        """Return what the run's record says besides what it was of."""
        updates = self.job.settings.steps * len(self.job.seeds)
        return {
            "physics": self.env.physics,
            "transitions": len(self.table),
            "seed_updates_per_s": round(updates / seconds, 1),
        }


def train_offline(job: OfflineJob) -> ResultRows:
    """Run a job; see `synther.training.results.run`."""
    common_task((job.data, job.statistics_from), job.task)
    return run(job, lambda: _trainer(job)).rows


def _trainer(job: OfflineJob) -> OfflineTrainer:
    """Return a job's trainer, whose table holds the rows that are read here: once is enough."""
    how: dict[str, Any] = {
        name: getattr(job, name)
        for name in ("time_limit", "task", "threshold_terminals", "own_next_observations")
    }
    statistics = load_transitions(job.statistics_from, **how)
    if job.samples:
        widths = (statistics.observation_dim, statistics.action_dim)
        data = draw(job.data, job.samples, job.sample_seed, widths, job.device)
        where = f"{job.data}, {job.samples} samples"
        data = data.check_finite(where, True).with_flags(job.threshold_terminals, where)
    elif job.data.resolve() == job.statistics_from.resolve():
        data = statistics
    else:
        data = load_transitions(job.data, **how)
    return OfflineTrainer(job, data, statistics)
