"""`synther train --data MODEL`: the rows that `synther sample` would write, drawn in memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import torch
from released_checkpoint import Plain, checkpoint
from small import SMALL

from synther.cli import main

NUMBER = 4200  # more than one part


def run(*arguments: object) -> None:
    assert main([str(argument) for argument in arguments]) == 0


def trained(data: Path, hopper: Path, out: Path, *more: object) -> tuple[pd.DataFrame, dict]:
    """Return the rows and the record of agents that learned from `data`."""
    wanted = ["--task", "hopper", "--data", data, "--statistics-from", hopper, "--seeds", "0-1"]
    run("train", *wanted, "--threads", 1, "--device", "cpu", "--out", out, *SMALL, *more)
    return pd.read_parquet(out), json.loads(out.with_suffix(".json").read_text())


def returns(rows: pd.DataFrame) -> list[float]:
    return rows["return"].tolist()


def test_agents_learn_the_same_from_a_model_as_from_its_samples(
    fitted: Path, hopper: Path, tmp_path: Path
) -> None:
    file = tmp_path / "samples.npz"
    run("sample", "--model", fitted, "--num", NUMBER, "--seed", 3, "--out", file, "--threads", 1)
    rows, _ = trained(file, hopper, tmp_path / "file.parquet", "--source", "synther")
    drawn = ("--num", NUMBER, "--sample-seed", 3)
    own, record = trained(fitted, hopper, tmp_path / "model.parquet", *drawn)
    pd.testing.assert_frame_equal(own, rows)  # the column `source` is what the model was fitted as
    assert not list(tmp_path.glob("model*.npz"))
    sampled = json.loads(file.with_suffix(".json").read_text())
    assert record["data"] == sampled["model"]
    assert (record["samples"], record["sample_seed"]) == (NUMBER, 3)
    assert record["transitions"] == NUMBER

    others = [("--num", NUMBER, "--sample-seed", 4), ("--num", NUMBER - 1, "--sample-seed", 3)]
    for number, other in enumerate(others):
        again, _ = trained(fitted, hopper, tmp_path / f"{number}.parquet", *other)
        assert returns(again) != returns(rows)


def test_noise_is_drawn_too(hopper: Path, tmp_path: Path) -> None:
    model, file = tmp_path / "noise", tmp_path / "samples.npz"
    run("fit", "--data", hopper, "--source", "noise-additive", "--out", model, "--threads", 1)
    run("sample", "--model", model, "--num", 500, "--out", file, "--threads", 1)
    rows, _ = trained(file, hopper, tmp_path / "a.parquet", "--source", "noise-additive")
    own, record = trained(model, hopper, tmp_path / "b.parquet", "--num", 500)
    pd.testing.assert_frame_equal(own, rows)
    assert record["sample_seed"] == 0


def test_the_authors_checkpoint_is_drawn_from(hopper: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    theirs = checkpoint(Plain(2 * 11 + 3 + 2), tmp_path / "model-1000.pt")
    model, file = tmp_path / "imported", tmp_path / "samples.npz"
    run("import", theirs, "--task", "hopper", "--out", model)
    run("sample", "--model", model, "--num", 300, "--out", file, "--threads", 1)
    rows, _ = trained(file, hopper, tmp_path / "a.parquet", "--source", "synther")
    own, record = trained(theirs, hopper, tmp_path / "b.parquet", "--num", 300)
    pd.testing.assert_frame_equal(own, rows)
    assert record["data"]["path"] == str(theirs)


def test_what_can_not_be_drawn_is_refused(
    fitted: Path, hopper: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    base = ["train", "--task", "hopper", "--out", tmp_path / "x.parquet"]
    assert "name that in --statistics-from" in refused(*base, "--data", fitted)
    told = refused(*base, "--data", hopper, "--num", "100")
    assert "--num and --sample-seed draw from a model" in told
    (tmp_path / "empty").mkdir()
    told = refused(*base, "--data", tmp_path / "empty", "--statistics-from", hopper)
    assert "empty/model.pt does not exist" in told
    assert not (tmp_path / "x.parquet").exists()
