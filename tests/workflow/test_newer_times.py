"""A copy whose files have newer times, as docs/reproduce.md handles it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from test_dag import copy_workflow, snakemake

RESULT = "results/quick/offline/hopper-medium-local/real/td3_bc/seeds-0-3"


@pytest.mark.slow
def test_touch_sets_the_times_of_a_copy_right(tmp_path: Path) -> None:
    checkout = copy_workflow(tmp_path / "copy")
    files = [f"{RESULT}.parquet", f"{RESULT}.json", "data/local/quick/hopper-medium-local.hdf5"]
    planned = snakemake(checkout, "-n", files[0])
    files[-1] = next(word for word in planned.stdout.split() if word.endswith(".hdf5"))
    for age, name in zip((200, 200, 100), files, strict=True):  # the data are newer
        path = checkout / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("from elsewhere")
        now = path.stat().st_mtime
        os.utime(path, (now - age, now - age))
    assert "train_offline" in snakemake(checkout, "-n", files[0]).stdout
    touched = snakemake(checkout, "--cores", "all", "--touch", files[0])
    assert touched.returncode == 0, touched.stderr
    again = snakemake(checkout, "-n", files[0])
    assert "Nothing to be done" in again.stdout + again.stderr
    assert (checkout / files[0]).read_text() == "from elsewhere"


@pytest.mark.slow
def test_data_of_one_s_own_that_change_are_copied_again(tmp_path: Path) -> None:
    checkout, mine = copy_workflow(tmp_path / "copy"), tmp_path / "mine.hdf5"
    datasets = checkout / "config/datasets.yaml"
    entry = f"\n  mine: {{kind: d4rl, task: hopper, url: 'file://{mine}'}}\n"
    datasets.write_text(datasets.read_text(encoding="utf-8") + entry, encoding="utf-8")
    copied = checkout / "data/d4rl/mine.hdf5"
    missing = snakemake(checkout, "-n", "data/d4rl/mine.hdf5")
    assert missing.returncode != 0  # before anything runs
    assert str(mine) in missing.stdout + missing.stderr
    mine.write_text("first")
    assert "download_dataset" in snakemake(checkout, "-n", "data/d4rl/mine.hdf5").stdout
    copied.parent.mkdir(parents=True)
    copied.write_text("first")
    os.utime(mine, (1, 1))
    again = snakemake(checkout, "-n", "data/d4rl/mine.hdf5")
    assert "Nothing to be done" in again.stdout + again.stderr
    os.utime(mine, (2**31, 2**31))
    assert "download_dataset" in snakemake(checkout, "-n", "data/d4rl/mine.hdf5").stdout
