"""Rendered datasets: recipes with a stand-in for the renderer, and one that is rendered."""

import h5py
import numpy as np
import pytest
from random_policies import random_policy

from synther import SyntherError
from synther.datasets import collect_pixels as module
from synther.datasets import levels
from synther.datasets.collect_pixels import collect_pixels
from synther.datasets.levels import choose_policies
from synther.datasets.policies import PACKAGED, load_policies, recorded_returns
from synther.datasets.vd4rl import read_shards
from synther.envs import make_env
from synther.envs.pixels import SIZE, STACK, find_backend
from synther.envs.vector import Stepped

TASK = "dmc-cheetah-run-repeat2"
WIDTHS = (17, 6)


class FakeEnv:
    """The simulator itself; frames are all as bright as the steps of their episode so far."""

    physics = "none"

    def __init__(self, task, num_envs, processes=1):
        self._env, self.num_envs = make_env(task, num_envs), num_envs
        self.action_dim = self._env.action_dim
        self.states = self._env.observations()

    def close(self):
        pass

    def _frames(self):
        shape = (self.num_envs, 3 * STACK, SIZE, SIZE)
        bright = (self._env.elapsed % 256).astype(np.uint8)
        return np.broadcast_to(bright[:, None, None, None], shape)

    def reset(self, seeds, rows):
        self.states = self._env.reset(seeds, indices=rows)
        return self._frames()

    def step(self, actions, active):
        self.states, *rest = self._env.step(actions, active=active)
        return Stepped(self._frames(), *rest)


@pytest.fixture
def policies(tmp_path):
    folder = tmp_path / "policies" / TASK
    folder.mkdir(parents=True)
    for seed in range(2):
        np.savez(folder / f"p_{seed}.npz", **random_policy(*WIDTHS, seed))
    return folder


def test_a_rendered_dataset_is_the_policies_episodes(tmp_path, policies, monkeypatch):
    monkeypatch.setattr(module, "PixelEnv", FakeEnv)
    monkeypatch.setattr(levels, "mean_returns", lambda *_: {"p_0": 10.0, "p_1": 30.0})
    out = tmp_path / "x.hdf5"
    about = collect_pixels(TASK, "medium-expert", 1060, out, policies)
    assert about["behaviour_policies"] == "p_0,p_1"
    assert about["behaviour_returns"] == "10.0,30.0"
    data = read_shards([out])
    lengths = data.last - data.first
    starts = np.unique(data.first)
    assert lengths[starts].tolist() == [500, 30, 500, 30]  # the last episode of each is cut
    bright = data.frames[:, 0, 0, 0]
    np.testing.assert_array_equal(bright, (np.arange(len(data)) - data.first) % 256)
    with h5py.File(out) as file:
        assert file.attrs["level"] == "medium-expert"
        assert (file["step_type"][:] == 2).sum() == 4
    again = tmp_path / "y.hdf5"
    collect_pixels(TASK, "medium-expert", 1060, again, policies)
    np.testing.assert_array_equal(read_shards([again]).actions, data.actions)
    collect_pixels(TASK, "medium-expert", 1060, again, policies, seed=1)
    assert (read_shards([again]).actions[1] != data.actions[1]).any()


def test_a_killed_job_goes_on_at_the_next_wave(tmp_path, policies, monkeypatch):
    monkeypatch.setattr(module, "PixelEnv", FakeEnv)
    monkeypatch.setattr(levels, "mean_returns", lambda *_: {"p_0": 10.0, "p_1": 30.0})
    whole, cut = tmp_path / "whole.hdf5", tmp_path / "cut.hdf5"
    wanted = (TASK, "medium-expert", 40)
    collect_pixels(*wanted, whole, policies)
    wave, made = module._wave, []

    def dies(*given):
        made.append(given)
        if len(made) == 2:
            raise KeyboardInterrupt
        return wave(*given)

    monkeypatch.setattr(module, "_wave", dies)
    with pytest.raises(KeyboardInterrupt):
        collect_pixels(*wanted, cut, policies)
    with pytest.raises(SyntherError, match="seed was 0, is 1"):
        collect_pixels(*wanted, cut, policies, seed=1)
    collect_pixels(*wanted, cut, policies)
    assert len(made) == 3  # the second wave again, and none twice
    assert cut.read_bytes() == whole.read_bytes()
    assert sorted(path.name for path in tmp_path.glob("*.hdf5")) == ["cut.hdf5", "whole.hdf5"]
    assert not list(tmp_path.glob(".*"))


def test_random_actions_need_no_policy(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "PixelEnv", FakeEnv)
    out = tmp_path / "x.hdf5"
    about = collect_pixels(TASK, "random", 120, out, tmp_path / "nowhere")
    assert about["behaviour_policies"] == "random"
    actions = read_shards([out]).actions[1:]
    assert actions.shape == (120, 6)
    assert -1 <= actions.min() < -0.9 < 0.9 < actions.max() <= 1


def test_refusals(tmp_path, policies):
    with pytest.raises(SyntherError, match="--rows is 1"):
        collect_pixels(TASK, "random", 1, tmp_path / "x.hdf5")
    with pytest.raises(SyntherError, match="unknown level 'medum'"):
        collect_pixels(TASK, "medum", 10, tmp_path / "x.hdf5")
    with pytest.raises(SyntherError, match="takes 24 observations"):
        collect_pixels("dmc-walker-walk-repeat2", "medium", 10, tmp_path / "x.hdf5", policies)


@pytest.mark.parametrize("task", ["dmc-walker-walk-repeat2", "dmc-cheetah-run-repeat2"])
def test_the_packages_policies_are_of_clearly_different_skill(task, monkeypatch):
    monkeypatch.setattr(levels, "MEASURED_EPISODES", 3)
    env = make_env(task, 1)
    found = load_policies(PACKAGED, task, env.observation_dim, env.action_dim)
    recorded = recorded_returns(PACKAGED, task)
    assert set(recorded) == {policy.name for policy in found}
    assert max(recorded.values()) > 4 * recorded[found[0].name]
    best = max(found, key=lambda policy: recorded[policy.name])
    medium = choose_policies("medium", found, recorded)[0]
    assert medium is not None
    assert 0.2 < recorded[medium.name] / recorded[best.name] < 0.5
    measured = levels.mean_returns([best, found[0]], task, "d4rl")
    assert measured[best.name] > 0.6 * recorded[best.name]
    assert measured[found[0].name] < 0.4 * recorded[best.name]


def test_what_a_camera_sees_is_written(tmp_path):
    try:
        find_backend()
    except SyntherError:
        pytest.skip("neither EGL nor OSMesa renders here")
    about = collect_pixels(TASK, "random", 6, tmp_path / "x.hdf5")
    data = read_shards([tmp_path / "x.hdf5"])
    assert data.frames.shape == (7, 3, 84, 84)
    assert data.frames.std() > 10
    assert about["physics"].startswith("dm_control, ")
