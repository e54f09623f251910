"""Policies that a test makes up."""

from __future__ import annotations

import numpy as np


def random_policy(observation_dim: int, action_dim: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Return a small policy with random weights, in the format of policies' .npz files."""
    generator = np.random.default_rng(seed)
    shapes = {
        "fc0": (8, observation_dim),
        "fc1": (6, 8),
        "last_fc": (action_dim, 6),
        "last_fc_log_std": (action_dim, 6),
    }
    arrays = {}
    for layer, shape in shapes.items():
        arrays[f"{layer}/weight"] = 0.3 * generator.standard_normal(shape, dtype=np.float32)
        arrays[f"{layer}/bias"] = 0.1 * generator.standard_normal(shape[:1], dtype=np.float32)
    return arrays
