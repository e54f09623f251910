"""What else goes wrong between and within runs ends in words that name the file and the remedy."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lives import command

from synther import SyntherError
from synther.cli import main
from synther.datasets import collect
from synther.envs import make_env
from synther.jobs.checkpoint import Checkpoint
from synther.training import evaluate, results

Refused = Callable[[list[str]], str]


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Refused:
    def run(arguments: list[str]) -> str:
        capsys.readouterr()
        assert main(arguments) == 1
        error = capsys.readouterr().err
        assert "Traceback" not in error
        return error

    return run


@pytest.fixture
def killed(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a job that was killed when all that was left to do was to write its rows."""
    shutil.copy(data, tmp_path / "own.hdf5")
    arguments = command("train", tmp_path, tmp_path / "own.hdf5")

    def dies(*given: object) -> None:
        raise SyntherError("killed")

    with monkeypatch.context() as patch:
        patch.setenv("SYNTHER_CHECKPOINT_INTERVAL", "0")
        patch.setattr(results, "write_result", dies)
        assert main(arguments) == 1
    assert (tmp_path / "offline.ckpt").exists()
    return arguments


def test_a_dataset_that_changed_between_runs(
    killed: list[str], data: Path, tmp_path: Path, refused: Refused
) -> None:
    own, kept = tmp_path / "own.hdf5", (tmp_path / "offline.ckpt").read_bytes()
    damaged = bytearray(own.read_bytes())
    damaged[-1] ^= 1
    own.write_bytes(damaged)
    error = refused(killed)
    assert "offline.ckpt was made with other settings, inputs or version (data.sha256 was" in error
    assert "delete it to start anew, or go back to those" in error
    assert (tmp_path / "offline.ckpt").read_bytes() == kept
    shutil.copy(data, own)
    assert main(killed) == 0


def test_a_checkpoint_cut_in_half(killed: list[str], tmp_path: Path, refused: Refused) -> None:
    path = tmp_path / "offline.ckpt"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert f"checkpoint {path} is damaged: delete it" in refused(killed)
    path.unlink()
    assert main(killed) == 0
    assert (tmp_path / "offline.parquet").exists()


def test_one_flipped_bit_of_a_checkpoint_is_found(
    killed: list[str], tmp_path: Path, refused: Refused
) -> None:
    path = tmp_path / "offline.ckpt"
    damaged = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        largest = max(archive.infolist(), key=lambda member: member.file_size)
        start = damaged.find(archive.read(largest))
    damaged[start + largest.file_size // 2] ^= 4  # in a tensor, which torch reads without a check
    path.write_bytes(damaged)
    assert f"checkpoint {path} is damaged: delete it" in refused(killed)


def test_other_settings_and_another_version_are_named(
    killed: list[str], refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = refused([*killed, "--set", "discount=0.9"])
    assert "settings.discount was 0.99, is 0.9" in error
    monkeypatch.setattr("synther.jobs.provenance.version", lambda: "9.9")
    assert "version was 0.1.0, is 9.9" in refused(killed)


def test_a_state_of_a_gpu_does_not_go_on_on_a_cpu(tmp_path: Path) -> None:
    Checkpoint(tmp_path / "x.ckpt", {}, "cuda:1").save({})
    assert Checkpoint(tmp_path / "x.ckpt", {}, "cuda:0").load() == {}
    with pytest.raises(SyntherError, match="device was cuda, is cpu"):
        Checkpoint(tmp_path / "x.ckpt", {}, "cpu").load()


def test_weights_that_are_not_numbers_are_never_saved(
    data: Path, tmp_path: Path, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNTHER_CHECKPOINT_INTERVAL", "0")
    error = refused([*command("train", tmp_path, data), "--set", "reward_shift=.nan"])
    assert "became NaN or infinite by update" in error
    assert "lower its learning rate" in error
    assert not list(tmp_path.glob("*.parquet"))


def test_samples_of_other_settings_are_not_mixed(
    data: Path, tmp_path: Path, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    from synther.jobs import resumable

    assert main(command("fit", tmp_path, data)) == 0
    sample = command("sample", tmp_path, data)
    monkeypatch.setenv("SYNTHER_CHECKPOINT_INTERVAL", "0")

    def dies(*_: object) -> None:
        raise SyntherError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(resumable, "write_npz", dies)
        assert main(sample) == 1
    parts = tmp_path / ".samples.npz.parts"
    assert json.loads((parts / "count.json").read_text())["rows"] == 40000
    assert "seed was 0, is 1" in refused([*sample, "--seed", "1"])
    columns = (parts / "rewards").read_bytes()
    (parts / "rewards").write_bytes(columns[:100])
    assert f"{parts} lacks rows that it counts: delete it" in refused(sample)
    (parts / "rewards").write_bytes(columns + b"half a row of a killed job")
    assert main(sample) == 0
    assert not parts.exists()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_simulator_that_diverges(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    env = make_env("hopper", 3, threads=1)
    env.reset(0)
    env.qvel[1] = 1e12  # type: ignore[attr-defined]
    env.step(np.zeros((3, 3)))
    assert env.diverged.tolist() == [False, True, False]
    env.reset(0)
    actions = np.zeros((3, 3))
    actions[2, 0] = np.nan  # which MuJoCo takes for 0
    env.step(actions)
    assert env.diverged.tolist() == [False, False, True]

    def gives_up(self: Any, rows: Any, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.diverged[rows] = True
        return np.zeros(len(self.elapsed[rows])), np.zeros(len(self.elapsed[rows]), dtype=bool)

    monkeypatch.setattr(type(env), "_advance", gives_up)
    with pytest.raises(SyntherError, match="diverged in step 1 of an episode under random actions"):
        collect.collect("hopper", "random", 10, tmp_path / "x.hdf5", threads=1)
    assert list(tmp_path.iterdir()) == []


def test_an_action_that_is_no_number_is_no_action() -> None:
    with pytest.raises(SyntherError, match="an action is NaN or infinite after 7 updates"):
        evaluate.require_finite_actions(np.array([[0.0, np.inf]]), 7)
