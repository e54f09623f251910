"""Training of agents that see pixels: all of one from frames, or its heads from latents."""

import resource
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from synther.agents import load_agent_class
from synther.agents.pixels import PixelAgent, PixelSettings
from synther.config.settings import as_dict
from synther.datasets.belonging import common_task, require_task
from synther.datasets.vd4rl import read_shards
from synther.envs.pixels import SIZE, STACK, PixelEnv
from synther.errors import SyntherError
from synther.jobs import provenance
from synther.jobs.checkpoint import Checkpoint
from synther.jobs.files import describe_input, sha256, write_json
from synther.jobs.progress import Progress
from synther.training.clock import Clock
from synther.training.evaluate import Episodes, episode_seeds, require_finite_actions
from synther.training.frames import FrameTable, encode, load_body, save_body, take_body
from synther.training.job import TrainingJob
from synther.training.loop import UpdateLoop
from synther.training.offline import TransitionTable
from synther.training.results import ResultRows, run
from synther.training.updates import learning_streams
from synther.transitions import Transitions

CHUNK = 16
"""Updates whose draws are made at once."""


@dataclass(frozen=True, kw_only=True)
class PixelJob(TrainingJob):
    """A job on frames, or on latents of frames; on frames it leaves the agents' weights, OUT.pt.

    `threads` are those of mathematics; as many processes render.
    """

    data: tuple[Path, ...]
    """Shards of a pixel dataset; or, where `body` is given, one .npz of latent transitions."""
    settings: PixelSettings
    body: Path | None = None
    """The weights that made the latents."""
    body_seed: int = 0
    """Which seed's of them."""
    threshold_terminals: float | None = None
    """Terminals of latents above it are 1, the others 0; None wants them so already."""

    def identity(self) -> dict[str, Any]:
        """Return what the result depends on, ready for JSON."""
        found = super().identity()
        if self.body is None:  # the seed is the weights'
            return found | {"body": [], "body_seed": None}
        return found | {"body": [found["body"]]}


def peak_memory_mb() -> int:
    """Return the most memory that this process has had, in MB; rendering has its own."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def evaluate_pixels(agent: PixelAgent, env: PixelEnv, steps: int) -> Episodes:
    """Run `env.num_envs` / K episodes of each of the agent's K seeds, of up to `steps` steps.

    Args:
        agent: acts without noise.
        env: environments of seed k are rows k E ... (k + 1) E - 1.
    """
    seeds = len(agent.seeds)
    episodes = env.num_envs // seeds
    observations = env.reset(np.concatenate([episode_seeds(s, episodes) for s in agent.seeds]))
    device = next(agent.parameters()).device
    returns, lengths = np.zeros(env.num_envs), np.zeros(env.num_envs, dtype=np.int64)
    live = np.ones(env.num_envs, dtype=bool)
    for _ in range(min(steps, env.time_limit)):
        stacks = torch.from_numpy(observations).to(device)
        with torch.no_grad():
            actions: Tensor = agent.act(stacks.view(seeds, episodes, *stacks.shape[1:]))
        flat = actions.reshape(env.num_envs, -1).cpu().numpy().astype(np.float64)
        require_finite_actions(flat, agent.updates)
        seen = env.step(flat, active=live)
        observations = seen.observations
        returns += seen.rewards
        lengths += live
        live &= ~(seen.terminated | seen.truncated)
        if not live.any():
            break
    return Episodes(returns.reshape(seeds, episodes), lengths.reshape(seeds, episodes))


class PixelTrainer(UpdateLoop):
    """Agents on frames or latents, judged from pixels.

    Args:
        job: what to train.
        table: what to learn from.
        agent: the stacked agents.

    Attributes:
        env: what evaluates them: rendering starts at the first evaluation.
    """

    def __init__(self, job: PixelJob, table: Any, agent: PixelAgent) -> None:
        self.job, self.data = job, job.data[0]
        self.table, self.agent = table, agent
        self.env: PixelEnv | None = None
        self._physics = ""  # what the evaluations so far were rendered by
        self.streams = learning_streams(agent, table, job.device, CHUNK)
        self.rows = ResultRows(job)
        self.clock = Clock("learning", "evaluation")

    def train(self, checkpoint: Checkpoint | None = None) -> ResultRows:
        """Train as `UpdateLoop` does; from frames, leave what latents depend on."""
        try:
            rows = super().train(checkpoint)
        finally:
            if self.env is not None:
                self.env.close()
        if self.job.body is None:
            about = {"settings": as_dict(self.job.settings), "task": self.job.task}
            save_body(self.agent, self.job.out.with_suffix(".pt"), about)
        return rows

    def record(self, seconds: float) -> dict[str, Any]:
        """Return what the run's record says besides what it was of."""
        updates = self.job.settings.steps * self.rows.seeds
        return {
            "physics": self._physics,
            "transitions": len(self.table),
            "seconds": self.clock.rounded(),
            "seed_updates_per_s": round(updates / max(self.clock.seconds["learning"], 1e-9), 1),
            "peak_memory_mb": peak_memory_mb(),
        }

    def update(self, progress: Progress) -> None:
        """Learn from one minibatch a seed, on the clock."""
        with self.clock.time("learning"):
            super().update(progress)

    def _evaluate(self) -> None:
        """Render all seeds' episodes; rendering starts at the first evaluation."""
        settings = self.job.settings
        with self.clock.time("evaluation"):
            if self.env is None:
                number = len(self.job.seeds) * settings.eval_episodes
                self.env = PixelEnv(self.job.task, number, self.job.threads)
                self._physics = self.env.physics
            episodes = evaluate_pixels(self.agent, self.env, settings.eval_steps)
            self.rows.add(self.agent.updates, episodes)

    def snapshot(self) -> dict[str, Any]:
        """Return all that `restore` needs to go on to the very same rows."""
        own = {"seconds": dict(self.clock.seconds), "physics": self._physics}
        return {**super().snapshot(), **own}

    def restore(self, saved: dict[str, Any]) -> None:
        """Go back to a `snapshot`."""
        super().restore(saved)
        self.clock.seconds, self._physics = dict(saved["seconds"]), saved.get("physics", "")


def make_pixel_agent(
    module: str,
    settings: PixelSettings,
    observation_shape: tuple[int, ...],
    action_dim: int,
    seeds: tuple[int, ...],
    device: str = "cpu",
    frozen: bool = False,
) -> PixelAgent:
    """Return stacked agents of the class that `module` defines.

    Raises:
        SyntherError: it is no agent that sees pixels.
    """
    make: Any = load_agent_class(module)
    if not issubclass(make, PixelAgent):
        raise SyntherError(f"{module} sees no pixels: train it with `synther train`")
    return make(observation_shape, action_dim, seeds, settings, device=device, frozen=frozen)


def _prepare(job: PixelJob) -> tuple[Any, PixelAgent]:
    """Return what a job learns from, and its agents."""
    common_task(job.data, job.task)
    if job.body is None:
        data = read_shards(job.data)
        shape = (3 * STACK, *data.frames.shape[2:])
        agent = make_pixel_agent(
            job.module, job.settings, shape, data.action_dim, job.seeds, job.device
        )
        if data.frames.shape[2:] != (SIZE, SIZE):
            raise SyntherError(f"{job.data[0]}: frames are {shape[1:]}, expected {(SIZE, SIZE)}")
        return FrameTable(data, job.settings.n_step, job.settings.discount, job.device), agent
    content = load_body(job.body)
    require_task(job.body, job.task, content["about"].get("task"))
    transitions = Transitions.load(job.data[0], job.threshold_terminals)
    agent = make_pixel_agent(
        job.module,
        job.settings,
        tuple(content["observation_shape"]),
        content["action_dim"],
        job.seeds,
        job.device,
        frozen=True,
    )
    widths = (transitions.observation_dim, transitions.action_dim)
    if widths != (agent.latent_dim, agent.action_dim):
        raise SyntherError(
            f"{job.data[0]} has {widths[0]} observation and {widths[1]} action dimensions, "
            f"{job.agent}'s latents have {agent.latent_dim} and {agent.action_dim}: encode the "
            f"dataset with {job.body}"
        )
    take_body(agent, content, job.body_seed, job.body)
    return TransitionTable(transitions, device=job.device), agent


def train_pixels(job: PixelJob) -> ResultRows:
    """Run a job; see `synther.training.results.run`. From frames it leaves OUT.pt too."""
    return run(job, lambda: PixelTrainer(job, *_prepare(job))).rows


def encode_dataset(
    data: tuple[Path, ...],
    body: Path,
    seed: int,
    module: str,
    settings: PixelSettings,
    out: Path,
    device: str = "cpu",
    task: str | None = None,
) -> Transitions:
    """Encode a pixel dataset with the frozen encoder and trunks of one seed; write OUT.npz.

    Raises:
        SyntherError: a file is missing or damaged, the weights are of another agent, or the shards,
            the weights and `task` are not of one task.
    """
    started = time.monotonic()
    content = load_body(body)
    task = common_task(data, task) or content["about"].get("task")
    require_task(body, task, content["about"].get("task"))
    shape = tuple(content["observation_shape"])
    agent = make_pixel_agent(
        module, settings, shape, content["action_dim"], (seed,), device, frozen=True
    )
    take_body(agent, content, seed, body)
    pixels = read_shards(data)
    identity = {
        "task": task,
        "data": [describe_input(path) for path in data],
        "body": [describe_input(body)],
        "body_seed": seed,
        "module": module,
        "n_step": settings.n_step,
        "discount": settings.discount,
        "version": provenance.version(),
    }
    checkpoint = Checkpoint(out.with_suffix(".ckpt"), identity, device)
    transitions = encode(agent, pixels, device, checkpoint)
    transitions.save(out, task)
    record = {
        **identity,
        "output_sha256": sha256(out),
        "transitions": len(transitions),
        "latent_dim": agent.latent_dim,
        "peak_memory_mb": peak_memory_mb(),
        "wall_time_s": round(checkpoint.before_s + time.monotonic() - started, 1),
        **provenance.describe(device),
    }
    write_json(out.with_suffix(".json"), record)
    checkpoint.remove()
    return transitions
