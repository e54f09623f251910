"""Jobs that are killed at random moments, many times, leave the bytes of an uninterrupted run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from lives import command, run

KILLS = 5
FILES = {
    "train": ["offline.parquet"],
    "online": ["online.parquet"],
    "fit": ["model/model.pt", "model/settings.json"],
    "fit-dynamics": ["dynamics/model.pt", "dynamics/settings.json"],
    "sample": ["samples.npz"],
}


def left(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def comparable(record: Path) -> dict:
    """Return a record without times."""
    content = json.loads(record.read_text(encoding="utf-8"))
    timed = ("wall_time_s", "seconds", "shares", "seed_updates_per_s", "seed_steps_per_s", "model")
    return {key: value for key, value in content.items() if key not in timed}


@pytest.mark.slow
def test_killed_jobs_leave_the_same_bytes(data: Path, tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    jobs = []
    for seed, kind in enumerate(FILES):
        jobs.append({"arguments": command(kind, whole, data)})
        jobs.append({"arguments": command(kind, cut, data), "kills": KILLS, "seed": seed})
    ends = run(jobs)
    assert all(lives[-1] == 0 for lives in ends)
    kills = [sum(code == -9 for code in lives) for lives in ends[1::2]]
    assert min(kills) >= 2, kills
    assert sum(kills) >= 2 * KILLS, kills
    for names in FILES.values():
        for name in names:
            assert (cut / name).read_bytes() == (whole / name).read_bytes(), name
    for record in (
        "offline.json",
        "online.json",
        "model/fit.json",
        "dynamics/fit.json",
        "samples.json",
    ):
        assert comparable(cut / record) == comparable(whole / record)
    # A lock is left where the last kill found one; it binds nobody, and the next run takes it over.
    assert [name for name in left(cut) if not name.endswith(".lock")] == left(whole)


@pytest.mark.slow
def test_a_job_told_to_end_saves_says_so_and_goes_on(data: Path, tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    jobs = []
    for number, kind in (("SIGTERM", "fit"), ("SIGINT", "sample")):
        jobs.append({"arguments": command(kind, whole, data)})
        jobs.append({"arguments": command(kind, cut, data), "kills": 2, "signal": number})
    ends = run(jobs, interval="3600")  # nothing is saved but on a signal
    for (number, name), lives in zip(
        ((15, "model/model.pt"), (2, "samples.npz")),
        ends[1::2],
        strict=True,
    ):
        assert set(lives[:-1]) == {128 + number}, lives
        assert lives[-1] == 0
        assert (cut / name).read_bytes() == (whole / name).read_bytes()
    assert left(cut) == left(whole)
    shutil.rmtree(cut)
