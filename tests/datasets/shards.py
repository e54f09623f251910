"""Files in V-D4RL's format, written by hand: not by the project's own writer."""

import h5py
import numpy as np


def episode(steps, seed, size=84, actions=6, terminal=False):
    """Return the arrays of an episode of `steps` steps, dummies in its first row."""
    rng = np.random.default_rng(seed)
    types = np.ones(steps + 1, dtype=np.int64)
    types[0], types[-1] = 0, 2
    content = {
        "observation": rng.integers(0, 256, (steps + 1, 3, size, size), dtype=np.uint8),
        "action": rng.uniform(-1, 1, (steps + 1, actions)).astype(np.float32),
        "reward": rng.normal(size=steps + 1).astype(np.float32),
        "discount": np.ones(steps + 1, dtype=np.float32),
        "step_type": types,
    }
    content["reward"][0] = np.nan  # a dummy, as dm_env's first time step has none
    if terminal:
        content["discount"][-1] = 0.0
    return content


def write(path, *episodes, **changes):
    """Write episodes one after another; `changes` replace whole arrays, None leaves one out."""
    arrays = {key: np.concatenate([e[key] for e in episodes]) for key in episodes[0]} | changes
    with h5py.File(path, "w") as file:
        for key, value in arrays.items():
            if value is not None:
                file.create_dataset(key, data=value)
    return path
