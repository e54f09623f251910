"""Checkpoints: whole, bound to their job, and refused otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from synther import SyntherError
from synther.jobs import checkpoint
from synther.jobs.checkpoint import Checkpoint

IDENTITY = {"settings": {"steps": 10, "rate": 0.1}, "data": {"sha256": "abc"}, "seeds": [0, 1]}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "run/job.ckpt"
    Checkpoint(path, IDENTITY).save({"w": torch.arange(5.0), "step": 7, "names": ["a"], "d": {}})
    return path


def test_what_is_saved_is_loaded(path: Path) -> None:
    state = Checkpoint(path, dict(reversed(IDENTITY.items()))).load()
    assert state is not None
    torch.testing.assert_close(state["w"], torch.arange(5.0))
    assert (state["step"], state["names"], state["d"]) == (7, ["a"], {})
    assert [entry.name for entry in path.parent.iterdir()] == ["job.ckpt"]


def test_where_there_is_none_the_job_starts_anew(tmp_path: Path) -> None:
    assert Checkpoint(tmp_path / "none.ckpt", IDENTITY).load() is None


@pytest.mark.parametrize(
    "change",
    [{"seeds": [0, 2]}, {"data": {"sha256": "abd"}}, {"settings": {"steps": 11, "rate": 0.1}}],
)
def test_another_jobs_checkpoint_is_refused_and_kept(path: Path, change: dict) -> None:
    with pytest.raises(SyntherError, match=r"job\.ckpt was made with other settings"):
        Checkpoint(path, IDENTITY | change).load()
    assert Checkpoint(path, IDENTITY).load() is not None


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_file_cut_short_is_refused(path: Path, share: float) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(SyntherError, match=r"job\.ckpt is damaged: delete it"):
        Checkpoint(path, IDENTITY).load()


def test_code_in_a_checkpoint_is_not_run(path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple:
            return open, (str(path.parent / "sprung"), "w")

    torch.save({"identity": "x", "state": Trap()}, path)
    with pytest.raises(SyntherError, match="damaged"):
        Checkpoint(path, IDENTITY).load()
    assert not (path.parent / "sprung").exists()


def test_other_content_is_refused(path: Path) -> None:
    torch.save([1, 2], path)
    with pytest.raises(SyntherError, match="damaged"):
        Checkpoint(path, IDENTITY).load()


def test_a_save_that_fails_keeps_the_last_one(path: Path) -> None:
    job = Checkpoint(path, IDENTITY)
    with pytest.raises(Exception, match="pickle"):
        job.save({"step": 8, "bad": (number for number in range(3))})
    state = job.load()
    assert state is not None
    assert state["step"] == 7
    assert [entry.name for entry in path.parent.iterdir()] == ["job.ckpt"]


def test_it_is_due_after_the_interval_and_a_save_starts_it_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: now[0])
    job = Checkpoint(tmp_path / "job.ckpt", IDENTITY)
    assert not job.due()
    now[0] += checkpoint.INTERVAL_S
    assert job.due()
    job.save({})
    assert not job.due()


def test_it_goes_when_the_job_is_done(path: Path) -> None:
    job = Checkpoint(path, IDENTITY)
    job.remove()
    assert not path.exists()
    job.remove()  # also where it never was
