"""Full disks and read-only folders, real ones where root can mount them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lives import command

from synther.cli import main
from synther.jobs import tracking

Disk = Callable[[str], Path]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """Return mount(options): a file system of its own in memory."""
    if os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("mounting takes root")
    mounted = []

    def mount(options: str) -> Path:
        place = tmp_path / f"disk{len(mounted)}"
        place.mkdir()
        call = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
        if subprocess.run(call, capture_output=True).returncode:
            pytest.skip("nothing can be mounted here")
        mounted.append(place)
        return place

    yield mount
    for place in mounted:
        subprocess.run(["umount", str(place)], check=True)


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert "Traceback" not in error
    return error


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_a_full_disk(
    disk: Disk,
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SYNTHER_CHECKPOINT_INTERVAL", "0")
    small = disk("size=64k")
    error = refused(command("train", small, data), capsys)  # its checkpoint does not fit
    assert f"no space left to write {small}/offline.ckpt: free some" in error
    assert left(small) == []
    error = refused(command("fit", small, data), capsys)
    assert f"no space left to write {small}/model/fit.ckpt" in error
    assert left(small) == []

    assert main(command("fit", tmp_path, data)) == 0
    sample = command("sample", tmp_path, data)
    sample[sample.index("--out") + 1] = str(small / "samples.npz")
    error = refused(sample, capsys)
    assert "no space left to write" in error
    assert str(small) in error
    assert "samples.npz" not in left(small)  # nothing that could pass for whole
    # with room it goes on with the parts that it has
    subprocess.run(["mount", "-o", "remount,size=64m", str(small)], check=True)
    assert main(sample) == 0
    sample[sample.index("--out") + 1] = str(tmp_path / "samples.npz")
    assert main(sample) == 0
    assert (small / "samples.npz").read_bytes() == (tmp_path / "samples.npz").read_bytes()
    assert left(small) == ["samples.json", "samples.npz"]


def test_what_is_exchanged_on_a_full_disk(
    disk: Disk, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = disk("size=24k")
    for name, kind in {"x.hdf5": "d4rl", "x.npz": "npz", "x-v0": "minari"}.items():
        if kind == "minari":
            pytest.importorskip("minari")
        out = str(small / name)
        error = refused(["export", "--data", str(data), "--format", kind, "--out", out], capsys)
        assert f"no space left to write {small}/{name}: free some" in error
        assert left(small) == []


def test_runs_for_wandb_on_a_full_disk(
    disk: Disk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """wandb itself ends such a run without a word."""
    wandb = pytest.importorskip("wandb", reason="pip install 'synther[wandb]'")
    small = disk("size=12k")
    result = Path(__file__).parents[2] / "results/reference/online/halfcheetah/sac"
    monkeypatch.setattr(tracking, "WAIT_S", 0.5)
    runs = [str(path) for path in sorted(result.glob("*.parquet"))]
    error = refused(["sync", *runs, "--dir", str(small)], capsys)
    wandb.teardown()  # or the disk is in use
    assert f"it left no whole run in {small}/wandb: see what the disk has free" in error
    assert left(small) == []


def test_a_read_only_disk(disk: Disk, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = disk("size=1m,ro")
    for kind in ("train", "online", "fit"):
        error = refused(command(kind, place, data), capsys)
        assert f"{place}/" in error
        assert "can't be written: Read-only file system; choose another folder" in error
        assert "to go" not in error  # refused before the work
