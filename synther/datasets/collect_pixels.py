"""Re-collected pixel datasets: policies that see the simulator's state, rendered as V-D4RL's are.

Levels are those of `synther.datasets.levels`, made from the same kind of policies. Files have
V-D4RL's format (`synther.datasets.vd4rl`), one shard each.
"""

from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from synther.config.specs import task_spec
from synther.datasets.levels import recipe
from synther.datasets.policies import Policy
from synther.datasets.vd4rl import ShardWriter
from synther.envs.pixels import SIZE, PixelEnv
from synther.errors import SyntherError
from synther.jobs import provenance
from synther.jobs.progress import Progress

MAX_WAVE = 16
"""Most episodes run side by side; 10 MB of frames each."""


def _wave(
    env: PixelEnv,
    policy: Policy | None,
    limits: np.ndarray,
    generator: np.random.Generator,
    seeds: np.ndarray,
    progress: Progress,
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Run an episode of `limits` steps in each of the first environments.

    Returns:
        Of every episode of T steps: frames (T + 1, 3, 84, 84), actions (T, a), rewards (T,).
    """
    number, longest = len(limits), limits.max()
    frames = np.empty((number, longest + 1, 3, SIZE, SIZE), dtype=np.uint8)
    actions = np.empty((number, longest, env.action_dim), dtype=np.float32)
    rewards = np.empty((number, longest), dtype=np.float32)
    frames[:, 0] = env.reset(seeds, np.arange(number))[:number, -3:]
    active = np.zeros(env.num_envs, dtype=bool)
    for step in range(longest):
        if policy is None:
            chosen = generator.uniform(-1, 1, (env.num_envs, env.action_dim))
        else:
            chosen, _ = policy.sample(env.states, generator)
        chosen = chosen.astype(np.float32)
        active[:number] = step < limits
        found = env.step(chosen, active)
        frames[:, step + 1] = found.observations[:number, -3:]
        actions[:, step], rewards[:, step] = chosen[:number], found.rewards[:number]
        progress.advance(int(active.sum()))
    return [(frames[k, : n + 1], actions[k, :n], rewards[k, :n]) for k, n in enumerate(limits)]


def collect_pixels(
    task: str,
    level: str,
    rows: int,
    out: str | Path,
    policies: str | Path | None = None,
    seed: int = 0,
    processes: int = 1,
) -> dict[str, Any]:
    """Collect a pixel dataset and write it as one shard in V-D4RL's format.

    Every policy of the level has an equal share of the steps, the last episode of each cut. Return
    the metadata that the file carries as attributes.

    Args:
        task: a task of the suite with held actions, such as "dmc-walker-walk-repeat2".
        level: random, medium-replay, medium, medium-expert, expert or full-replay.
        rows: agent steps; an episode adds the row of its first frame.
        out: the HDF5 file.
        policies: folder of behaviour policies; the package's own by default.
        seed: of starts and actions.
        processes: that render; how many changes nothing in the file.

    Raises:
        SyntherError: nothing renders here, there are no policies for the task, or the file can't
            be written.
    """
    if rows < 2:
        raise SyntherError(f"--rows is {rows}; a dataset has at least 2 rows")
    made_by = recipe(task, level, rows, policies)
    metadata: dict[str, Any] = {
        "task": task,
        "level": level,
        "seed": seed,
        "collected_by": f"synther {provenance.version()}",
        **made_by.about,
    }
    identity = {**metadata, "rows": rows, **made_by.inputs}
    per_episode = task_spec(task)["time_limit"]
    number = min(MAX_WAVE, -(-max(share for _, share in made_by.shares) // per_episode))
    made = 0
    with (
        Progress(rows, f"render {task} {level}", "step") as progress,
        closing(PixelEnv(task, number, processes)) as env,
        ShardWriter(out, identity) as writer,
    ):
        for index, (policy, share) in enumerate(made_by.shares):
            entropy = np.random.SeedSequence([seed, index])
            lengths = [per_episode] * (share // per_episode) + [share % per_episode]
            limits = np.array([length for length in lengths if length])
            for first in range(0, len(limits), number):
                part = limits[first : first + number]
                (stream,) = entropy.spawn(1)
                made += len(part)
                if made <= writer.parts:  # by a job that was killed
                    progress.advance(int(part.sum()))
                    continue
                seeds = stream.generate_state(len(part), np.uint64)
                generator = np.random.default_rng(stream)
                for episode in _wave(env, policy, part, generator, seeds, progress):
                    writer.append(*episode)
                writer.keep()
        totals = [earned for steps, earned in writer.returns() if steps == per_episode]
        metadata["physics"] = env.physics
        metadata["mean_return"] = f"{np.mean(totals):.1f}" if totals else "no whole episode"
        writer.metadata = metadata
    return metadata
