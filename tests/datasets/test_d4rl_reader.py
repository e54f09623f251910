"""The vectorised reader against D4RL's rule, row by row, on made-up and on recorded files."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synther import datasets
from synther.datasets.d4rl import load_transitions, skipped_rows
from synther.errors import SyntherError
from synther.transitions import FIELDS


def row_by_row(file, time_limit):
    """Return what `qlearning_dataset` returns, from a mapping of arrays: its loop, kept slow."""
    found = {name: [] for name in FIELDS}
    step = 0
    for i in range(len(file["rewards"]) - 1):
        done = bool(file["terminals"][i])
        last = bool(file["timeouts"][i]) if "timeouts" in file else step == time_limit - 1
        if last:
            step = 0
            continue
        if done:
            step = 0
        found["observations"].append(np.asarray(file["observations"][i], np.float32))
        found["next_observations"].append(np.asarray(file["observations"][i + 1], np.float32))
        found["actions"].append(np.asarray(file["actions"][i], np.float32))
        found["rewards"].append(np.float32(np.asarray(file["rewards"][i]).item()))
        found["terminals"].append(np.float32(done))
        step += 1
    return {name: np.array(rows) for name, rows in found.items()}


def arrays(n, terminals=(), timeouts=(), seed=0):
    """Return the arrays of a file of n rows; `timeouts` None leaves that key out."""
    rng = np.random.default_rng(seed)
    content = {
        "observations": rng.normal(size=(n, 3)).astype(np.float32),
        "actions": rng.normal(size=(n, 2)).astype(np.float32),
        "rewards": rng.normal(size=n).astype(np.float32),
        "terminals": np.isin(np.arange(n), terminals),
    }
    if timeouts is not None:
        content["timeouts"] = np.isin(np.arange(n), timeouts)
    return content


def write(path, content):
    with h5py.File(path, "w") as file:
        for key, value in content.items():
            file[key] = value
    return path


def assert_same(transitions, expected):
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(transitions, name), expected[name], err_msg=name)
        assert getattr(transitions, name).dtype == np.float32


@settings(max_examples=60)
@given(
    flags=st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=30),
    with_timeouts=st.booleans(),
    time_limit=st.integers(1, 8),
)
def test_reader_follows_the_loop(tmp_path_factory, flags, with_timeouts, time_limit):
    content = arrays(
        len(flags),
        [i for i, (done, _) in enumerate(flags) if done],
        [i for i, (_, cut) in enumerate(flags) if cut] if with_timeouts else None,
    )
    path = write(tmp_path_factory.mktemp("d4rl") / "file.hdf5", content)
    expected = row_by_row(content, time_limit)
    if len(expected["rewards"]) == 0:
        with pytest.raises(SyntherError, match="no transition"):
            load_transitions(path, time_limit)
    else:
        assert_same(load_transitions(path, time_limit), expected)


@settings(max_examples=200)
@given(terminals=st.lists(st.booleans(), min_size=1, max_size=60), time_limit=st.integers(1, 12))
def test_skipped_rows_follow_the_loop(terminals, time_limit):
    step, expected = 0, []
    for done in terminals:
        expected.append(step == time_limit - 1)
        step = 0 if expected[-1] else (0 if done else step) + 1
    found = skipped_rows(np.array(terminals), time_limit)
    np.testing.assert_array_equal(found, expected)


def test_step_counter_restarts_at_one_after_a_terminal():
    found = skipped_rows(np.isin(np.arange(10), [1]), time_limit=4)
    assert np.flatnonzero(found).tolist() == [4, 8]
    assert np.flatnonzero(skipped_rows(np.zeros(10, bool), 4)).tolist() == [3, 7]


def test_timeout_wins_over_terminal_and_last_row_is_dropped(tmp_path):
    content = arrays(6, terminals=[1, 3, 5], timeouts=[3])
    read = load_transitions(write(tmp_path / "a.hdf5", content))
    np.testing.assert_array_equal(read.actions, content["actions"][[0, 1, 2, 4]])
    assert read.terminals.tolist() == [0, 1, 0, 0]
    np.testing.assert_array_equal(read.next_observations[1], content["observations"][2])


def test_the_files_own_next_observations_are_not_used(tmp_path):
    content = arrays(30, terminals=[7], timeouts=[19])
    plain = load_transitions(write(tmp_path / "a.hdf5", content))
    content["next_observations"] = following(content)
    assert (content["next_observations"][7] != content["observations"][8]).all()
    assert_same(load_transitions(write(tmp_path / "b.hdf5", content)), vars(plain))


def following(content):
    """Return the true next observations: another one where an episode ends."""
    own = np.roll(content["observations"], -1, axis=0)
    own[content["terminals"] | content["timeouts"]] += 1
    return own


STORED = {
    "plain": {},
    "packed": {"compression": "gzip", "chunks": (7, 3)},
    "packed by column": {"compression": "gzip", "chunks": (7, 1)},
}


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("stored", STORED)
def test_rows_that_do_not_follow_on_each_other_are_counted(tmp_path, stored, kind):
    content = arrays(101, terminals=[40], timeouts=[60])
    content["next_observations"] = following(content)
    content["next_observations"][[11, 40, 60, 89]] += 0.5  # two of them at ends
    path = tmp_path / "a.hdf5"
    with h5py.File(path, "w") as file:
        for key, value in content.items():
            if key in ("observations", "next_observations"):
                file.create_dataset(key, data=value.astype(kind), **STORED[stored])
            else:
                file[key] = value
    with pytest.raises(SyntherError, match=r"in 2 of 101 rows, .*\(first: row 11\).*--own-next"):
        load_transitions(path)
    assert len(load_transitions(path, own_next_observations=True)) == 100


def test_rows_in_random_order_are_refused_and_their_own_taken(tmp_path):
    content = arrays(800, terminals=[100, 500], timeouts=[300])
    content["next_observations"] = following(content)
    shuffled = np.random.default_rng(0).permutation(800)
    mixed = {key: value[shuffled] for key, value in content.items()}
    path = write(tmp_path / "a.hdf5", mixed)
    with pytest.raises(SyntherError, match=r"in 79\d of 800 rows"):
        load_transitions(path)
    read = load_transitions(path, own_next_observations=True)
    kept = ~mixed["timeouts"]
    assert_same(read, {name: np.float32(mixed[name][kept]) for name in FIELDS})
    del mixed["next_observations"]
    with pytest.raises(SyntherError, match="no next_observations of its own"):
        load_transitions(write(tmp_path / "b.hdf5", mixed), own_next_observations=True)


def test_rounding_is_no_break(tmp_path):
    content = arrays(50)
    content["next_observations"] = following(content) * (1 + 1e-6)
    assert len(load_transitions(write(tmp_path / "a.hdf5", content))) == 49


def test_what_d4rl_published_is_read_as_d4rl_reads_it(tmp_path, edit_config):
    content = arrays(50)
    content["next_observations"] = content["observations"]
    path = write(tmp_path / "hopper_medium-v2.hdf5", content)
    with pytest.raises(SyntherError, match="in 49 of 50 rows"):
        load_transitions(path)
    edit_config("datasets.yaml", "bytes: 152756557", f"bytes: {path.stat().st_size}")
    assert_same(load_transitions(path), row_by_row(content, 1000))


@pytest.mark.parametrize("key", ["terminals", "timeouts"])
def test_flags_that_are_neither_0_nor_1_want_a_threshold(tmp_path, key):
    content = arrays(30, terminals=[4, 9], timeouts=[14])
    plain = load_transitions(write(tmp_path / "a.hdf5", content))
    content[key] = content[key] * 1.09 - 0.05
    path = write(tmp_path / "b.hdf5", content)
    with pytest.raises(
        SyntherError, match=rf"{key} are not all 0 or 1 \(they go from -0.05 to 1.04\)"
    ):
        load_transitions(path)
    assert_same(load_transitions(path, threshold_terminals=0.5), vars(plain))


def test_a_file_without_timeouts_takes_its_tasks_time_limit_or_says_that_there_is_none(tmp_path):
    content = arrays(700, timeouts=None)
    path = write(tmp_path / "a.hdf5", content)
    with pytest.raises(SyntherError, match=r"no timeouts, and nothing says .*--time-limit"):
        load_transitions(path)
    umaze = row_by_row(content, 300)
    assert len(umaze["rewards"]) == 697
    assert_same(load_transitions(path, 300), umaze)
    assert_same(load_transitions(path, task="maze2d-umaze"), umaze)
    assert_same(load_transitions(path, 100, task="maze2d-umaze"), row_by_row(content, 100))
    assert_same(load_transitions(write(tmp_path / "maze2d-umaze-sparse-v1.hdf5", content)), umaze)
    with h5py.File(path, "a") as file:
        file["metadata/task"] = np.bytes_("maze2d-umaze")
    assert_same(load_transitions(path), umaze)


def test_column_rewards_and_floating_flags_read_alike(tmp_path):
    content = arrays(20, terminals=[4, 9], timeouts=[14])
    plain = load_transitions(write(tmp_path / "a.hdf5", content))
    other = {key: value.astype(np.float64) for key, value in content.items()}
    other["rewards"] = other["rewards"][:, None]
    other["terminals"] = other["terminals"][:, None]
    assert_same(load_transitions(write(tmp_path / "b.hdf5", other)), vars(plain))


SLICES = [
    "hopper/hopper_medium-v2.hdf5",
    "halfcheetah/halfcheetah_medium-v2.hdf5",
    "hopper/hopper_medium_replay-v1.hdf5",
    "halfcheetah/halfcheetah_medium_replay-v1.hdf5",
    "hopper/hopper_random-v1.hdf5",
    "hopper/hopper_medium.hdf5",
    "halfcheetah/halfcheetah_medium.hdf5",
    "antmaze/antmaze-umaze-v0.hdf5",
    "antmaze/antmaze-medium-diverse-v0.hdf5",
]


@pytest.mark.parametrize("with_timeouts", [True, False])
@pytest.mark.parametrize("name", SLICES)
def test_recorded_files_read_as_d4rl_reads_them(shared, tmp_path, name, with_timeouts):
    path = shared / "d4rl/slices" / name
    if not path.is_file():
        pytest.skip(f"shared/ has no {name}")
    with h5py.File(path) as file:
        content = {
            key: file[key][()]
            for key in ("observations", "actions", "rewards", "terminals", "timeouts")
        }
    if not with_timeouts:
        del content["timeouts"]
        path = write(tmp_path / "without.hdf5", content)
    # 40 is short enough that every slice meets the time limit where it has no timeouts.
    assert_same(load_transitions(path, time_limit=40), row_by_row(content, 40))


def test_load_transitions_goes_by_the_suffix(tmp_path):
    read = load_transitions(write(tmp_path / "a.hdf5", arrays(9)))
    read.save(tmp_path / "a.npz")
    write(tmp_path / "a.h5", arrays(9))
    for name in ("a.npz", "a.h5", "a.hdf5"):
        assert_same(load_transitions(tmp_path / name), vars(read))
    with pytest.raises(SyntherError, match=r"unknown file type '\.csv'.*a\.csv"):
        load_transitions(tmp_path / "a.csv")


def edited(**changes):
    content = arrays(8) | changes
    return {key: value for key, value in content.items() if value is not None}


def with_value(key, row, value):
    content = arrays(8)
    content[key] = content[key].astype(np.float64)
    content[key][row] = value
    return content


BROKEN = {
    "no rewards": (edited(rewards=None), "lacks rewards;"),
    "two keys gone": (edited(actions=None, terminals=None), "lacks actions, terminals;"),
    "short actions": (edited(actions=np.zeros((7, 2))), "actions have 7 rows, rewards 8"),
    "short timeouts": (edited(timeouts=np.zeros(7, bool)), "timeouts have 7 rows, rewards 8"),
    "flat observations": (edited(observations=np.zeros(8)), r"observations have shape \(8,\)"),
    "wide rewards": (edited(rewards=np.zeros((8, 2))), r"rewards have shape \(8, 2\)"),
    "text": (edited(actions=np.array([[b"left"]] * 8)), "actions are of type .S4, not numbers"),
    "complex": (edited(rewards=np.zeros(8, complex)), "rewards are of type complex128"),
    "empty": (arrays(0), "rewards are empty"),
    "no width": (edited(actions=np.zeros((8, 0))), "actions are empty"),
    "one row": (arrays(1), "no transition"),
    "only time-outs": (arrays(4, timeouts=range(4)), "no transition"),
    "NaN": (with_value("observations", 2, np.nan), "observations are NaN or infinite"),
    "infinite": (with_value("rewards", 2, np.inf), "rewards are NaN or infinite in 1 of 7"),
    "beyond float32": (with_value("actions", 2, 1e300), "actions are NaN or infinite"),
    "NaN flag": (with_value("terminals", 2, np.nan), "terminals hold NaN"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_unusable_files_are_refused_by_name(tmp_path, case):
    content, message = BROKEN[case]
    path = write(tmp_path / "bad.hdf5", content)
    with pytest.raises(SyntherError, match=message) as caught:
        load_transitions(path)
    assert str(path) in str(caught.value)


def test_a_group_in_place_of_an_array_is_refused(tmp_path):
    path = write(tmp_path / "bad.hdf5", edited(rewards=None))
    with h5py.File(path, "a") as file:
        file.create_group("rewards")
    with pytest.raises(SyntherError, match="rewards is a group"):
        load_transitions(path)


def test_missing_cut_and_foreign_files_are_refused(tmp_path):
    with pytest.raises(SyntherError, match="does not exist"):
        load_transitions(tmp_path / "none.hdf5")
    whole = write(tmp_path / "whole.hdf5", arrays(1000)).read_bytes()
    for name, content in {"cut": whole[: len(whole) // 2], "page": b"<html>", "zero": b""}.items():
        path = tmp_path / f"{name}.hdf5"
        path.write_bytes(content)
        with pytest.raises(SyntherError, match=f"{name}.hdf5 is not a whole HDF5 file"):
            load_transitions(path)


def test_damaged_chunks_are_refused(tmp_path):
    path = tmp_path / "damaged.hdf5"
    content = arrays(500)
    with h5py.File(path, "w") as file:
        for key, value in content.items():
            file.create_dataset(key, data=value, compression="gzip", fletcher32=True)
        where = file["observations"].id.get_chunk_info(0)
    raw = bytearray(path.read_bytes())
    raw[where.byte_offset + 20 : where.byte_offset + 60] = b"\xff" * 40
    path.write_bytes(raw)
    with pytest.raises(SyntherError, match="not a whole HDF5 file"):
        load_transitions(path)


def test_load_dataset_reads_what_was_collected(tmp_path):
    with pytest.raises(SyntherError, match="synther collect --dataset hopper-medium-local"):
        datasets.load_dataset("hopper-medium-local", tmp_path)
    (tmp_path / "local").mkdir()
    # Without timeouts, so that hopper's time limit of 1000 shows.
    path = write(tmp_path / "local/hopper-medium-local.hdf5", arrays(1500, timeouts=None))
    assert datasets.dataset_path("hopper-medium-local", tmp_path) == path
    assert len(datasets.load_dataset("hopper-medium-local", tmp_path)) == 1498
    with pytest.raises(SyntherError, match="did you mean hopper-medium-"):
        datasets.load_dataset("hopper-medium-v3", tmp_path)


def test_importing_datasets_is_cheap():
    code = (
        "import sys, synther.datasets, synther.datasets.d4rl, synther.datasets.download;"
        "print([m for m in ('torch', 'h5py', 'requests', 'mujoco') if m in sys.modules])"
    )
    root = Path(datasets.__file__).parents[2]
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"


@pytest.mark.slow
def test_reading_costs_far_less_than_the_row_loop(tmp_path):
    n, share = 2_000_000, 50
    rng = np.random.default_rng(0)
    content = {
        "observations": rng.random((n, 11), np.float32),
        "actions": rng.random((n, 3), np.float32),
        "rewards": rng.random(n, np.float32),
        "terminals": rng.random(n) < 0.02,
    }
    path = write(tmp_path / "hopper-big.hdf5", content)
    part = {key: value[: n // share] for key, value in content.items()}

    def seconds(read, *arguments):
        started = time.perf_counter()
        read(*arguments)
        return time.perf_counter() - started

    loop = share * min(seconds(row_by_row, part, 1000) for _ in range(3))
    vectorised = min(seconds(load_transitions, path) for _ in range(3))
    assert vectorised < loop / 5, f"{vectorised:.2f} s against {loop:.2f} s"
