"""Rows of another robot of the same widths pass nowhere, whatever they went through."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from small import SMALL

from synther import SyntherError, Transitions
from synther.cli import main
from synther.datasets import load_dataset
from synther.datasets.belonging import belonging, named_task, require_task
from synther.datasets.d4rl import load_transitions

Refused = Callable[..., str]
CPU = ["--threads", 1, "--device", "cpu"]
TINY = ["--set", "steps=2", "--set", "width=8", "--set", "depth=1", "--set", "dim_t=8"]
SAYS = "is of task 'halfcheetah', as it says itself, not of 'walker2d'"


def run(*words: object) -> None:
    assert main([str(word) for word in words]) == 0


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return halfcheetah's rows in every form that is written, under names that say nothing."""
    folder = tmp_path_factory.mktemp("made")
    for name, task in (("rows", "halfcheetah"), ("walkers", "walker2d")):
        wanted = ["--task", task, "--level", "random", "--rows", 120, "--threads", 1]
        run("collect", *wanted, "--out", folder / f"{name}.hdf5")
    rows, model = folder / "rows.hdf5", folder / "model"
    run("fit", "--data", rows, "--out", model, *TINY, *CPU)
    run("sample", "--model", model, "--num", 50, "--out", folder / "samples.npz", *CPU)
    run("subset", "--data", rows, "--percent", 50, "--out", folder / "share.npz")
    run("mix", "--real", rows, "--synthetic", folder / "samples.npz", "--out", folder / "mixed.npz")
    run("export", "--data", rows, "--format", "d4rl", "--out", folder / "out.hdf5")
    run("export", "--data", rows, "--format", "npz", "--out", folder / "out.npz")
    (folder / "alone").mkdir()
    for name in ("samples.npz", "share.npz", "mixed.npz", "out.npz"):  # without their records
        shutil.copy(folder / name, folder / "alone" / name)
    found = {path.stem: path for path in (folder / "alone").iterdir()}
    return {**found, "rows": rows, "again": folder / "out.hdf5", "model": model,
            "walkers": folder / "walkers.hdf5"}  # fmt: skip


FORMS = ["rows", "samples", "share", "mixed", "out", "again"]


@pytest.mark.parametrize("form", [*FORMS, "model"])
def test_whatever_is_written_says_its_task(made: dict[str, Path], form: str) -> None:
    assert belonging(made[form]) == ("halfcheetah", True)


@pytest.mark.parametrize("form", FORMS)
def test_another_robots_rows_pass_no_door(
    made: dict[str, Path], form: str, tmp_path: Path, refused: Refused
) -> None:
    data, walkers = made[form], made["walkers"]
    wrong = ["--task", "walker2d", "--out"]
    train = ["train", *SMALL, *CPU, *wrong, tmp_path / "x.parquet"]
    fidelity = ["fidelity", *wrong, tmp_path / "x.parquet"]
    doors = [
        [*train, "--data", data],
        [*train, "--data", walkers, "--statistics-from", data],
        [*fidelity, "--real", walkers, "--samples", data],
        [*fidelity, "--real", data, "--samples", walkers],
        [*train, "--data", made["model"], "--num", 40, "--statistics-from", walkers],
        ["fit", "--data", data, *TINY, *CPU, *wrong, tmp_path / "m"],
        ["fit", "--data", data, *TINY, *CPU, "--dataset", "walker2d-medium-v2", "--out", tmp_path],
        ["subset", "--data", data, "--percent", 50, *wrong, tmp_path / "x.npz"],
        ["mix", "--real", walkers, "--synthetic", data, "--out", tmp_path / "x.npz"],
        ["export", "--data", data, "--format", "npz", *wrong, tmp_path / "x.npz"],
    ]
    if data.suffix == ".npz":
        doors.append(["import", data, *wrong, tmp_path / "x.npz"])
    for door in doors:
        name = "model" if made["model"] in door else data.name
        assert f"{name} {SAYS}" in refused(*door)
    assert not any(path.is_file() for path in tmp_path.rglob("*"))


def test_its_own_task_passes(made: dict[str, Path], tmp_path: Path) -> None:
    for name in ("rows", "samples"):
        out = tmp_path / f"{name}.parquet"
        run("train", "--task", "halfcheetah", "--data", made[name], "--out", out, *SMALL, *CPU,
            "--statistics-from", made["rows"])  # fmt: skip
    run("import", made["samples"], "--task", "halfcheetah", "--out", tmp_path / "in.npz")
    with pytest.raises(SyntherError, match=SAYS):
        require_task(tmp_path / "in.npz", "walker2d")
    record = json.loads((made["model"] / "fit.json").read_text())
    assert record["task"] == "halfcheetah"


def test_what_can_not_be_told_is_whose_the_user_says(
    made: dict[str, Path], tmp_path: Path, refused: Refused
) -> None:
    untold = tmp_path / "5m_samples.npz"
    with np.load(made["samples"]) as arrays:  # nothing but arrays for those who read arrays
        assert set(arrays) == {
            *("observations", "actions", "rewards", "next_observations", "terminals"),
        }
        np.savez(untold, **arrays)
    assert belonging(untold) == (None, False)
    run("train", "--task", "walker2d", "--data", untold, "--out", tmp_path / "x.parquet", *SMALL,
        *CPU, "--statistics-from", made["walkers"])  # fmt: skip
    run("import", untold, "--task", "walker2d", "--out", tmp_path / "in.npz")
    error = refused("import", tmp_path / "in.npz", "--task", "halfcheetah", "--out", "y.npz")
    assert "is of task 'walker2d', as it says itself" in error


@pytest.mark.parametrize(
    ("name", "task"),
    [
        ("halfcheetah", "halfcheetah"),
        ("HalfCheetah-v2", "halfcheetah"),
        ("halfcheetah_medium_replay-v1", "halfcheetah"),
        ("hopper-medium-local", "hopper"),
        ("walker_online_3", "walker2d"),
        ("walker2d_7", "walker2d"),
        ("maze2d-umaze-sparse-v1", "maze2d-umaze"),
        ("maze2d_large_dapg_0", "maze2d-large"),
        ("antmaze-umaze-diverse-v0", "antmaze-umaze"),
        ("antmaze-medium-diverse-v0", None),
        ("walker-walk-medium-local", "dmc-walker-walk-repeat2"),
        ("dmc-walker-walk-repeat2_3", "dmc-walker-walk-repeat2"),
        ("dmc-walker-walk_3", "dmc-walker-walk"),
        ("hoppers", None),
        ("5m_samples", None),
        ("", None),
    ],
)
def test_names_that_tell_a_task(name: str, task: str | None) -> None:
    assert named_task(name) == task


def test_a_name_tells_where_the_file_does_not(tmp_path: Path) -> None:
    rows = np.zeros((20, 17))
    transitions = Transitions(rows, rows[:, :6], rows[:, 0], rows, np.zeros(20))
    transitions.save(tmp_path / "halfcheetah_medium-v2.npz")
    assert len(load_transitions(tmp_path / "halfcheetah_medium-v2.npz", task="halfcheetah")) == 20
    with pytest.raises(SyntherError, match=r"'halfcheetah' by its name, not of 'walker2d'.*rename"):
        load_transitions(tmp_path / "halfcheetah_medium-v2.npz", task="walker2d")
    transitions.save(tmp_path / "halfcheetah_medium-v2.npz", task="walker2d")  # which counts more
    assert len(load_transitions(tmp_path / "halfcheetah_medium-v2.npz", task="walker2d")) == 20


def test_a_dataset_that_is_another_tasks_is_not_loaded(
    made: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "local").mkdir()
    shutil.copy(made["rows"], tmp_path / "local/walker2d-medium-local.hdf5")
    with pytest.raises(SyntherError, match=SAYS):
        load_dataset("walker2d-medium-local", tmp_path)


def test_d4rls_own_files_are_their_own_tasks(shared: Path, refused: Refused) -> None:
    files = sorted((shared / "d4rl/slices").rglob("*.hdf5"))
    if not files:
        pytest.skip("the slices are not here")
    for path in files:
        task = {"antmaze": "antmaze-umaze"}.get(path.parent.name, path.parent.name)
        assert len(load_transitions(path, task=task)) > 10
    path = shared / "d4rl/slices/halfcheetah/halfcheetah_medium-v2.hdf5"
    error = refused("train", "--task", "walker2d", "--data", path, "--out", "x.parquet")
    assert "is of task 'halfcheetah' by its name, not of 'walker2d'" in error


def test_words_that_lie_outside_the_file_are_not_read(
    made: dict[str, Path], tmp_path: Path
) -> None:
    path = tmp_path / "linked.hdf5"
    with h5py.File(path, "w") as file:
        file["metadata"] = h5py.ExternalLink(str(made["rows"]), "metadata")
        file["rewards"] = np.zeros(3)
    assert belonging(path) == (None, False)
    for content in (np.zeros(3), np.bytes_("unknown")):
        with h5py.File(path, "w") as file:
            file["metadata/task"] = content
        assert belonging(path) == (None, False)
