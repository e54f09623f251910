"""Re-collected datasets: behaviour policies rolled out in the simulator, by D4RL's recipes.

`synther.datasets.levels` says which policies make a level. Actions are sampled, not means.
waypoint: maze2d's own recipe (`synther.datasets.maze_controller`). navigate: OGBench's own, of
points (`synther.datasets.ogbench`).
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from synther.config.specs import task_spec
from synther.datasets.hdf5_writer import write_d4rl_hdf5
from synther.datasets.levels import LEVELS, recipe, require_above_random
from synther.datasets.maze_controller import drive
from synther.datasets.policies import Policy
from synther.envs import make_batched_env
from synther.envs.batch import BatchedEnv
from synther.errors import SyntherError, unknown_name
from synther.jobs import provenance
from synther.jobs.checkpoint import Checkpoint
from synther.jobs.progress import Progress

MAX_WAVE = 256
"""Most episodes run side by side."""


def _wave(
    env: BatchedEnv, policy: Policy | None, generator: np.random.Generator, seeds: np.ndarray
) -> tuple[dict[str, np.ndarray], list[int]]:
    """Run one episode in every environment to its end; return all rows' columns, and lengths."""
    n = env.num_envs
    observations = env.reset(seeds)
    live = np.ones(n, dtype=bool)
    steps: list[dict[str, np.ndarray]] = []
    lived: list[np.ndarray] = []
    while live.any():
        if policy is None:
            actions = generator.uniform(-1, 1, (n, env.action_dim)).astype(np.float32)
            log_probs = np.full(n, -env.action_dim * np.log(2.0), dtype=np.float32)
        else:
            actions, log_probs = policy.sample(observations, generator)
        qpos, qvel = env.qpos.copy(), env.qvel.copy()
        following, rewards, terminated, truncated = env.step(actions, active=live)
        if (env.diverged & live).any():
            name = policy.name if policy else "random actions"
            raise SyntherError(
                f"the simulation diverged in step {len(steps) + 1} of an episode under {name}: "
                "leave that policy out of --policies, or choose another --seed"
            )
        lived.append(live.copy())
        steps.append(
            {
                "observations": observations.astype(np.float32),
                "actions": actions,
                "rewards": rewards.astype(np.float32),
                "next_observations": following.astype(np.float32),
                "terminals": terminated,
                "timeouts": truncated,
                "infos/qpos": qpos,
                "infos/qvel": qvel,
                "infos/action_log_probs": log_probs.astype(np.float32),
            }
        )
        observations = following
        live &= ~(terminated | truncated)
    kept = np.stack(lived, axis=1)  # (n, steps): one episode's rows after another's
    columns = {name: np.stack([s[name] for s in steps], axis=1)[kept] for name in steps[0]}
    return columns, kept.sum(axis=1).tolist()


def roll_out(
    task: str,
    policy: Policy | None,
    rows: int,
    seed: Sequence[int],
    physics: str,
    threads: int | None,
    progress: Progress,
    checkpoint: Checkpoint,
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Collect exactly `rows` transitions with a policy, or uniformly random actions for None.

    Episodes run side by side in waves, every one to its end, so that short ones are not favoured;
    the last episode is cut and marked as a time-out. The same `seed`, the entropy of starts and
    actions, gives the same rows. The checkpoint is saved from time to time, between waves. Return
    the rows' columns, and the returns of the episodes before the last was cut.
    """
    entropy, waves = np.random.SeedSequence(list(seed)), 0
    parts: list[dict[str, np.ndarray]] = []
    lengths: list[int] = []
    env: BatchedEnv | None = None
    if saved := checkpoint.load():
        waves, lengths = saved["waves"], saved["lengths"]
        parts.append({name: column.numpy() for name, column in saved["columns"].items()})
        entropy.spawn(waves)
        progress.advance(min(sum(lengths), rows))
    with checkpoint:
        while (collected := sum(lengths)) < rows:
            if waves and checkpoint.due():
                checkpoint.save(_state(waves, lengths, parts))
            (stream,) = entropy.spawn(1)
            mean_length = collected / len(lengths) if lengths else 1000
            size = int(np.clip(np.ceil((rows - collected) / mean_length), 1, MAX_WAVE))
            if env is None or env.num_envs != size:
                env = make_batched_env(task, size, physics, threads)
            seeds = stream.generate_state(size, np.uint64)
            part, found = _wave(env, policy, np.random.default_rng(stream), seeds)
            parts.append(part)
            lengths += found
            waves += 1
            progress.advance(min(sum(found), rows - collected))
        # Or a kill in a later policy's share would lose all of this one's
        checkpoint.save(_state(waves, lengths, parts))
    columns = _joined(parts)
    episodes = np.split(columns["rewards"], np.cumsum(lengths)[:-1])
    returns = np.array([rewards.sum(dtype=np.float64) for rewards in episodes])
    columns = {name: column[:rows] for name, column in columns.items()}
    columns["timeouts"][-1] |= not columns["terminals"][-1]
    return columns, returns


def _joined(parts: Sequence[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _state(waves: int, lengths: list[int], parts: Sequence[dict[str, np.ndarray]]) -> Any:
    """Return what is collected so far, as a checkpoint holds it."""
    import torch

    columns = {name: torch.from_numpy(column) for name, column in _joined(parts).items()}
    return {"waves": waves, "lengths": lengths, "columns": columns}


def _say_disorder(level: str, means: Sequence[float]) -> None:
    """Say loudly that the expert's episodes were worse than the medium policy's."""
    if level == "medium-expert" and len(means) == 2 and means[1] < means[0]:
        print(
            f"WARNING: the expert's episodes have a mean return of {means[1]:.1f}, the medium "
            f"policy's {means[0]:.1f}: this is no medium-expert dataset, unless few rows say so",
            file=sys.stderr,
            flush=True,
        )


def collect(
    task: str,
    level: str,
    rows: int,
    out: str | Path,
    policies: str | Path | None = None,
    seed: int = 0,
    physics: str = "d4rl",
    threads: int | None = None,
) -> dict[str, Any]:
    """Collect a dataset and write it as a D4RL-format HDF5 file.

    Return the metadata that it carries: policies, their returns, the mean return collected.

    Args:
        task: a name of `make_env`.
        level: one of `LEVELS`; waypoint is for maze2d, navigate for pointmaze.
        policies: folder of behaviour policies; the package's own by default.
        seed: of starts and actions.
        physics, threads: as `make_env` takes them.
    """
    if rows < 2:
        raise SyntherError(f"--rows is {rows}; a dataset has at least 2 rows")
    if level not in LEVELS:
        raise unknown_name("level", level, LEVELS)
    checkpoint: Checkpoint | None = None
    policy: Policy | None = None
    about: dict[str, Any]
    if level in ("waypoint", "navigate"):  # a matter of seconds
        with Progress(rows, f"{task} {level}", "row") as progress:
            if level == "navigate":
                from synther.datasets.ogbench import navigate

                columns, physics = navigate(task, rows, seed, progress), "ogbench"
            else:
                columns = drive(task, rows, seed, physics, threads, progress)
        # It has no episodes: what an episode's length of it earns, on average.
        earned = columns["rewards"].mean(dtype=np.float64) * task_spec(task)["time_limit"]
        about = {"algorithm": f"{level} controller", "mean_return": f"{earned:.1f}"}
    else:
        made_by = recipe(task, level, rows, policies, physics)
        asked = {"task": task, "level": level, "rows": rows, "seed": seed, "physics": physics}
        checkpoint = Checkpoint(Path(out).with_suffix(".ckpt"), asked | made_by.inputs)
        with Progress(rows, f"{task} {level}", "row") as progress:
            parts = [
                roll_out(
                    *(task, policy, share, (seed, index), physics, threads, progress),
                    checkpoint.part(str(index)),
                )
                for index, (policy, share) in enumerate(made_by.shares)
                if share
            ]
        rolled, returns = zip(*parts, strict=True)
        columns = _joined(rolled)
        mean_return = float(np.concatenate(returns).mean())
        require_above_random(task, level, {"what was collected": mean_return})
        _say_disorder(level, [float(part.mean()) for part in returns])
        policy, _ = made_by.shares[-1]
        about = {
            "algorithm": "random" if level == "random" else "SAC",
            **made_by.about,
            "mean_return": f"{mean_return:.1f}",
        }
        if policy:  # D4RL's key; here the snapshot's number in its run
            about["iteration"] = made_by.known.index(policy)
    metadata = {
        **about,
        "task": task,
        "level": level,
        "physics": physics,
        "seed": seed,
        "collected_by": f"synther {provenance.version()}",
    }
    write_d4rl_hdf5(out, columns, metadata, policy)
    if checkpoint:
        checkpoint.remove()
    return metadata
