"""Behaviour policies: a SAC run whose snapshots, from random to good, collect datasets.

D4RL's levels are stages of one SAC run. A snapshot is an `.npz` of the policy's layers (the format
of `synther.datasets.policies`); `returns.json` beside the snapshots gives their mean returns.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from synther.agents.sac import SAC, SACSettings
from synther.config.settings import as_dict
from synther.config.specs import task_spec
from synther.envs.vector import VectorEnv
from synther.jobs import provenance
from synther.jobs.checkpoint import Checkpoint
from synther.jobs.files import atomic_path, write_json
from synther.jobs.progress import Progress
from synther.training.online import OnlineJob, OnlineTrainer


@dataclass(frozen=True)
class BehaviourSettings:
    """The recipe of one task's behaviour policies."""

    updates: int = 100_000
    """Critic updates in all, one an environment step; the policy is updated as often."""
    random_steps: int = 5_000
    """Environment steps with uniformly random actions before the first update."""
    snapshots: int = 10
    """Saved policies, evenly spaced over the updates."""
    evaluation_episodes: int = 20
    """Episodes a snapshot, with sampled actions, as datasets are collected."""
    hidden: tuple[int, ...] = (128, 128)
    """Widths of all hidden layers."""
    batch_size: int = 256
    """Transitions an update."""
    learning_rate: float = 1e-3
    """Of actor, critics and temperature."""


WORDS = {"nonlinearity": "relu", "output_distribution": "tanh_gaussian", "algorithm": "SAC"}
"""What a snapshot says of itself."""


def policy_layers(agent: SAC) -> dict[str, Tensor]:
    """Return a one-seed SAC policy's layers as D4RL names them, float16."""
    layers: dict[str, Tensor] = {}
    weights, biases = [w[0].T for w in agent.actor.weights], [b[0, 0] for b in agent.actor.biases]
    for layer, (weight, bias) in enumerate(zip(weights[:-1], biases[:-1], strict=True)):
        layers[f"fc{layer}/weight"], layers[f"fc{layer}/bias"] = weight, bias
    a = agent.action_dim
    for name, part in (("last_fc", slice(None, a)), ("last_fc_log_std", slice(a, None))):
        layers[f"{name}/weight"], layers[f"{name}/bias"] = weights[-1][part], biases[-1][part]
    return {name: layer.detach().cpu().half() for name, layer in layers.items()}


def _returns(agent: SAC, env: VectorEnv, seed: int) -> np.ndarray:
    """Return the undiscounted returns of one episode an environment, with sampled actions."""
    generator = torch.Generator().manual_seed(seed)
    observations = env.reset(1_000_000 + seed)
    totals, live = np.zeros(env.num_envs), np.ones(env.num_envs, dtype=bool)
    while live.any():
        noise = torch.randn(1, env.num_envs, env.action_dim, generator=generator)
        with torch.no_grad():
            actions = agent.explore(torch.as_tensor(observations[None]).float(), noise)[0]
        observations, rewards, terminated, truncated = env.step(actions.numpy(), active=live)
        totals += rewards
        live &= ~(terminated | truncated)
    return totals


def train_behaviour(
    task: str, out: Path, settings: BehaviourSettings, seed: int = 0, threads: int = 1
) -> dict[str, Any]:
    """Train SAC on `task` online and leave `snapshots` + 1 policies and `returns.json` in `out`.

    Time-outs are not terminals. Returns the content of `returns.json`.
    """
    started = time.monotonic()
    job = OnlineJob(
        task=task,
        agent="behaviour",
        module="synther.agents.sac",
        settings=SACSettings(
            steps=settings.random_steps + settings.updates,
            random_steps=settings.random_steps,
            eval_episodes=settings.evaluation_episodes,
            batch_size=settings.batch_size,
            hidden=settings.hidden,
            learning_rate=settings.learning_rate,
            policy_critics="min",
        ),
        seeds=(seed,),
        out=out,
        reference=(0.0, 1.0),
        time_limit=task_spec(task)["time_limit"],
        threads=threads,
    )
    trainer = OnlineTrainer(job)
    made: dict[str, dict[str, Any]] = {}  # name -> its "return_mean" and so on, and "layers"

    def write(name: str) -> None:
        about = {**WORDS, "iteration": made[name]["updates"]}
        arrays: dict[str, Any] = {key: own.numpy() for key, own in made[name]["layers"].items()}
        with atomic_path(out / f"{name}.npz") as temporary, open(temporary, "wb") as handle:
            np.savez_compressed(handle, **arrays, **about)

    def snapshot(index: int) -> float:
        measured = _returns(trainer.agent, trainer.judge, seed)
        name, mean = f"{task}_{index}", float(measured.mean())
        made[name] = {
            "return_mean": mean,
            "return_std": float(measured.std(ddof=1)),
            "updates": trainer.agent.updates,
            "env_steps": trainer.step,
            "layers": policy_layers(trainer.agent),
        }
        write(name)
        return mean

    about = {"task": task, "recipe": as_dict(settings), "seed": seed}
    # Beside the folder, which Snakemake empties before it runs a job again
    checkpoint = Checkpoint(out.with_suffix(".ckpt"), about | {"version": provenance.version()})
    if saved := checkpoint.load():
        trainer.restore(saved["trainer"])
        mean_return = saved["mean_return"]
        made.update(saved["made"])
        for name in made:
            write(name)
    else:
        mean_return = snapshot(0)
    interval = max(settings.updates // settings.snapshots, 1)
    steps = job.settings.steps
    with Progress(steps, f"SAC on {task}", "step", done=trainer.step) as progress, checkpoint:
        while trainer.step < steps:
            trainer.advance()
            updates = trainer.agent.updates
            if updates and updates % interval == 0:
                mean_return = snapshot(updates // interval)
            if checkpoint.due():
                state = {"trainer": trainer.snapshot(), "made": made}
                checkpoint.save(state | {"mean_return": mean_return})
            progress.advance(1, mean_return=mean_return)
    record = {
        **about,
        "returns": {
            name: {key: own for key, own in known.items() if key != "layers"}
            for name, known in made.items()
        },
        "physics": trainer.env.physics,
        "wall_time_s": round(checkpoint.before_s + time.monotonic() - started, 1),
        **provenance.describe(),
    }
    write_json(out / "returns.json", record)
    checkpoint.remove()
    return record
