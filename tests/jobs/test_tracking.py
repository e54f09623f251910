"""Finished runs handed to wandb, offline; and everything without it."""

from __future__ import annotations

import builtins
import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from synther import SyntherError
from synther.cli import main
from synther.jobs import tracking
from synther.jobs.files import sha256
from synther.jobs.tracking import curves, finished_runs, sync_runs

LABELS = {"preset": "quick", "dataset": "hopper-medium-local", "source": "real", "agent": "td3_bc"}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def result(root: Path, agent: str = "td3_bc", score: float = 10.0) -> Path:
    """Write a run of two seeds, two evaluations and two episodes, and its record."""
    labels = LABELS | {"agent": agent}
    path = root / f"results/quick/offline/hopper-medium-local/real/{agent}/seeds-0-1.parquet"
    path.parent.mkdir(parents=True)
    rows = [
        labels
        | {"seed": seed, "step": step, "episode": episode, "return": 1.0, "length": 7}
        | {"score": score + seed + step / 100 + 4 * episode}
        for step in (100, 200)
        for seed in (0, 1)
        for episode in (0, 1)
    ]
    pd.DataFrame(rows).to_parquet(path, index=False)
    path.with_suffix(".json").write_text(json.dumps(labels | {"settings": {"steps": 200}}))
    return path


def test_curves_are_means_over_episodes_and_seeds(here: Path) -> None:
    first, last = curves(pd.read_parquet(result(here), use_threads=False))
    assert first == {
        "step": 100,
        "mean/score": 10 + 0.5 + 1 + 2,
        "mean/return": 1.0,
        "mean/length": 7.0,
        "score/seed-0": 13.0,
        "score/seed-1": 14.0,
    }
    assert last["step"] == 200
    assert last["mean/score"] == 14.5


def test_runs_without_their_record_are_not_finished(here: Path) -> None:
    whole, half = result(here, "iql"), result(here, "bc")
    half.with_suffix(".json").unlink()
    assert finished_runs("quick") == [whole.relative_to(here)]
    assert sha256(whole) != sha256(half)  # nor are they taken for the same run
    (here / "results/quick/offline").rename(here / "scratch")
    (here / "results/quick/offline").symlink_to(here / "scratch")
    (here / "scratch/hopper-medium-local").rename(here / "far")
    (here / "scratch/hopper-medium-local").symlink_to(here / "far")
    assert finished_runs("quick") == [whole.relative_to(here)]


@pytest.mark.slow
def test_runs_are_stored_offline_once(here: Path, monkeypatch, capsys) -> None:
    pytest.importorskip("wandb", reason="pip install 'synther[wandb]'")
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")  # whoever sends anything fails
    paths = [result(here, "iql"), result(here, "bc")]
    assert main(["sync", "--preset", "quick"]) == 0
    assert "2 runs stored" in capsys.readouterr().out
    for path in paths:
        (folder,) = here.glob(f"wandb/offline-run-*-{sha256(path)[:16]}")
        (stored,) = folder.glob("*.wandb")
        content = stored.read_bytes()
        assert b"score/seed-1" in content
        assert b"hopper-medium-local/real/" in content
    # what another run's environment says is of that one: a sweep's would be stored anew each time
    for name, value in {"SWEEP_ID": "abc", "RUN_ID": "x", "MODE": "disabled"}.items():
        monkeypatch.setenv(f"WANDB_{name}", value)
    assert main(["sync", "--preset", "quick"]) == 0
    assert "0 runs stored in wandb, 2 were already" in capsys.readouterr().out
    assert main(["sync", "--preset", "quick", "--dir", "other"]) == 0
    assert "2 runs stored in other/wandb, 0 were already" in capsys.readouterr().out
    assert main(["sync", "--preset", "quick", "--dir", "other"]) == 0
    assert "0 runs stored in other/wandb, 2 were already" in capsys.readouterr().out
    assert os.environ["WANDB_SWEEP_ID"] == "abc"
    # one that was cut is not there
    stored.write_bytes(content[:-10])
    assert main(["sync", "--preset", "quick"]) == 0
    assert "1 runs stored in wandb, 1 were already" in capsys.readouterr().out
    for folder in ("wandb", "other/wandb"):
        assert len(list((here / folder).iterdir())) == len(paths)


@pytest.mark.slow
def test_nothing_is_called_stored_that_is_not(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wandb = pytest.importorskip("wandb", reason="pip install 'synther[wandb]'")
    path = result(here)
    (here / "file").touch()
    assert main(["sync", "--preset", "quick", "--dir", "file"]) == 1  # wandb would go to /tmp
    assert "a part of the path is a file, not a folder" in capsys.readouterr().err

    started = wandb.init
    monkeypatch.setattr(tracking, "WAIT_S", 0.5)
    monkeypatch.setattr(tracking, "curves", lambda rows: [])

    def elsewhere(**options: Any) -> Any:
        return started(**options | {"dir": str(here / "tmp")})

    (here / "tmp").mkdir()
    monkeypatch.setattr(wandb, "init", elsewhere)
    with pytest.raises(SyntherError, match="it left no whole run in out/wandb: see what the disk"):
        sync_runs([path], "synther", Path("out"))
    assert list((here / "out/wandb").iterdir()) == []

    monkeypatch.setattr(wandb, "init", lambda **of: started(**of | {"mode": "offline"}))
    said = SimpleNamespace(run=lambda path: SimpleNamespace(state="crashed"))
    monkeypatch.setattr(wandb, "Api", lambda: said)
    with pytest.raises(SyntherError, match="its server does not call the run finished"):
        sync_runs([path], "synther", Path("out"), online=True)
    assert list((here / "out/wandb").iterdir()) == []


def test_without_wandb_the_extra_is_named_and_nothing_else_breaks(
    here: Path, monkeypatch, capsys
) -> None:
    found = builtins.__import__

    def without(name: str, *rest: object, **more: object) -> object:
        if name.partition(".")[0] == "wandb":
            raise ModuleNotFoundError("No module named 'wandb'")
        return found(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    result(here)
    assert main(["sync", "--preset", "quick"]) == 1
    assert "pip install 'synther[wandb]'" in capsys.readouterr().err
    assert not (here / "wandb").exists()
    monkeypatch.chdir(Path(__file__).parents[2])
    assert main(["status", "table1", "--preset", "quick"]) == 0


def test_no_runs_is_said(here: Path, capsys) -> None:
    assert main(["sync", "--preset", "quick"]) == 1
    assert "no finished run in results/quick" in capsys.readouterr().err
    assert main(["sync", "--preset", "quik"]) == 1
    assert "did you mean quick" in capsys.readouterr().err


@pytest.mark.parametrize("damage", ["cut", "record", "other"])
def test_a_damaged_run_is_named(here: Path, damage: str) -> None:
    pytest.importorskip("wandb", reason="pip install 'synther[wandb]'")
    path = result(here)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:100])
    elif damage == "record":
        path.with_suffix(".json").write_text("{")
    else:
        path.with_suffix(".json").write_text("{}")
    with pytest.raises(SyntherError, match=r"seeds-0-1\.parquet can't be read .*make"):
        sync_runs([path], "synther", here)
