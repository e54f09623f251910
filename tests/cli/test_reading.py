"""Every verb that reads transitions reads them alike, and refuses what any other refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from small import SMALL

from synther import Transitions
from synther.cli import main

Refused = Callable[..., str]
ROWS = 700
TINY = ["--set", "steps=2", "--set", "width=8", "--set", "depth=1", "--set", "dim_t=8"]


def maze(seed: int = 0) -> Transitions:
    """Return rows of the widths of maze2d."""
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((ROWS + 1, 4))
    rewards, terminals = rng.uniform(size=ROWS) > 0.7, np.zeros(ROWS)
    return Transitions(rows[:-1], rng.uniform(-1, 1, (ROWS, 2)), rewards, rows[1:], terminals)


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    maze(1).save(tmp_path / "whole.npz")
    return tmp_path / "whole.npz"


def doors(data: Path, whole: Path, out: Path) -> dict[str, list[object]]:
    """Return every command that reads `data` as transitions, beside a file that is whole."""
    cpu = ["--threads", 1, "--device", "cpu"]
    task = ["--task", "maze2d-umaze"]
    train = ["train", *SMALL, *cpu, "--out", out / "x.parquet", *task, "--data"]
    mix = ["mix", *task, "--out", out / "a.npz", "--real"]
    fidelity = ["fidelity", "--threads", 1, "--out", out / "f.parquet", "--num", 20, *task]
    return {
        "train": [*train, data],
        "train's statistics": [*train, whole, "--statistics-from", data],
        "fit": ["fit", "--data", data, "--out", out / "m", *TINY, *cpu, *task],
        "subset": ["subset", "--data", data, "--percent", 50, "--out", out / "s.npz", *task],
        "mix": [*mix, data, "--synthetic", whole],
        "mix's samples": [*mix, whole, "--synthetic", data],
        "import": ["import", data, "--out", out / "i.npz", *task],
        "export": ["export", "--data", data, "--format", "d4rl", "--out", out / "e.hdf5", *task],
        "fidelity": [*fidelity, "--real", whole, "--samples", data],
        "fidelity's data": [*fidelity, "--real", data, "--samples", whole],
    }


DOORS = list(doors(Path(), Path(), Path()))


@pytest.mark.parametrize("door", DOORS)
def test_terminals_that_are_no_flags_pass_no_door_without_a_threshold(
    door: str, whole: Path, tmp_path: Path, refused: Refused
) -> None:
    rows = maze()
    terminals = np.where(np.arange(ROWS) % 50 == 49, 1.04, -0.05)
    data = tmp_path / "authors.npz"
    parts = (rows.observations, rows.actions, rows.rewards, rows.next_observations, terminals)
    Transitions(*parts).save(data)
    command = doors(data, whole, tmp_path / "out")[door]
    error = refused(*command)
    assert "authors.npz: terminals are not all 0 or 1 (they go from -0.05 to 1.04)" in error
    assert "--threshold-terminals 0.5" in error
    assert main([str(word) for word in [*command, "--threshold-terminals", 0.5]]) == 0
    if door in ("train", "fit", "subset", "mix"):
        name = {"train": "x", "fit": "m/fit", "subset": "s", "mix": "a"}[door]
        record = json.loads((tmp_path / f"out/{name}.json").read_text())
        assert record["threshold_terminals"] == 0.5


def test_a_model_that_samples_no_flags_wants_a_threshold(
    whole: Path, tmp_path: Path, refused: Refused
) -> None:
    rows = maze()
    rows.terminals[::7] = 1.0
    rows.save(tmp_path / "rows.npz")
    fit = doors(tmp_path / "rows.npz", whole, tmp_path)["fit"]
    assert main([str(word) for word in [*fit, "--set", "threshold_terminals=null"]]) == 0
    train = [*doors(tmp_path / "m", whole, tmp_path)["train"], "--statistics-from", whole]
    train += ["--num", 60]
    assert "m, 60 samples: terminals are not all 0 or 1" in refused(*train)
    assert main([str(word) for word in [*train, "--threshold-terminals", 0.5]]) == 0


@pytest.mark.parametrize("door", DOORS)
def test_a_value_that_dwarfs_its_column_passes_no_door(
    door: str, whole: Path, tmp_path: Path, refused: Refused
) -> None:
    rows = maze()
    rows.observations[123, 2] = 1e30
    data = tmp_path / "absurd.npz"
    rows.save(data)
    error = refused(*doors(data, whole, tmp_path / "out")[door])
    assert "absurd.npz: row 123 of column 2 of observations is 1e+30" in error


def without_timeouts(path: Path, task: str | None = None, order: bool = True) -> Path:
    rows = maze()
    with h5py.File(path, "w") as file:
        for name in ("observations", "actions", "rewards", "terminals"):
            file[name] = getattr(rows, name)
        if not order:
            file["next_observations"] = rows.observations[::-1]
        if task:
            file["metadata/task"] = np.bytes_(task)
    return path


HDF5_DOORS = [door for door in DOORS if door not in ("import", "mix's samples")]


@pytest.mark.parametrize("door", HDF5_DOORS)
def test_rows_that_are_in_no_order_pass_no_door(
    door: str, whole: Path, tmp_path: Path, refused: Refused
) -> None:
    data = without_timeouts(tmp_path / "mixed.hdf5", order=False)
    command = doors(data, whole, tmp_path / "out")[door]
    assert "rows, next_observations are not the following row's" in refused(*command)
    assert main([str(word) for word in [*command, "--own-next-observations"]]) == 0


@pytest.mark.parametrize("door", ["fit", "subset", "mix", "export"])
def test_the_task_or_the_dataset_decides_the_time_limit(
    door: str, whole: Path, tmp_path: Path, refused: Refused
) -> None:
    def rows(data: Path, *more: object) -> int:
        command = doors(data, whole, tmp_path / "out")[door]
        at = command.index("--task")
        run = [str(word) for word in [*command[:at], *command[at + 2 :], *more]]
        if "refuse" in more:
            error = refused(*run[: run.index("refuse")])
            assert "has no timeouts, and nothing says after how many steps" in error
            return 0
        assert main(run) == 0
        if door == "fit":
            return int(json.loads((tmp_path / "out/m/fit.json").read_text())["transitions"])
        if door == "subset":
            return 2 * len(Transitions.load(tmp_path / "out/s.npz"))
        if door == "mix":
            return int(json.loads((tmp_path / "out/a.json").read_text())["time_limit"] == 300) * 697
        with h5py.File(tmp_path / "out/e.hdf5") as file:
            return int(file["metadata/transitions"][()])

    data = without_timeouts(tmp_path / "mine.hdf5")
    rows(data, "refuse")
    assert abs(rows(data, "--task", "maze2d-umaze") - 697) <= 1
    assert abs(rows(data, "--time-limit", 300) - 697) <= 1
    if door == "fit":
        assert rows(data, "--dataset", "maze2d-umaze-v1") == 697
    assert abs(rows(without_timeouts(tmp_path / "told.hdf5", "maze2d-umaze")) - 697) <= 1
    assert abs(rows(without_timeouts(tmp_path / "maze2d-umaze-mine.hdf5")) - 697) <= 1


def test_fidelity_takes_a_time_limit(whole: Path, tmp_path: Path) -> None:
    data = without_timeouts(tmp_path / "mine.hdf5")
    for more, limit in (([], 300), (["--time-limit", "100"], 100)):
        command = [*doors(data, whole, tmp_path)["fidelity's data"], *more]
        assert main([str(word) for word in command]) == 0
        record = json.loads((tmp_path / "f.json").read_text())
        assert record["time_limit"] == limit
        assert record["real"] == ROWS - ROWS // limit - (limit == 300)


def test_a_task_that_contradicts_the_dataset_is_refused(
    whole: Path, tmp_path: Path, refused: Refused
) -> None:
    for door in ("train", "fit", "fidelity"):
        command = doors(whole, whole, tmp_path / "out")[door]
        error = refused(*command, "--dataset", "hopper-medium-v2")
        assert "hopper-medium-v2 is of task 'hopper', --task is maze2d-umaze" in error
    error = refused("collect", "--dataset", "hopper-medium-local", "--task", "walker2d")
    assert "is of task 'hopper', --task is walker2d" in error
