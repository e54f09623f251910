"""Behaviour policies: snapshots of a SAC run that `synther collect` can read."""

import json
import shutil

import numpy as np
import pytest
import torch

from synther.datasets.policies import load_policies
from synther.jobs.checkpoint import Checkpoint
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


def test_a_killed_run_goes_on_to_the_same_files(tmp_path, monkeypatch):
    settings = BehaviourSettings(
        updates=40, random_steps=20, snapshots=4, evaluation_episodes=2, hidden=(8, 8)
    )
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    train_behaviour("hopper", whole, settings)
    save, saves = Checkpoint.save, []

    def save_and_die(self, state):
        save(self, state)
        saves.append(state)
        raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoint, "due", lambda self: not saves and len(list(cut.iterdir())) == 3)
    monkeypatch.setattr(Checkpoint, "save", save_and_die)
    with pytest.raises(KeyboardInterrupt):
        train_behaviour("hopper", cut, settings)
    shutil.rmtree(cut)  # as Snakemake does with the folder of a job that failed
    train_behaviour("hopper", cut, settings)
    names = sorted(path.name for path in whole.iterdir())
    assert sorted(path.name for path in cut.iterdir()) == names
    for name in names:
        if name.endswith(".npz"):
            assert (cut / name).read_bytes() == (whole / name).read_bytes()
    returns = [
        json.loads((folder / "returns.json").read_text())["returns"] for folder in (cut, whole)
    ]
    assert returns[0] == returns[1]
    assert not cut.with_suffix(".ckpt").exists()
