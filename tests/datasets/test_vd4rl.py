"""V-D4RL's format: reading, stacking and n-step returns by row number, downloads."""

import resource

import h5py
import numpy as np
import pytest
from shards import episode, write

from synther import SyntherError, config
from synther.config.specs import dataset_files
from synther.datasets import load_dataset
from synther.datasets.download import download_shards
from synther.datasets.vd4rl import ShardWriter, pixel_files, read_shards
from synther.jobs.files import sha256


@pytest.fixture
def episodes():
    return [episode(4, 0), episode(5, 1, terminal=True), episode(3, 2)]


def test_shards_are_read_one_after_another(tmp_path, episodes):
    paths = [write(tmp_path / "0.hdf5", *episodes[:2]), write(tmp_path / "1.hdf5", episodes[2])]
    data = read_shards(paths)
    whole = {key: np.concatenate([e[key] for e in episodes]) for key in episodes[0]}
    assert len(data) == 5 + 6 + 4
    assert data.frames.dtype == np.uint8
    np.testing.assert_array_equal(data.frames, whole["observation"])
    begins = np.array([0, 5, 11])
    np.testing.assert_array_equal(np.unique(data.first), begins)
    np.testing.assert_array_equal(np.unique(data.last), [4, 10, 14])
    others = np.setdiff1d(np.arange(15), begins)
    np.testing.assert_array_equal(data.rewards[others], whole["reward"][others])
    np.testing.assert_array_equal(data.actions[others], whole["action"][others])
    assert (data.rewards[begins] == 0).all()  # dummies, NaN in the file
    assert (data.discounts[begins] == 1).all()
    assert data.discounts[10] == 0


def test_n_step_returns_by_hand(tmp_path, episodes):
    data = read_shards([write(tmp_path / "0.hdf5", *episodes)])
    starts = data.starts(3)
    assert starts.tolist() == [0, 1, 5, 6, 7, 11]  # the three steps after them are in the episode
    assert data.starts(1).tolist() == [0, 1, 2, 3, 5, 6, 7, 8, 9, 11, 12, 13]
    r = [e["reward"].astype(float) for e in episodes]
    expected = [
        r[0][1] + 0.9 * r[0][2] + 0.81 * r[0][3],
        r[0][2] + 0.9 * r[0][3] + 0.81 * r[0][4],
        r[1][1] + 0.9 * r[1][2] + 0.81 * r[1][3],
        r[1][2] + 0.9 * r[1][3] + 0.81 * r[1][4],
        r[1][3] + 0.9 * r[1][4] + 0.81 * r[1][5],
        r[2][1] + 0.9 * r[2][2] + 0.81 * r[2][3],
    ]
    np.testing.assert_allclose(data.returns(starts, 3, 0.9), expected, rtol=1e-6)
    with pytest.raises(SyntherError, match="no episode of the pixel dataset has 6 steps"):
        data.starts(6)


def test_reading_takes_the_frames_once(tmp_path):
    rows = 12_000
    types = np.ones(rows, dtype=np.int64)
    types[0] = 0
    path = tmp_path / "large.hdf5"
    with h5py.File(path, "w") as file:
        file.create_dataset("observation", (rows, 3, 84, 84), np.uint8, chunks=(100, 3, 84, 84))
        file.create_dataset("action", data=np.zeros((rows, 6), dtype=np.float32))
        file.create_dataset("step_type", data=types)
        for key in ("reward", "discount"):
            file.create_dataset(key, data=np.ones(rows, dtype=np.float32))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    data = read_shards([path])
    used = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert used < data.frames.nbytes + 100e6


BAD = {
    "lacks": ({"discount": None}, "lacks discount; a shard"),
    "frames": ({"observation": np.zeros((5, 3, 84, 84))}, "of type float64, expected uint8"),
    "rows": ({"action": np.zeros((4, 6), dtype=np.float32)}, r"action has shape \(4, 6\)"),
    "begin": ({"step_type": np.array([1, 1, 1, 1, 2])}, "its first row begins no episode"),
    "end": ({"step_type": np.array([0, 1, 2, 1, 2])}, "rows behind an episode's last one"),
    "nan": ({"reward": np.array([0, 1, np.nan, 1, 1])}, "rewards are NaN or infinite"),
    "layout": ({"reward": np.zeros((5, 2))}, "are not a V-D4RL shard's"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_shard_is_named(tmp_path, case):
    changes, message = BAD[case]
    path = write(tmp_path / "bad.hdf5", episode(4, 0), **changes)
    with pytest.raises(SyntherError, match=message) as caught:
        read_shards([path])
    assert "bad.hdf5" in str(caught.value)


def test_shards_that_do_not_belong_together(tmp_path):
    one = write(tmp_path / "0.hdf5", episode(3, 0))
    other = write(tmp_path / "1.hdf5", episode(3, 0, actions=5))
    with pytest.raises(SyntherError, match="differ in the width"):
        read_shards([one, other])
    with pytest.raises(SyntherError, match="given twice"):
        read_shards([one, one])
    with pytest.raises(SyntherError, match="no shards"):
        read_shards([])
    (tmp_path / "cut.hdf5").write_bytes(one.read_bytes()[:500])
    with pytest.raises(SyntherError, match="not a whole HDF5 file"):
        read_shards([tmp_path / "cut.hdf5"])


def test_the_writer_writes_what_is_read(tmp_path):
    path = tmp_path / "own.hdf5"
    parts = [episode(4, 0), episode(2, 1)]
    with ShardWriter(path) as writer:
        for part in parts:
            writer.append(part["observation"], part["action"][1:], part["reward"][1:])
        writer.metadata = {"level": "medium", "seed": 3}
    own = read_shards([path])
    theirs = read_shards([write(tmp_path / "theirs.hdf5", *parts)])
    for name in ("frames", "actions", "rewards", "discounts", "first", "last"):
        np.testing.assert_array_equal(getattr(own, name), getattr(theirs, name))
    with h5py.File(path) as file:
        assert dict(file.attrs) == {"level": "medium", "seed": 3}
        assert sorted(file) == ["action", "discount", "observation", "reward", "step_type"]
    with pytest.raises(RuntimeError, match="stop"), ShardWriter(tmp_path / "half.hdf5"):
        raise RuntimeError("stop")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["own.hdf5", "theirs.hdf5"]


def test_shards_are_downloaded_verified_and_shared(tmp_path, monkeypatch):
    server = tmp_path / "server"
    (server / "walker_walk/medium/84px").mkdir(parents=True)
    file = write(server / "walker_walk/medium/84px/0.hdf5", episode(3, 0))
    known = {"bytes": file.stat().st_size, "sha256": sha256(file)}
    below = "walker_walk/medium/84px/0.hdf5"
    content = {
        "vd4rl": server.as_uri(),
        "mirrors": [],
        "tasks": {},
        "datasets": {
            "a": {"kind": "vd4rl", "task": "t", "level": "medium", "files": {below: known}},
            "b": {"kind": "rendered", "task": "t", "level": "medium"},
        },
    }
    monkeypatch.setattr(config, "load", lambda name: content)
    root = tmp_path / "data"
    assert dataset_files("a", root) == [root / "vd4rl" / below]
    with pytest.raises(SyntherError, match=r"unknown shard .*other.hdf5.* did you mean"):
        download_shards("a", root, only=root / "vd4rl/other.hdf5")  # it would be said to be there
    assert not (root / "vd4rl" / below).exists()
    assert pixel_files("a", root) == [root / "vd4rl" / below]
    assert len(read_shards(pixel_files("a", root))) == 4
    known["sha256"] = "0" * 64
    (root / "vd4rl" / below).unlink()
    with pytest.raises(SyntherError, match=r"expected 0{64}"):
        download_shards("a", root)
    with pytest.raises(SyntherError, match="synther render --dataset b"):
        pixel_files("b", root)
    with pytest.raises(SyntherError, match="no dataset of V-D4RL's but rendered"):
        download_shards("b", root)
    with pytest.raises(SyntherError, match="a dataset of pixels"):
        load_dataset("a", root)
