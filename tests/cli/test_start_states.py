"""`synther sample --states`: whose states rollouts begin at, and who has none."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from synther import Transitions
from synther.cli import main
from synther.datasets.d4rl import load_transitions

CPU = ("--threads", "1", "--device", "cpu")
TINY = ("steps=5", "members=2", "elites=1", "width=8", "depth=1", "horizon=1")


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    folder = tmp_path_factory.mktemp("rows")

    def collected(task: str) -> Path:
        path = folder / f"{task}.hdf5"
        wanted = ["--task", task, "--level", "random", "--rows", "120", "--threads", "1"]
        if not path.exists():
            assert main(["collect", *wanted, "--out", str(path)]) == 0
        return path

    return collected


def fitted(source: str, data: Path, out: Path, *settings: str) -> Path:
    given = [word for pair in settings for word in ("--set", pair)]
    assert main(["fit", "--data", str(data), "--source", source, "--out", str(out), *given,
                 *CPU]) == 0  # fmt: skip
    return out


def test_rollouts_begin_where_they_are_told_to(rows: Callable[[str], Path], tmp_path: Path) -> None:
    data = rows("halfcheetah")
    model = fitted("dynamics", data, tmp_path / "model", *TINY)
    states, out = tmp_path / "states.npz", tmp_path / "samples.npz"
    few = load_transitions(data)[:3]
    Transitions(few.observations + 1, *(getattr(few, name) for name in (
        "actions", "rewards", "next_observations", "terminals"))).save(states)  # fmt: skip
    sample = ["sample", "--model", str(model), "--num", "40", "--out", str(out), *CPU]
    assert main([*sample, "--states", str(states)]) == 0
    found = {tuple(row) for row in Transitions.load(out).observations}
    assert found == {tuple(row) for row in few.observations + 1}
    record = json.loads(out.with_suffix(".json").read_text(encoding="utf-8"))
    assert record["states"]["path"] == str(states)
    assert main(sample) == 0
    own = {tuple(row) for row in load_transitions(data).observations}
    assert {tuple(row) for row in Transitions.load(out).observations} <= own
    assert "states" not in json.loads(out.with_suffix(".json").read_text(encoding="utf-8"))


def test_states_of_another_robot_and_a_generator_without_any(
    rows: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = rows("halfcheetah"), str(tmp_path / "x.npz")
    model = fitted("dynamics", data, tmp_path / "model", *TINY)
    noise = fitted("noise-additive", data, tmp_path / "noise")
    for chosen, states, says in (
        (model, rows("walker2d"), "'halfcheetah'"),
        (model, tmp_path / "nowhere.npz", "nowhere.npz does not exist"),
        (noise, data, "generator 'noise' has no start states: leave --states out"),
    ):
        arguments = ["--model", str(chosen), "--states", str(states), "--out", out]
        assert main(["sample", *arguments, "--num", "9", *CPU]) == 1
        assert says in capsys.readouterr().err
    assert not Path(out).exists()


def test_a_killed_job_refuses_parts_that_began_elsewhere(
    rows: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNTHER_CHECKPOINT_INTERVAL", "0")
    data = rows("halfcheetah")
    model = fitted("dynamics", data, tmp_path / "model", *TINY)
    states = tmp_path / "states.npz"
    load_transitions(data)[:3].save(states)
    out = tmp_path / "samples.npz"
    sample = ["sample", "--model", str(model), "--num", "9000", "--out", str(out), *CPU]

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("synther.jobs.resumable.write_npz", killed)
        main([*sample, "--states", str(states)])
    assert not out.exists()
    assert main(sample) == 1
    assert main([*sample, "--states", str(states)]) == 0
    starts = {tuple(row) for row in np.round(Transitions.load(out).observations, 5)}
    assert len(starts) == 3
