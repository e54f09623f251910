"""Two processes never make one result, whoever started them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from synther import SyntherError
from synther.cli import main
from synther.jobs.files import claimed, require_writable

HOLD = """
import sys
from synther.jobs.files import claimed
with claimed(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


def holder(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_what_is_being_made_is_refused_until_its_maker_is_gone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "x.hdf5"
    process = holder(out)
    wanted = ["collect", "--task", "hopper", "--level", "random", "--rows", "20", "--threads", "1"]
    assert main([*wanted, "--out", str(out)]) == 1
    error = capsys.readouterr().err
    assert f"{out} is being made by process {process.pid} on {os.uname().nodename}" in error
    assert "let it finish or end it" in error
    assert not out.exists()
    process.kill()  # the lock goes with it, though its file stays
    process.wait()
    assert main([*wanted, "--out", str(out)]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["x.hdf5"]


def test_what_a_killed_process_left_half_written_goes(tmp_path: Path) -> None:
    left = [".x.0123abcd.tmp.parquet", ".x.0123abcd.tmp.ckpt", ".x.samples-0.0123abcd.tmp.ckpt"]
    kept = [".xy.0123abcd.tmp.npz", "x.tmp.npz", ".x.mine.tmp.npz"]
    for name in (*left, *kept):
        (tmp_path / name).touch()
    with claimed(tmp_path / "x.parquet"):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(kept)


def test_a_process_killed_as_it_asked_whether_it_may_write_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as killed:
        killed.setattr(Path, "unlink", lambda path, missing_ok: None)
        require_writable(tmp_path / "x.parquet")
    assert len(list(tmp_path.iterdir())) == 1
    with claimed(tmp_path / "x.parquet"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_another_result_beside_it_is_free(tmp_path: Path) -> None:
    again = claimed(tmp_path / "a.npz")
    with (
        claimed(tmp_path / "a.npz"),
        claimed(tmp_path / "b.npz"),
        pytest.raises(SyntherError, match=r"a\.npz is being made by process"),
    ):
        again.__enter__()
    assert list(tmp_path.iterdir()) == []


def test_a_lock_removed_by_its_owner_meanwhile_is_not_taken_for_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    from synther.jobs import files

    lock, calls = tmp_path / ".x.npz.lock", []

    def flock(handle: int, how: int) -> None:
        calls.append(handle)
        if len(calls) == 1:
            lock.unlink()

    monkeypatch.setattr(files.fcntl, "flock", flock)
    with claimed(tmp_path / "x.npz"):
        assert len(calls) == 2
        assert lock.exists()
    assert fcntl.LOCK_EX


def test_a_file_system_without_locks_is_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from synther.jobs import files

    def flock(handle: int, how: int) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(files.fcntl, "flock", flock)
    with claimed(tmp_path / "x.npz") as path:
        path.write_text("made")
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.npz"]
