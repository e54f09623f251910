"""`synther fidelity`, and `synther sample --set`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from synther import Transitions
from synther.cli import main
from synther.datasets.d4rl import load_transitions


@pytest.fixture(scope="module")
def samples(fitted: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("samples") / "samples.npz"
    wanted = ["--model", str(fitted), "--num", "200", "--out", str(out), "--threads", "1"]
    assert main(["sample", *wanted, "--device", "cpu"]) == 0
    return out


def test_samples_are_measured(hopper: Path, samples: Path, tmp_path: Path) -> None:
    out = tmp_path / "result/synther.parquet"
    wanted = ["--real", str(hopper), "--samples", str(samples), "--task", "hopper", "--num", "150"]
    assert main(["fidelity", *wanted, "--out", str(out), "--threads", "1"]) == 0
    rows = pd.read_parquet(out)
    assert len(rows) == 150
    assert (rows["distance"] > 0).all()
    record = json.loads(out.with_suffix(".json").read_text())
    assert (record["task"], record["source"], record["preset"]) == ("hopper", "synther", "none")
    assert len(record["ks_complement"]) == len(record["columns"]) == 2 * 11 + 3 + 2
    assert record["inputs"]["samples"]["path"] == str(samples)
    assert len(record["inputs"]["real"]["sha256"]) == 64
    assert record["versions"]["numpy"]


def test_the_data_itself_is_perfect(hopper: Path, tmp_path: Path) -> None:
    copy, out = tmp_path / "copy.npz", tmp_path / "copy.parquet"
    load_transitions(hopper).save(copy)
    wanted = ["--real", str(hopper), "--samples", str(copy), "--task", "hopper"]
    assert main(["fidelity", *wanted, "--out", str(out), "--threads", "1"]) == 0
    rows = pd.read_parquet(out)
    assert (rows["distance"] == 0).all()
    assert (rows["distance"] < rows["data_distance"]).all()
    assert rows["mse"].max() < 1e-6
    record = json.loads(out.with_suffix(".json").read_text())
    assert set(record["ks_complement"]) == {1.0}
    assert record["dynamics"]["rows"] == rows["mse"].notna().sum()


def test_sampling_can_be_changed_after_the_fit(fitted: Path, tmp_path: Path) -> None:
    drawn = []
    for steps in (4, 3):  # 4 is what the model was fitted with
        out = tmp_path / f"{steps}.npz"
        wanted = ["--model", str(fitted), "--num", "20", "--set", f"sampling_steps={steps}"]
        assert main(["sample", *wanted, "--out", str(out), "--threads", "1"]) == 0
        drawn.append(Transitions.load(out).packed())
        record = json.loads(out.with_suffix(".json").read_text())
        assert record["settings"] == {"sampling_steps": steps}
    assert (drawn[0] != drawn[1]).any()


def test_bad_input_is_refused(
    hopper: Path, samples: Path, fitted: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    given = ["--real", hopper, "--samples", samples, "--out", tmp_path / "x.parquet"]
    assert "give --task, or --dataset" in refused("fidelity", *given)
    assert "unknown task 'hoper'" in refused("fidelity", *given, "--task", "hoper")
    assert "did you mean synther" in refused(
        "fidelity", *given, "--task", "hopper", "--source", "synthr"
    )
    assert "must end in .parquet" in refused(
        "fidelity", *given[:4], "--task", "hopper", "--out", tmp_path / "x.csv"
    )
    wide = Transitions.load(samples)
    narrow = tmp_path / "narrow.npz"
    Transitions(
        wide.observations[:, :4],
        wide.actions,
        wide.rewards,
        wide.next_observations[:, :4],
        wide.terminals,
    ).save(narrow)
    found = refused(
        "fidelity",
        "--real",
        hopper,
        "--samples",
        narrow,
        "--task",
        "hopper",
        "--out",
        tmp_path / "x.parquet",
    )
    assert "not of one task" in found
    fixed = ["--model", fitted, "--num", "5", "--out", tmp_path / "x.npz"]
    assert "'width' is fixed in a fitted generator" in refused("sample", *fixed, "--set", "width=8")
    assert "did you mean s_churn" in refused("sample", *fixed, "--set", "schurn=0")


def test_a_denoiser_is_measured_on_rows_that_it_has_not_seen(
    hopper: Path, fitted: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    share, model, out = tmp_path / "share.npz", tmp_path / "model", tmp_path / "loss.json"
    assert main(["subset", "--data", str(hopper), "--rows", "100", "--out", str(share)]) == 0
    settings = ["--set", "width=16", "--set", "steps=20", "--set", "depth=1"]
    one = ["--threads", "1", "--device", "cpu"]
    assert main(["fit", "--data", str(share), "--out", str(model), *one, *settings]) == 0
    wanted = ["--data", str(hopper), "--num", "150", "--out", str(out), *one]
    assert main(["loss", "--model", str(model), *wanted]) == 0
    record = json.loads(out.read_text())
    assert (record["seen_rows"], record["held_out_rows"], record["transitions"]) == (100, 150, 100)
    for of in ("seen", "held_out"):
        losses = record[f"{of}_losses"]
        assert len(losses) == 16
        assert record[f"{of}_loss"] == pytest.approx(sum(losses) / 16)
    assert record["seen_loss"] != record["held_out_loss"]
    assert record["inputs"]["seen"]["path"] == str(share)
    # fitted to all of it
    said = refused("loss", "--model", fitted, *wanted)
    assert "none of the 300 transitions is held out" in said or "none of the 299" in said
    noise = tmp_path / "noise"
    given = ["--data", share, "--source", "noise-additive", "--out", noise, *one]
    assert main(["fit", *map(str, given)]) == 0
    assert "'noise' is no denoiser" in refused("loss", "--model", noise, *wanted)
