"""Training on pixels and on latents: batches by hand, encoding, resuming, files."""

import json
import shutil
from types import SimpleNamespace

import h5py
import numpy as np
import pandas as pd
import pytest
import torch

from synther import SyntherError
from synther.agents.drq_bc import DrQBC
from synther.agents.pixel_bc import PixelBC
from synther.datasets.belonging import belonging
from synther.datasets.vd4rl import PixelData, ShardWriter
from synther.training import pixels as module
from synther.training.frames import FrameTable, encode, load_body
from synther.training.offline import TransitionTable
from synther.training.pixels import PixelJob, encode_dataset, train_pixels
from synther.transitions import Transitions

KINDS = {"drq_bc": DrQBC, "pixel_bc": PixelBC}
TINY = {
    "steps": 4,
    "batch_size": 4,
    "eval_every": 2,
    "eval_episodes": 2,
    "hidden": (8,),
    "features": 3,
}


class FakeEnv:
    """Stands for `PixelEnv`: no renderer is needed. Rewards are the first actions."""

    physics, time_limit = "none", 5

    def __init__(self, task, num_envs, processes=1):
        self.num_envs, self.closed = num_envs, False

    def reset(self, seeds):
        self._frames = np.stack(
            [np.random.default_rng(s).integers(0, 256, (9, 84, 84), dtype=np.uint8) for s in seeds]
        )
        self.elapsed = 0
        return self._frames

    def step(self, actions, active):
        assert not self.closed
        self.elapsed += 1
        ended = np.full(self.num_envs, self.elapsed == self.time_limit)
        return SimpleNamespace(
            observations=self._frames,
            rewards=actions[:, 0],
            terminated=np.zeros(self.num_envs, dtype=bool),
            truncated=ended,
        )

    def close(self):
        self.closed = True


@pytest.fixture
def shard(tmp_path):
    path = tmp_path / "shard.hdf5"
    rng = np.random.default_rng(0)
    with ShardWriter(path) as writer:
        for steps in (6, 5):
            writer.append(
                rng.integers(0, 256, (steps + 1, 3, 84, 84), dtype=np.uint8),
                rng.uniform(-1, 1, (steps, 2)),
                rng.normal(size=steps),
            )
    return path


@pytest.fixture
def job(tmp_path, shard, monkeypatch):
    monkeypatch.setattr(module, "PixelEnv", FakeEnv)

    def make(agent="drq_bc", seeds=(0, 1), out="out.parquet", **changes):
        settings = {**TINY, **changes.pop("settings", {})}
        whole = {
            "task": "dmc-walker-walk-repeat2",
            "data": (shard,),
            "agent": agent,
            "module": f"synther.agents.{agent}",
            "settings": KINDS[agent].Settings(**settings),
            "seeds": seeds,
            "out": tmp_path / out,
            "reference": (0.0, 1000.0),
        }
        return PixelJob(**whole | changes)

    return make


def small(rows=7, size=4):
    """One episode whose frame t is filled with t; rewards 1, 2, 3, ...; it ends terminally."""
    numbers = np.arange(rows)
    frames = np.broadcast_to(numbers[:, None, None, None], (rows, 3, size, size)).astype(np.uint8)
    discounts = np.ones(rows, dtype=np.float32)
    discounts[-1] = 0
    return PixelData(
        np.ascontiguousarray(frames),
        np.stack([numbers, -numbers], axis=1).astype(np.float32),
        numbers.astype(np.float32),
        discounts,
        np.zeros(rows, dtype=np.int64),
        np.full(rows, rows - 1),
    )


def test_minibatches_by_hand():
    data = small()
    table = FrameTable(data, n_step=3, discount=0.5, dtype=torch.float64)
    assert len(table) == 4  # starts 0 to 3
    batch = table.gather(torch.tensor([[0, 3], [1, 2]]))
    assert batch.observations.dtype == torch.uint8
    assert batch.observations.shape == (2, 2, 9, 4, 4)
    seen = batch.observations[..., ::3, 0, 0]
    assert seen.tolist() == [[[0, 0, 0], [1, 2, 3]], [[0, 0, 1], [0, 1, 2]]]
    ahead = batch.next_observations[..., ::3, 0, 0]
    assert ahead.tolist() == [[[1, 2, 3], [4, 5, 6]], [[2, 3, 4], [3, 4, 5]]]
    assert batch.actions[..., 0].tolist() == [[1, 4], [2, 3]]
    assert batch.rewards.tolist() == [[1 + 1 + 0.75, 4 + 2.5 + 1.5], [2 + 1.5 + 1, 3 + 2 + 1.25]]
    assert batch.terminals.tolist() == [[0, 1], [0, 0]]


def test_frames_are_not_copied():
    data = small()
    table = FrameTable(data, n_step=1, discount=0.9)
    assert table._frames.data_ptr() == data.frames.ctypes.data


def test_latents_are_those_of_the_agent_row_by_row():
    rng = np.random.default_rng(0)
    data = small(rows=9, size=21)
    data.frames[:] = rng.integers(0, 256, data.frames.shape)
    agent = DrQBC((9, 21, 21), 2, [0], DrQBC.Settings(**TINY), frozen=True)
    found = encode(agent, data)
    table = FrameTable(data, 3, 0.99)
    batch = table.gather(torch.arange(len(table))[None])
    assert len(found) == len(table) == 6
    near = {"rtol": 1e-4, "atol": 1e-5}
    np.testing.assert_allclose(found.observations, agent.encode(batch.observations)[0], **near)
    np.testing.assert_allclose(
        found.next_observations, agent.encode(batch.next_observations)[0], **near
    )
    latent = TransitionTable(found).gather(torch.tensor([[5, 0]]))
    for name in ("actions", "rewards", "terminals"):
        torch.testing.assert_close(getattr(latent, name), getattr(batch, name)[:, [5, 0]])
    assert latent.observations.shape == (1, 2, 6)


@pytest.mark.parametrize("agent", KINDS)
def test_from_frames_to_heads_on_latents(job, tmp_path, shard, agent):
    real = job(agent)
    rows = train_pixels(real).table().to_pandas()
    assert rows["step"].tolist() == [2] * 4 + [4] * 4
    assert rows["length"].eq(5).all()
    np.testing.assert_allclose(rows["score"], rows["return"] / 10)
    pd.testing.assert_frame_equal(rows, pd.read_parquet(real.out, use_threads=False))
    record = json.loads(real.out.with_suffix(".json").read_text())
    assert record["transitions"] == (4 + 3 if agent == "drq_bc" else 6 + 5)
    assert record["peak_memory_mb"] > 0
    body = real.out.with_suffix(".pt")
    latents = tmp_path / "latents.npz"
    found = encode_dataset((shard,), body, 1, real.module, real.settings, latents)
    assert found.observation_dim == 3 * (2 if agent == "drq_bc" else 1)
    assert len(Transitions.load(latents)) == record["transitions"]
    heads = job(
        agent, out="heads.parquet", data=(latents,), body=body, body_seed=1, seeds=(0, 1, 2)
    )
    assert train_pixels(heads).table().to_pandas()["seed"].unique().tolist() == [0, 1, 2]
    assert not heads.out.with_suffix(".pt").exists()
    assert json.loads(heads.out.with_suffix(".json").read_text())["body_seed"] == 1
    with pytest.raises(SyntherError, match=r"has seeds \[0, 1\], not 5"):
        train_pixels(job(agent, data=(latents,), body=body, body_seed=5))
    other = next(name for name in KINDS if name != agent)
    with pytest.raises(SyntherError, match="encode the dataset with"):
        train_pixels(job(other, data=(latents,), body=body))
    wide = {"settings": {"features": 4}}
    with pytest.raises(SyntherError, match="of another agent or of other settings"):
        encode_dataset((shard,), body, 0, real.module, job(agent, **wide).settings, latents)


def test_another_tasks_frames_latents_and_weights_are_refused(job, tmp_path, shard):
    real = job()
    train_pixels(real)
    body, latents = real.out.with_suffix(".pt"), tmp_path / "latents.npz"
    coded = ((shard,), body, 0, real.module, real.settings, latents)
    encode_dataset(*coded)
    assert belonging(latents)[0] == "dmc-walker-walk-repeat2"
    with pytest.raises(SyntherError, match=r"out\.pt is of task 'dmc-walker-walk-repeat2'"):
        encode_dataset(*coded, task="dmc-cheetah-run-repeat2")
    cheetah = {"task": "dmc-cheetah-run-repeat2", "out": "x.parquet"}
    for words, data in (("latents.npz", latents), ("out.pt", shard)):
        with pytest.raises(SyntherError, match=f"{words} is of task 'dmc-walker-walk-repeat2'"):
            train_pixels(job(**cheetah, data=(data,), body=body))
    with h5py.File(shard, "a") as file:
        file.attrs["task"] = "dmc-walker-walk-repeat2"
    for changes in ({}, {"data": (tmp_path / "other.hdf5", shard)}):
        shutil.copy(shard, tmp_path / "other.hdf5")
        with h5py.File(tmp_path / "other.hdf5", "a") as file:
            file.attrs["task"] = "dmc-cheetah-run-repeat2"
        with pytest.raises(SyntherError, match=r"shard\.hdf5 is of task 'dmc-walker-walk-repeat2'"):
            train_pixels(job(**cheetah | changes))
    with pytest.raises(SyntherError, match=r"other\.hdf5 is of task 'dmc-cheetah-run-repeat2'"):
        encode_dataset((shard, tmp_path / "other.hdf5"), *coded[1:])


class Killed(Exception):
    pass


def test_a_killed_job_goes_on_to_the_same_rows(job, monkeypatch):
    whole = train_pixels(job(out="whole.parquet")).table().to_pandas()
    monkeypatch.setattr("synther.jobs.checkpoint.INTERVAL_S", 0.0)
    stopped = job(out="stopped.parquet")
    update = DrQBC.update

    def dies(self, batch, noise):
        if self.updates == 3:
            raise Killed
        return update(self, batch, noise)

    monkeypatch.setattr(DrQBC, "update", dies)
    with pytest.raises(Killed):
        train_pixels(stopped)
    monkeypatch.setattr(DrQBC, "update", update)
    assert stopped.out.with_suffix(".ckpt").exists()
    assert not stopped.out.exists()
    pd.testing.assert_frame_equal(train_pixels(stopped).table().to_pandas(), whole)
    assert not stopped.out.with_suffix(".ckpt").exists()


def test_a_job_that_is_killed_after_its_last_evaluation_says_what_rendered(job, monkeypatch):
    def dies(*_):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("synther.jobs.checkpoint.INTERVAL_S", 0.0)
        patch.setattr("synther.training.pixels.save_body", dies)
        with pytest.raises(Killed):
            train_pixels(job())
    train_pixels(job())
    record = json.loads(job().out.with_suffix(".json").read_text())
    assert record["physics"] == "none"  # the name that the stand-in here gives itself


def test_a_seed_alone_has_the_rows_that_it_has_in_a_block(job):
    block = train_pixels(job(seeds=(0, 1))).table().to_pandas()
    alone = train_pixels(job(seeds=(1,), out="alone.parquet")).table().to_pandas()
    ours = block[block["seed"] == 1].reset_index(drop=True)
    pd.testing.assert_frame_equal(ours, alone, rtol=1e-4, atol=1e-5)


def test_evaluation_can_be_cut_short(job):
    rows = train_pixels(job(settings={"eval_steps": 2, "steps": 2})).table().to_pandas()
    assert rows["length"].eq(2).all()


def test_divergence_is_named(job):
    with pytest.raises(SyntherError, match=r"NaN or infinite (by update|after)"):
        train_pixels(job(settings={"learning_rate": 1e30}))


def test_a_damaged_body_is_named(tmp_path):
    (tmp_path / "x.pt").write_bytes(b"no")
    with pytest.raises(SyntherError, match=r"x\.pt is damaged: train the agent anew"):
        load_body(tmp_path / "x.pt")
    with pytest.raises(SyntherError, match="synther pixels"):
        load_body(tmp_path / "y.pt")
