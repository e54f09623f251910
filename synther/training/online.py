"""Online training: K seeds step their environments together and share one stacked update."""

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from synther.agents import load_agent_class
from synther.agents.sac import SAC, SACSettings
from synther.envs import make_env
from synther.errors import SyntherError
from synther.fidelity.dynamics import mean_squared_errors, simulate
from synther.jobs.checkpoint import Checkpoint
from synther.jobs.progress import Progress
from synther.jobs.threads import largest_product, mathematics
from synther.training.clock import Clock
from synther.training.evaluate import Standardiser, evaluate
from synther.training.job import TrainingJob
from synther.training.learner import Learner
from synther.training.loop import LOG_EVERY, refuse_broken
from synther.training.n_step import NStepRows
from synther.training.replay import Replay
from synther.training.results import ResultRows, run
from synther.training.streams import RandomStreams
from synther.training.synthetic import Synthesiser
from synther.transitions import Transitions

PARTS = ("simulator", "agent", "diffusion", "sampling", "evaluation")
"""Stepping the training environments; acting and learning; training generators; drawing from them;
evaluation episodes, simulator and policy together."""
MEASURED_SAMPLES = 1000
"""Of each generator, a seed: the simulator says after every training how true they are."""
SOURCE = "online"
"""What the rows' column `source` says: the agent learned from its own experience."""


@dataclass(frozen=True, kw_only=True)
class OnlineJob(TrainingJob):
    """A job whose agents learn in their environment, the task's."""

    settings: SACSettings
    time_limit: int
    source: str = SOURCE
    physics: str = "d4rl"


class OnlineTrainer:
    """The loop's state: environments, replay, agents, generators, streams, and the rows so far.

    Args:
        job: what to train.
        dtype: of agents and replay.

    Attributes:
        step: environment steps of every seed so far.
        observations: (K, d), what the agents act on next.
        clock: where the time went.
        drift: after every training of the generators its `step`, and each seed's `mse` and
            `scaled_mse` of the dynamics, as `synther.fidelity` has them; rows of one step alone,
            where the simulator can be put into a state.
    """

    def __init__(self, job: OnlineJob, dtype: torch.dtype = torch.float32) -> None:
        self.job, settings = job, job.settings
        seeds = len(job.seeds)
        self.env = make_env(job.task, seeds, job.physics, job.threads)
        self.judge = make_env(job.task, seeds * settings.eval_episodes, job.physics, job.threads)
        self.env.time_limit = self.judge.time_limit = job.time_limit
        d, a = widths = (self.env.observation_dim, self.env.action_dim)
        make: Any = load_agent_class(job.module)
        self.agent: SAC = make(d, a, job.seeds, settings, device=job.device, dtype=dtype)
        self._operations = largest_product(self.agent, settings.batch_size)
        capacity = min(settings.replay_size, settings.steps)
        n, gamma = settings.n_step, settings.discount
        if n > job.time_limit:
            raise SyntherError(f"setting 'n_step' is {n}, over {job.task}'s limit: lower it")
        rows = NStepRows(seeds, n, gamma, widths) if n > 1 else None
        self.replay = Replay(seeds, capacity, d, a, job.device, dtype, rows)
        self.synthesiser = Synthesiser(job, widths) if settings.synthetic_share > 0 else None
        samples = self.synthesiser.buffer if self.synthesiser else None
        self.learner = Learner(self.agent, self.replay, samples, job.seeds)
        both: dict[str, Any] = {"device": job.device, "dtype": dtype, "uniforms": {"random": (a,)}}
        self.streams = RandomStreams(job.seeds, {"noise": (a,)}, purpose=5, **both)
        self.rows = ResultRows(job)
        self.clock = Clock(*PARTS)
        self.step, self.drift = 0, list[dict[str, Any]]()
        self.episodes = np.zeros(seeds, dtype=np.int64)
        self.observations = self._begin(np.arange(seeds))

    def _begin(self, which: np.ndarray) -> np.ndarray:
        """Start the next episode of the seeds at `which`; return all observations (K, d)."""
        paths = [[self.job.seeds[k], 8, self.episodes[k]] for k in which]
        drawn = [np.random.SeedSequence(path).generate_state(1, np.uint64)[0] for path in paths]
        self.episodes[which] += 1
        return self.env.reset(drawn, indices=which)

    def train(self, checkpoint: Checkpoint | None = None) -> ResultRows:
        """Train to the last step and return all evaluation rows."""
        settings = self.job.settings
        if checkpoint and (saved := checkpoint.load(self.job.device)):
            self.restore(saved)
        title = f"{self.job.agent} on {self.job.task}"
        with (
            Progress(settings.steps, title, "step", done=self.step) as progress,
            checkpoint or nullcontext(),
        ):
            while True:
                if self._refresh_is_due():
                    self._refresh(checkpoint)
                at_end = self.step == settings.steps
                if (self.step % settings.eval_every == 0 or at_end) and (
                    self.step > self.rows.last_step
                ):
                    progress.show({"mean_return": self._evaluate()})
                if at_end:
                    break
                if checkpoint and checkpoint.due():
                    checkpoint.save(self.snapshot())
                self.advance()
                progress.advance()
        return self.rows

    def advance(self) -> None:
        """Take one environment step of every seed, store it, and learn."""
        settings = self.job.settings
        with self.clock.time("agent"):
            draws = self.streams.next()
            if self.step <= settings.random_steps:  # the released code draws one more, as here
                chosen = 2.0 * draws["random"] - 1.0
            else:
                seen = torch.as_tensor(self.observations[:, None]).to(draws["noise"])
                with torch.no_grad():
                    chosen = self.agent.explore(seen, draws["noise"][:, None])[:, 0]
            actions = chosen.cpu().numpy().astype(np.float64)
        with self.clock.time("simulator"):
            following, rewards, terminated, truncated = self.env.step(actions)
        with self.clock.time("agent"):
            ends = terminated, truncated
            self.replay.add(self.observations, actions, rewards, following, *ends)
        self.step += 1
        if self.env.diverged.any() or not np.isfinite(following).all():
            raise SyntherError(
                f"the simulation of {self.job.task} diverged at step {self.step}: lower the "
                "learning rate, or try other seeds"
            )
        self.observations = following
        ended = np.flatnonzero(terminated | truncated)
        if len(ended):
            with self.clock.time("simulator"):
                self.observations = self._begin(ended)
        if self.step > settings.random_steps:
            threads = mathematics(self._operations, self.job.device)
            with self.clock.time("agent"), threads:
                info = self.learner.learn()
                if self.step % LOG_EVERY == 0 or self.step == settings.steps:
                    broken = [name for name, v in info.items() if not v.isfinite().all()]
                    refuse_broken(broken, self.job.agent, f"step {self.step}")

    def _refresh_is_due(self) -> bool:
        """Return whether the generators should be trained now; not when nobody learns any more."""
        settings, synthesiser = self.job.settings, self.synthesiser
        return (
            synthesiser is not None
            and self.step < settings.steps
            and synthesiser.refreshes < self.step // settings.retrain_every
        )

    def _refresh(self, checkpoint: Checkpoint | None) -> None:
        synthesiser = self.synthesiser
        assert synthesiser is not None
        if checkpoint:  # a job that is killed in training comes back to it at once
            checkpoint.save(self.snapshot())
        synthesiser.refresh(self.replay.rows(), self.clock, f"diffusion at step {self.step}")
        with self.clock.time("evaluation"):
            self._measure(synthesiser.buffer)
        if self.job.settings.overwrite_rollout:
            d = self.env.observation_dim
            self.observations = synthesiser.buffer.rows()[:, -1, :d].cpu().numpy().astype(float)
        if checkpoint:
            checkpoint.save(self.snapshot())
            synthesiser.tidy()

    def _measure(self, samples: Replay) -> None:
        """Add how far the last generators' samples are from the simulator, seed by seed."""
        found: dict[str, Any] = {"step": self.step, "mse": [], "scaled_mse": []}
        for drawn, rows in zip(samples.rows(), self.replay.rows(), strict=True):
            own, real = (
                Transitions.unpack(part.cpu().numpy(), *samples.widths)
                for part in (drawn[:MEASURED_SAMPLES], rows)
            )
            truth = simulate(self.job.task, own, self.job.physics, self.job.threads)
            if truth is None or self.job.settings.n_step > 1 or not truth.valid.any():
                return
            errors = mean_squared_errors(own, truth, real)
            for name, each in zip(("mse", "scaled_mse"), errors, strict=True):
                found[name].append(float(np.nanmean(each)))
        self.drift.append(found)

    def _evaluate(self) -> float:
        d = self.env.observation_dim
        with self.clock.time("evaluation"):
            episodes = evaluate(self.agent, self.judge, Standardiser(np.zeros(d), np.ones(d)))
        return self.rows.add(self.step, episodes)

    def _parts(self) -> dict[str, Any]:
        """Return what has a state of its own."""
        names = ("agent", "learner", "streams", "replay", "synthesiser", "rows")
        return {name: part for name in names if (part := getattr(self, name)) is not None}

    def snapshot(self) -> dict[str, Any]:
        """Return all that `restore` needs to go on to the very same rows."""
        return {
            **{name: part.snapshot() for name, part in self._parts().items()},
            "step": self.step,
            "drift": list(self.drift),
            "env": {name: torch.as_tensor(v) for name, v in self.env.snapshot().items()},
            "observations": torch.as_tensor(self.observations),
            "episodes": torch.as_tensor(self.episodes.copy()),
            "seconds": dict(self.clock.seconds),
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """Go back to a `snapshot`."""
        for name, part in self._parts().items():
            part.restore(saved[name])
        self.step, self.drift = saved["step"], list(saved["drift"])
        self.env.restore({name: value.cpu().numpy() for name, value in saved["env"].items()})
        self.observations = saved["observations"].cpu().numpy()
        self.episodes = saved["episodes"].cpu().numpy()
        self.clock.seconds = dict(saved["seconds"])

    def record(self, seconds: float) -> dict[str, Any]:
        """Return what the run's record says besides what it was of."""
        counted, settings = sum(self.clock.seconds.values()), self.job.settings
        return {
            "physics": self.env.physics,
            "transitions": self.replay.added,
            "batches": self.learner.batches,
            "refreshes": self.synthesiser.refreshes if self.synthesiser else 0,
            "drift": self.drift,
            "seconds": self.clock.rounded(),
            "shares": self.clock.shares(),
            "seed_steps_per_s": round(settings.steps * self.rows.seeds / max(counted, 1e-9), 1),
        }


def train_online(job: OnlineJob) -> ResultRows:
    """Run a job; see `synther.training.results.run`. Generators have checkpoints beside it too."""
    trainer = run(job, lambda: OnlineTrainer(job))
    if trainer.synthesiser:
        trainer.synthesiser.tidy(everything=True)
    return trainer.rows
