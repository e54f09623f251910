"""What the writer leaves: D4RL v2's keys and types, whole, and the same bytes every time."""

from __future__ import annotations

import time

import h5py
import numpy as np
import pytest

from synther.datasets.d4rl import load_transitions
from synther.datasets.hdf5_writer import write_d4rl_hdf5
from synther.datasets.policies import load_policy, policy_from
from synther.errors import SyntherError

METADATA = {"algorithm": "SAC", "iteration": 400}


def arrays(n=20):
    rng = np.random.default_rng(0)
    return {
        "observations": rng.normal(size=(n, 4)),
        "actions": rng.normal(size=(n, 2)),
        "rewards": rng.normal(size=n),
        "next_observations": rng.normal(size=(n, 4)),
        "terminals": np.arange(n) % 7 == 6,
        "timeouts": np.arange(n) % 5 == 4,
        "infos/qpos": rng.normal(size=(n, 3)),
        "infos/qvel": rng.normal(size=(n, 3)),
        "infos/action_log_probs": rng.normal(size=n),
    }


def policy():
    rng = np.random.default_rng(1)
    widths = {"fc0": (8, 4), "fc1": (6, 8), "last_fc": (2, 6), "last_fc_log_std": (2, 6)}
    found = {f"{layer}/weight": rng.normal(size=shape) for layer, shape in widths.items()} | {
        f"{layer}/bias": rng.normal(size=shape[0]) for layer, shape in widths.items()
    }
    return policy_from(found, "p.npz", "p")


def layout(path):
    """Return {key: (type, number of dimensions)} of every array in a file."""
    found = {}

    def note(name, node):
        if isinstance(node, h5py.Dataset):
            kind = node.dtype.kind if node.dtype.kind == "S" else node.dtype.str
            found[name] = (kind, node.ndim)

    with h5py.File(path) as file:
        file.visititems(note)
    return found


def test_round_trip(tmp_path):
    path = tmp_path / "sub/a.hdf5"
    given, network = arrays(), policy()
    write_d4rl_hdf5(path, given, METADATA | {"physics": "mujoco 3", "seed": 2**40}, network)
    with h5py.File(path) as file:
        for key, value in given.items():
            np.testing.assert_array_equal(file[key][()], value.astype(file[key].dtype))
        for key, value in network.arrays.items():
            np.testing.assert_array_equal(
                file[f"metadata/policy/{key}"][()], value.astype(np.float32)
            )
        stored = {k: v[()] for k, v in file["metadata"].items() if k != "policy"}
        text = file["metadata/policy/nonlinearity"][()]
        assert file["metadata/algorithm"].dtype == "S3"
    assert stored == {"algorithm": b"SAC", "iteration": 400, "physics": b"mujoco 3", "seed": 2**40}
    assert text == b"relu"
    keep = ~given["timeouts"][:-1]
    np.testing.assert_array_equal(
        load_transitions(path, own_next_observations=True).actions[: keep.sum()],
        given["actions"][:-1][keep].astype(np.float32),
    )
    assert [p.name for p in path.parent.iterdir()] == ["a.hdf5"]


def test_layout_is_that_of_a_recorded_file(shared, tmp_path):
    recorded = shared / "d4rl/slices/hopper/hopper_medium-v2.hdf5"
    with h5py.File(recorded) as file:
        given = {k: file[k][()] for k in arrays()}
        found = {k: file[f"metadata/policy/{k}"][()] for k in policy().arrays}
        network = policy_from(found, recorded, "medium")
    write_d4rl_hdf5(tmp_path / "a.hdf5", given, METADATA, network)
    assert layout(tmp_path / "a.hdf5") == layout(recorded)


def test_recorded_policies_are_taken_as_they_are(shared, tmp_path):
    given = arrays()
    given["observations"] = given["next_observations"] = np.zeros((20, 11))
    given["actions"] = np.zeros((20, 3))
    for name in ("medium-v2/hopper-medium-v2.npz", "snapshots/hopper/hopper_online_3.npz"):
        network = load_policy(shared / "d4rl/policies" / name)
        write_d4rl_hdf5(tmp_path / "a.hdf5", given, METADATA, network)
        with h5py.File(tmp_path / "a.hdf5") as file:
            assert file["metadata/policy/output_distribution"][()] == b"tanh_gaussian"
            assert sorted(file["metadata"]) == ["algorithm", "iteration", "policy"]


def test_same_input_same_bytes(tmp_path):
    given, network = arrays(), policy()
    write_d4rl_hdf5(tmp_path / "a.hdf5", given, METADATA, network)
    time.sleep(1.1)  # HDF5 stamps whole seconds, if it stamps
    backwards = dict(reversed(given.items()))
    write_d4rl_hdf5(tmp_path / "b.hdf5", backwards, dict(reversed(METADATA.items())), network)
    first = (tmp_path / "a.hdf5").read_bytes()
    assert first == (tmp_path / "b.hdf5").read_bytes()
    given["rewards"][3] += 1
    write_d4rl_hdf5(tmp_path / "b.hdf5", given, METADATA, network)
    assert first != (tmp_path / "b.hdf5").read_bytes()


def test_infos_and_policy_may_be_left_out(tmp_path):
    given = {k: v for k, v in arrays().items() if not k.startswith("infos/")}
    write_d4rl_hdf5(tmp_path / "a.hdf5", given, {}, None)
    assert sorted(layout(tmp_path / "a.hdf5")) == sorted(given)


def nan_at(key):
    array = arrays()[key].copy()
    array[3] = np.nan
    return {key: array}


WRONG_ARRAYS = {
    "rows": ({"actions": np.zeros((19, 2))}, r"actions have shape \(19, 2\)"),
    "dimensions": ({"rewards": np.zeros((20, 1))}, r"rewards have shape \(20, 1\)"),
    "widths": ({"next_observations": np.zeros((20, 5))}, "next_observations have shape"),
    "unknown": ({"infos/qpso": np.zeros((20, 3))}, "did you mean infos/qpos"),
    "flags": ({"terminals": np.full(20, 0.5)}, "terminals must be flags"),
    "text": ({"rewards": np.array(["x"] * 20)}, "rewards are of type"),
    "NaN": (nan_at("observations"), "observations hold NaN"),
    "NaN position": (nan_at("infos/qpos"), "infos/qpos hold NaN"),
    "beyond float32": ({"rewards": np.full(20, 1e300)}, "rewards hold NaN or infinite"),
}


@pytest.mark.parametrize("case", WRONG_ARRAYS)
def test_unfitting_arrays_are_refused(tmp_path, case):
    change, message = WRONG_ARRAYS[case]
    with pytest.raises(SyntherError, match=message):
        write_d4rl_hdf5(tmp_path / "a.hdf5", arrays() | change, METADATA, policy())
    assert not list(tmp_path.iterdir())


def test_missing_and_empty_arrays_are_refused(tmp_path):
    given = arrays()
    del given["timeouts"]
    with pytest.raises(SyntherError, match="timeouts missing"):
        write_d4rl_hdf5(tmp_path / "a.hdf5", given, METADATA, None)
    with pytest.raises(SyntherError, match="no rows"):
        write_d4rl_hdf5(tmp_path / "a.hdf5", arrays(0), METADATA, None)


def test_a_policy_of_other_widths_is_refused(tmp_path):
    for change in ({"observations": "next_observations"}, {"actions": None}):
        given = arrays()
        for key, follows in change.items():
            given[key] = np.zeros((20, 5))
            given |= {follows: given[key]} if follows else {}
        with pytest.raises(SyntherError, match=r"policy 'p' is of widths \(4, 2\), the rows of"):
            write_d4rl_hdf5(tmp_path / "a.hdf5", given, METADATA, policy())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "metadata", [{"policy": "x"}, {"a/b": 1}, {"physics": ""}, {"physics": None}, {"x": [1, 2]}]
)
def test_unstorable_metadata_is_refused(tmp_path, metadata):
    with pytest.raises(SyntherError, match=str(next(iter(metadata)))):
        write_d4rl_hdf5(tmp_path / "a.hdf5", arrays(), metadata, None)


def test_a_path_that_cannot_be_written_is_explained(tmp_path):
    (tmp_path / "a.hdf5").mkdir()
    with pytest.raises(SyntherError, match="can't be written"):
        write_d4rl_hdf5(tmp_path / "a.hdf5", arrays(), METADATA, None)
    assert [p.name for p in tmp_path.iterdir()] == ["a.hdf5"]
