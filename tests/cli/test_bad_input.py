"""Bad input: a clear error, an exit code, no half-written output, nothing lost."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from small import SMALL

from synther import Transitions
from synther.cli import main

Refused = Callable[..., str]
CPU = ("--threads", "1", "--device", "cpu")


def train(data: Path, out: Path, *more: object) -> list[object]:
    return ["train", "--task", "hopper", "--data", data, "--out", out, *SMALL, *CPU, *more]


def fit(data: Path, out: Path, *more: object) -> list[object]:
    small = ["--set", "steps=2", "--set", "width=8", "--set", "depth=1"]
    return ["fit", "--data", data, "--out", out, *small, *CPU, *more]


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def damaged(hopper: Path, path: Path, damage: str) -> Path:
    """Write a copy of a dataset with one kind of damage."""
    if damage == "truncated":
        whole = hopper.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        return path
    if damage == "text":
        path.write_text("404 not found", encoding="utf-8")
        return path
    shutil.copy(hopper, path)
    with h5py.File(path, "r+") as file:
        if damage == "missing":
            del file["rewards"]
        elif damage == "nan":
            file["observations"][7, 2] = np.nan
        elif damage == "infinite":
            file["actions"][7, 2] = np.inf
        elif damage == "lengths":
            values = file["actions"][:-3]
            del file["actions"]
            file["actions"] = values
    return path


DAMAGES = [
    ("truncated", "is not a whole HDF5 file"),
    ("text", "is not a whole HDF5 file"),
    ("missing", "lacks rewards"),
    ("nan", "observations are NaN or infinite"),
    ("infinite", "actions are NaN or infinite in 1 of"),
    ("lengths", "actions have 297 rows, rewards 300"),
]


@pytest.mark.parametrize(("damage", "words"), DAMAGES)
def test_damaged_datasets(
    hopper: Path, tmp_path: Path, refused: Refused, damage: str, words: str
) -> None:
    data, out = damaged(hopper, tmp_path / "bad.hdf5", damage), tmp_path / "out"
    for error in (
        refused(*train(data, out / "x.parquet")),
        refused(*train(hopper, out / "x.parquet", "--statistics-from", data)),
        refused(*fit(data, out / "model")),
    ):
        assert str(data) in error
        assert words in error
    assert files(tmp_path) == ["bad.hdf5"]


def test_widths_of_another_task(tmp_path: Path, refused: Refused) -> None:
    data = tmp_path / "untold.npz"
    rows = np.random.default_rng(0).standard_normal((40, 17))
    Transitions(rows, rows[:, :6], rows[:, 0], rows, np.zeros(40)).save(data)
    error = refused(*train(data, tmp_path / "x.parquet"))
    assert "17 observation and 6 action dimensions; task 'hopper' has 11 and 3" in error
    assert files(tmp_path) == ["untold.npz"]


def test_samples_and_statistics_of_different_tasks(
    hopper: Path, tmp_path: Path, refused: Refused
) -> None:
    rows = np.random.default_rng(0).standard_normal((40, 17))
    other = Transitions(rows, rows[:, :6], rows[:, 0], rows, np.zeros(40))
    other.save(tmp_path / "other.npz")
    out = tmp_path / "x.parquet"
    error = refused(*train(tmp_path / "other.npz", out, "--statistics-from", hopper))
    assert "17" in error
    assert files(tmp_path) == ["other.npz"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (["--agent", "td3bc"], "unknown agent 'td3bc'.*did you mean td3_bc"),
        (["--task", "hoper"], "unknown task 'hoper'.*did you mean hopper"),
        (["--dataset", "hoper-medium-v2"], "unknown dataset 'hoper-medium-v2'.*hopper-medium-v2"),
        (["--source", "synthr"], "unknown source 'synthr'.*did you mean synther"),
        (["--preset", "quik"], "unknown preset 'quik'.*did you mean quick"),
        (["--physics", "stok"], "unknown physics 'stok'.*did you mean stock"),
        (["--set", "stepz=3"], "unknown setting 'stepz' in agent 'td3_bc'.*did you mean steps"),
        (["--set", "steps=many"], "setting 'steps' of agent 'td3_bc' is 'many'; it must be int"),
        (["--set", "hidden=16"], "setting 'hidden' of agent 'td3_bc' is 16"),
        (["--set", "steps"], "--set takes key=value, not 'steps'"),
        (["--seeds", "a-b"], "--seeds takes 0-7, 3 or 0,2,5-6, not 'a-b'"),
        (["--seeds", "3-1"], "--seeds 3-1 names no seed"),
        (["--seeds", "1,1"], "--seeds 1,1 names no seed, or one twice"),
        (["--out", "x.csv"], "--out x.csv must end in .parquet"),
        (["--data", "none.npz"], "none.npz does not exist"),
        (["--data", "none.txt"], "none.txt does not exist"),
        (["--device", "cuda:77"], "device cuda:77 can't be used .*try cpu"),
        (["--device", "gpu"], "device gpu can't be used .*try cpu"),
    ],
)
def test_bad_requests_to_train(
    hopper: Path,
    tmp_path: Path,
    refused: Refused,
    monkeypatch: pytest.MonkeyPatch,
    change: list[str],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    error = refused(*train(hopper, tmp_path / "x.parquet", *change))
    assert re.search(words, error), error
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (["--source", "synthr"], "unknown source 'synthr'"),
        (["--source", "real"], "source 'real' has no generator"),
        (["--dataset", "hoper-medium-v2"], "unknown dataset 'hoper-medium-v2'"),
        (["--preset", "quik"], "unknown preset 'quik'"),
        (["--set", "widht=8"], "unknown setting 'widht'"),
        (["--set", "width=wide"], "setting 'width'"),
        (["--set", "steps=0"], "setting 'steps' of diffusion is 0"),
        (["--data", "none.hdf5"], "none.hdf5 does not exist"),
    ],
)
def test_bad_requests_to_fit(
    hopper: Path,
    tmp_path: Path,
    refused: Refused,
    monkeypatch: pytest.MonkeyPatch,
    change: list[str],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert words in refused(*fit(hopper, tmp_path / "model", *change))
    assert files(tmp_path) == []


def test_folders_that_can_not_be_written(
    hopper: Path, fitted: Path, tmp_path: Path, refused: Refused
) -> None:
    (tmp_path / "file").touch()
    level = ["--task", "hopper", "--level", "random", "--rows", "50"]
    for place in (tmp_path / "file", Path("/proc/synther")):
        for command in (
            ["collect", *level, "--out", place / "x.hdf5"],
            fit(hopper, place / "model"),
            ["sample", "--model", fitted, "--num", 5, "--out", place / "x.npz", *CPU],
            train(hopper, place / "x.parquet"),
        ):
            error = refused(*command)
            assert str(place) in error
            assert "can't be written" in error
            assert "to go" not in error  # refused before the work, not after it
    assert files(tmp_path) == ["file"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (["--num", "0"], "--num is 0; it must be at least 1"),
        (["--num", "-3"], "--num is -3"),
        (["--model", "none"], "none/settings.json does not exist"),
        (["--out", "x.json"], "--out x.json must end in .npz"),
    ],
)
def test_bad_requests_to_sample(
    fitted: Path,
    tmp_path: Path,
    refused: Refused,
    monkeypatch: pytest.MonkeyPatch,
    change: list[str],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    command = ["sample", "--model", fitted, "--num", "5", "--out", tmp_path / "x.npz", *CPU]
    assert words in refused(*command, *change)
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("model.pt", None, "model.pt does not exist"),
        ("model.pt", b"", "model.pt is damaged: fit the model anew"),
        ("model.pt", b"PK\x03\x04 half", "model.pt is damaged"),
        ("settings.json", b"{", "settings.json is damaged"),
        ("settings.json", b"[]", "settings.json is damaged"),
        ("settings.json", b'{"generator": "difusion"}', "did you mean diffusion"),
    ],
)
def test_damaged_models(
    fitted: Path, tmp_path: Path, refused: Refused, file: str, content: bytes | None, words: str
) -> None:
    model = tmp_path / "model"
    shutil.copytree(fitted, model)
    (model / file).unlink()
    if content is not None:
        (model / file).write_bytes(content)
    out = tmp_path / "x.npz"
    out.write_bytes(b"old")
    assert words in refused("sample", "--model", model, "--num", "5", "--out", out, *CPU)
    assert out.read_bytes() == b"old"


def test_a_model_cut_short(fitted: Path, tmp_path: Path, refused: Refused) -> None:
    model = tmp_path / "model"
    shutil.copytree(fitted, model)
    whole = (model / "model.pt").read_bytes()
    (model / "model.pt").write_bytes(whole[: len(whole) * 2 // 3])
    error = refused("sample", "--model", model, "--num", 5, "--out", tmp_path / "x.npz", *CPU)
    assert "model.pt is damaged" in error
    assert not (tmp_path / "x.npz").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--dataset", "hoper-random-local"], "unknown dataset 'hoper-random-local'"),
        (["--dataset", "hopper-random-v2"], "is D4RL's own: fetch it with `synther download`"),
        (["--task", "hopper", "--level", "random"], "give --dataset, or --task, --level and --out"),
        (["--task", "hoper", "--level", "random", "--out", "x.hdf5"], "did you mean hopper"),
        (["--task", "hopper", "--level", "medum", "--out", "x.hdf5"], "did you mean medium"),
        (["--task", "hopper", "--level", "random", "--out", "x.npz"], "must end in .hdf5"),
        (["--dataset", "hopper-random-local", "--rows", "0"], "--rows is 0"),
        (["--dataset", "hopper-random-local", "--preset", "quik"], "did you mean quick"),
        (["--dataset", "hopper-medium-local", "--policies", "none"], "not a folder of policies"),
    ],
)
def test_bad_requests_to_collect(
    tmp_path: Path,
    refused: Refused,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [] if "--rows" in arguments else ["--rows", "50"]
    assert words in refused("collect", *arguments, *rows, "--threads", "1")
    assert files(tmp_path) == []


def test_bad_requests_to_other_verbs(tmp_path: Path, refused: Refused) -> None:
    wrong = refused("download", "--dataset", "hoper-medium-v2", "--root", tmp_path)
    assert "hopper-medium-v2" in wrong
    whole = ["download", "--dataset", "hopper-medium-v2", "--root", tmp_path]
    assert "leave --shard out" in refused(*whole, "--shard", "main/x.hdf5")
    wrong = refused("behaviour", "--task", "hoper", "--out", tmp_path / "policies")
    assert "unknown task 'hoper'" in wrong
    assert "did you mean hopper" in wrong
    wrong = refused("behaviour", "--task", "hopper", "--out", tmp_path, "--set", "updtes=3")
    assert "did you mean updates" in wrong
    assert files(tmp_path) == []


def test_a_table_with_missing_results(
    tmp_path: Path, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    error = refused("table", "--preset", "quick")
    assert "results are missing, the first is results/quick/offline/" in error
    assert "snakemake figures/quick/table1.pdf" in error
    assert "did you mean table1" in refused("table", "--preset", "quick", "--experiment", "tabel1")
    assert "did you mean quick" in refused("table", "--preset", "quikc")
    pd.DataFrame({"seed": [1]}).to_parquet(tmp_path / "wrong.parquet")
    (tmp_path / "half.parquet").write_bytes(b"PAR1 half")
    for name in ("wrong.parquet", "half.parquet"):
        error = refused("table", "--preset", "quick", "--results", tmp_path / name)
        assert name in error
    assert files(tmp_path) == ["half.parquet", "wrong.parquet"]


def test_a_checkpoint_of_other_settings_is_refused_and_kept(
    hopper: Path, tmp_path: Path, refused: Refused
) -> None:
    from synther.jobs.checkpoint import Checkpoint

    Checkpoint(tmp_path / "x.ckpt", {"other": 1}).save({})
    error = refused(*train(hopper, tmp_path / "x.parquet"))
    assert "x.ckpt was made with other settings" in error
    assert files(tmp_path) == ["x.ckpt"]


def test_a_failed_run_keeps_the_result_that_is_there(
    hopper: Path, tmp_path: Path, refused: Refused
) -> None:
    out = tmp_path / "x.parquet"
    assert main([str(a) for a in train(hopper, out, "--agent", "bc", "--seeds", "0")]) == 0
    before = out.read_bytes(), json.loads(out.with_suffix(".json").read_text())
    broken = damaged(hopper, tmp_path / "bad.hdf5", "nan")
    refused(*train(broken, out))
    assert (out.read_bytes(), json.loads(out.with_suffix(".json").read_text())) == before


def test_misspelt_settings_of_a_preset_are_refused(
    edit_config: Callable[..., Path], hopper: Path, tmp_path: Path, refused: Refused
) -> None:
    edit_config("presets/quick.yaml", "  eval_every:", "  evalevery:")
    error = refused(*train(hopper, tmp_path / "x.parquet", "--preset", "quick"))
    assert "unknown setting 'evalevery' in agent 'td3_bc'; did you mean eval_every" in error
    edit_config("presets/quick.yaml", "    width:", "    widht:")
    error = refused(*fit(hopper, tmp_path / "model", "--preset", "quick"))
    assert "unknown setting 'widht'" in error
