"""Behaviour policies: snapshots of a SAC run that `synther collect` can read."""

import json

import numpy as np
import torch

from synther.datasets.policies import load_policies
from synther.training.behaviour import BehaviourSettings, train_behaviour


def test_snapshots_are_policies_with_recorded_returns(tmp_path):
    settings = BehaviourSettings(
        updates=20,
        random_steps=30,
        snapshots=2,
        evaluation_episodes=3,
        hidden=(8, 8),
        batch_size=16,
    )
    record = train_behaviour("hopper", tmp_path, settings, seed=1)
    assert json.loads((tmp_path / "returns.json").read_text()) == json.loads(json.dumps(record))
    assert list(record["returns"]) == ["hopper_0", "hopper_1", "hopper_2"]
    assert [r["updates"] for r in record["returns"].values()] == [0, 10, 20]
    assert [r["env_steps"] for r in record["returns"].values()] == [0, 40, 50]
    policies = load_policies(tmp_path, "hopper", 11, 3)
    assert len(policies) == 3
    states = np.random.default_rng(0).normal(size=(4, 11))
    first, last = (
        p.sample(states, np.random.default_rng(0))[0] for p in (policies[0], policies[2])
    )
    assert not np.allclose(first, last)
    assert torch.get_num_threads() >= 1
