"""Files for other libraries, read back by plain loops over them and by `minari` itself."""

from __future__ import annotations

import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from synther import SyntherError, Transitions
from synther.datasets import export
from synther.datasets.d4rl import load_transitions
from synther.transitions import FIELDS


def independent(n: int, seed: int = 0) -> Transitions:
    """Rows that have nothing to do with one another, a third of them terminal."""
    rng = np.random.default_rng(seed)
    s, following = rng.normal(size=(2, n, 3))
    actions = rng.uniform(-1.1, 1.1, size=(n, 2))
    return Transitions(s, actions, rng.normal(size=n), following, np.arange(n) % 3 == 1)


def episodes() -> Transitions:
    """Two episodes of 4 steps, the first ending in a terminal state, and one of 1 step."""
    walk = np.random.default_rng(1).normal(size=(12, 3))
    starts = [0, 1, 2, 3, 5, 6, 7, 8, 10]
    rows = np.array(starts)
    terminals = np.zeros(9)
    terminals[3] = 1.0
    actions = np.linspace(-1, 1, 18).reshape(9, 2)
    return Transitions(walk[rows], actions, np.arange(9.0), walk[rows + 1], terminals)


def assert_equal(found: Transitions, wanted: Transitions) -> None:
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name), err_msg=name)


def one_by_one(path: Path) -> Transitions:
    """What D4RL's `qlearning_dataset` says, in a loop over the rows."""
    with h5py.File(path) as file:
        rows = {key: file[key][()] for key in file if key != "metadata"}
    kept: dict[str, list] = {name: [] for name in FIELDS}
    for i in range(len(rows["rewards"]) - 1):
        if rows["timeouts"][i]:
            continue
        kept["observations"].append(rows["observations"][i])
        kept["next_observations"].append(rows["observations"][i + 1])
        kept["actions"].append(rows["actions"][i])
        kept["rewards"].append(rows["rewards"][i])
        kept["terminals"].append(rows["terminals"][i])
    return Transitions(**{name: np.array(values) for name, values in kept.items()})


@pytest.mark.parametrize(
    ("transitions", "rows"), [(independent(50), 100), (episodes(), 12), (independent(1), 2)]
)
def test_d4rl_readers_get_the_rows_back(
    transitions: Transitions, rows: int, tmp_path: Path
) -> None:
    path = tmp_path / "out.hdf5"
    assert export.export_d4rl(transitions, path, "hopper") == rows
    assert_equal(load_transitions(path), transitions)
    assert_equal(one_by_one(path), transitions)
    with h5py.File(path) as file:
        assert file["metadata/task"][()] == b"hopper"
        real = ~file["timeouts"][()]
        np.testing.assert_array_equal(
            file["next_observations"][()][real], transitions.next_observations
        )


def test_a_dataset_keeps_its_episodes(tmp_path: Path) -> None:
    # One row each for what follows the terminal step, the time-out and the end
    export.export_d4rl(episodes(), tmp_path / "out.hdf5")
    with h5py.File(tmp_path / "out.hdf5") as file:
        assert np.flatnonzero(file["timeouts"][()]).tolist() == [4, 9, 11]
        assert np.flatnonzero(file["terminals"][()]).tolist() == [3]


def test_flags_that_are_no_flags(tmp_path: Path) -> None:
    soft = independent(5)
    soft.terminals[2] = 0.3
    with pytest.raises(SyntherError, match=r"threshold_terminals=0\.5"):
        export.export_d4rl(soft, tmp_path / "out.hdf5")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("transitions", "number"), [(independent(40), 40), (episodes(), 3)])
def test_minari_reads_the_rows_back(
    transitions: Transitions, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    minari = pytest.importorskip("minari")
    folder = tmp_path / "hopper-synther-v0"
    assert export.export_minari(transitions, folder, "hopper") == number
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    found = minari.load_dataset("hopper-synther-v0")
    assert found.total_episodes == number
    assert found.total_steps == len(transitions)
    parts = []
    for episode in found.iterate_episodes():
        assert found.action_space.contains(episode.actions[0])
        assert found.observation_space.contains(episode.observations[0])
        assert not (episode.terminations | episode.truncations)[:-1].any()
        assert episode.terminations[-1] != episode.truncations[-1]
        parts.append(
            Transitions(
                episode.observations[:-1],
                episode.actions,
                episode.rewards,
                episode.observations[1:],
                episode.terminations,
            )
        )
    assert_equal(Transitions.concatenate(parts), transitions)
    assert [entry.name for entry in tmp_path.iterdir()] == [folder.name]
    with pytest.raises(SyntherError, match="there already"):
        export.export_minari(transitions, folder)


def test_what_minari_is_no_format_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("minari")
    with pytest.raises(SyntherError, match="hopper-v0"):
        export.export_minari(independent(5), tmp_path / "samples")
    monkeypatch.setattr(export, "MOST_EPISODES", 4)
    with pytest.raises(SyntherError, match="5 transitions make 5 episodes"):
        export.export_minari(independent(5), tmp_path / "hopper-v0")
    assert not list(tmp_path.iterdir())


def test_without_minari_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "minari", None)
    with pytest.raises(SyntherError, match=r"pip install 'synther\[minari\]'"):
        export.export_minari(independent(5), tmp_path / "hopper-v0")
