"""GPUs given out by file lock: processes that contend for pretended ones."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from synther import SyntherError, Transitions
from synther.cli import main
from synther.jobs import devices
from synther.jobs.devices import claim_gpu, lock_folder, slots_per_gpu

REPOSITORY = Path(__file__).parents[2]
# Takes a GPU, says which, and keeps it until its input ends.
HOLDER = """
import sys
from pathlib import Path
from synther.jobs.devices import claim_gpu, lock_folder, slots_per_gpu
index, lock = claim_gpu(["a", "b", "c"], lock_folder(), slots_per_gpu())
print("abc"[index], flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SYNTHER_GPU_LOCKS", str(tmp_path / "locks"))
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    monkeypatch.setattr(devices, "_held", [])
    return tmp_path / "locks"


@pytest.fixture
def hold():
    """Return start(): it starts a process that takes a GPU and keeps it."""
    running = []

    def start() -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.wait()


def test_processes_take_a_gpu_each(hold) -> None:
    holders = [hold() for _ in range(3)]
    assert sorted(holder.stdout.readline().strip() for holder in holders) == ["a", "b", "c"]


def test_who_finds_none_waits_and_takes_the_one_that_is_killed(hold) -> None:
    holders = [hold() for _ in range(3)]
    taken = {holder.stdout.readline().strip(): holder for holder in holders}
    late = hold()
    assert "all 3 GPUs are taken: waiting" in late.stderr.readline()
    time.sleep(1)
    assert late.poll() is None
    os.kill(taken["b"].pid, signal.SIGKILL)
    assert late.stdout.readline().strip() == "b"


def test_a_gpu_is_shared_only_when_all_are_in_use(hold, monkeypatch) -> None:
    monkeypatch.setenv("SYNTHER_JOBS_PER_GPU", "2")
    first = Counter(hold().stdout.readline().strip() for _ in range(3))
    assert first == {"a": 1, "b": 1, "c": 1}
    second = Counter(hold().stdout.readline().strip() for _ in range(3))
    assert first + second == {"a": 2, "b": 2, "c": 2}


def test_many_that_contend_at_once_get_all_slots_and_no_more(hold, monkeypatch) -> None:
    monkeypatch.setenv("SYNTHER_JOBS_PER_GPU", "2")
    holders = [hold() for _ in range(6)]
    taken = Counter(holder.stdout.readline().strip() for holder in holders)
    assert taken == {"a": 2, "b": 2, "c": 2}


def test_a_claim_that_is_let_go_is_free(locks: Path) -> None:
    folder = lock_folder()
    claims = [claim_gpu(["GPU-1", "GPU-2"], folder) for _ in range(2)]
    assert [index for index, _ in claims] == [0, 1]
    os.close(claims[1][1])
    assert claim_gpu(["GPU-1", "GPU-2"], folder)[0] == 1


@pytest.mark.parametrize("name", ["auto", "cuda", "cpu"])
def test_verbs_take_the_gpu_that_is_free(name: str, hold, monkeypatch) -> None:
    other = hold()
    assert other.stdout.readline().strip() == "a"
    chosen: list[str] = []
    pretended = {
        "is_available": lambda: True,
        "device_count": lambda: 3,
        "get_device_properties": lambda index: SimpleNamespace(uuid="abc"[index]),
        "set_device": chosen.append,
    }
    for function, stand_in in pretended.items():
        monkeypatch.setattr(torch.cuda, function, stand_in)
    monkeypatch.setattr(devices, "require_device", lambda name: None)
    takes = name != "cpu"
    for _ in range(2):  # a second verb waits for nobody
        assert devices.choose_device(name, 1) == ("cuda:1" if takes else "cpu")
    assert len(devices._held) == takes
    assert chosen == ["cuda:1"] * 2 * takes


def test_a_gpu_that_is_not_there_is_an_error() -> None:
    with pytest.raises(SyntherError, match=r"cuda:99 can't be used .* try cpu"):
        devices.choose_device("cuda:99", 1)
    with pytest.raises(SyntherError) as found:  # in our words, not in a page of torch's
        devices.choose_device("gpu", 1)
    known = "devices are cpu, cuda and cuda:N"
    assert str(found.value) == f"device gpu can't be used ({known}): try cpu"


@pytest.mark.parametrize("text", ["0", "-1", "two", ""])
def test_slots_are_a_whole_number(text: str, monkeypatch) -> None:
    monkeypatch.setenv("SYNTHER_JOBS_PER_GPU", text)
    with pytest.raises(SyntherError, match="SYNTHER_JOBS_PER_GPU"):
        slots_per_gpu()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SYNTHER_GPU_LOCKS", str(tmp_path / "file/locks"))
    with pytest.raises(SyntherError, match="file/locks can't be written"):
        lock_folder()


def test_noise_takes_no_gpu(tmp_path: Path, monkeypatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(devices, "choose_device", lambda name, _: asked.append(name) or "cpu")
    data = Transitions(*(np.ones(s, np.float32) for s in ((20, 2), (20, 1), 20, (20, 2), 20)))
    data.save(tmp_path / "data.npz")
    given, out = ["--data", str(tmp_path / "data.npz"), "--device", "cuda"], str(tmp_path / "model")
    assert main(["fit", "--source", "noise-additive", "--out", out, *given]) == 0
    samples = ["--num", "5", "--out", str(tmp_path / "samples.npz"), "--device", "cuda"]
    assert main(["sample", "--model", out, *samples]) == 0
    assert asked == ["cpu", "cpu"]
    small = ["--set", "width=8", "--set", "steps=1", "--set", "batch_size=4"]
    assert main(["fit", "--source", "synther", "--out", out, *given, *small]) == 0
    assert asked[2:] == ["cuda"]
