"""Same seed, same kind of machine: same bytes; and every result says what made it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from lives import command, settings

from synther.cli import main

TIMES = ("wall_time_s", "seconds", "shares", "seed_updates_per_s", "seed_steps_per_s")
PLACES = ("model", "inputs", "data", "statistics_from", "real", "synthetic")
"""Where inputs lay, which differs between two folders; their checksums are compared."""
SMALLER = {
    "train": settings("steps=20", "eval_every=20"),
    "online": settings("steps=40", "retrain_every=20", "diffusion.steps=20"),
    "fit": settings("steps=30"),
    "fit-dynamics": settings("steps=30"),
    "sample": ["--num", "5000"],
}


def make_all(folder: Path, data: Path) -> None:
    samples = folder / "samples.npz"

    def own(name: str) -> list[str]:
        return ["--threads", "1", "--out", str(folder / name)]

    jobs = [
        [
            "collect",
            "--task",
            "hopper",
            "--level",
            "medium-replay",
            "--rows",
            "300",
            *own("c.hdf5"),
        ],
        ["subset", "--data", str(data), "--percent", "20", *own("subset.npz")],
        *(command(kind, folder, data) + more for kind, more in SMALLER.items()),
        ["mix", "--real", str(data), "--synthetic", str(samples), *own("mixture.npz")],
        [
            *("fidelity", "--real", str(data), "--samples", str(samples), "--task", "hopper"),
            *("--num", "50", *own("fidelity.parquet")),
        ],
    ]
    for job in jobs:
        assert main(job) == 0, job


def stripped(content: Any) -> Any:
    """Return a record without times, and without where its inputs lay."""
    if isinstance(content, dict):
        return {k: stripped(v) for k, v in content.items() if k not in (*TIMES, "path")}
    return content


@pytest.mark.slow
def test_every_verb_twice(data: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        make_all(folder, data)
    names = sorted(str(p.relative_to(one)) for p in one.rglob("*") if p.is_file())
    assert names == sorted(str(p.relative_to(two)) for p in two.rglob("*") if p.is_file())
    for name in names:
        if not name.endswith(".json"):
            assert (one / name).read_bytes() == (two / name).read_bytes(), name
            continue
        first, second = (json.loads((folder / name).read_text()) for folder in (one, two))
        assert stripped(first) == stripped(second), name
        if not name.endswith("/settings.json"):
            assert {"commit", "hardware", "versions"} <= set(first), name
            assert {"seed", "seeds"} & set(first), name
            sums = [key for key in first if key.endswith("_sha256")]
            assert sums, name
            if name != "online.json":
                assert {*PLACES} & set(first), name
