"""Reading, writing and gathering transitions against moving the same bytes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import torch

from synther.bench.agents import D, some_transitions
from synther.bench.measure import Measurement, rate, seconds
from synther.datasets.d4rl import REQUIRED, read_hdf5
from synther.training.evaluate import Standardiser
from synther.training.offline import TransitionTable
from synther.transitions import FIELDS, Transitions

ROWS = 2_000_000
"""As many as D4RL's largest datasets of locomotion have."""
TARGET_SECONDS = 2.0


def measure(device: str, rows: int = ROWS, least: float = 0.5) -> Iterator[Measurement]:
    """Measure D4RL's reading, `.npz` in and out, and the gathering of minibatches."""
    data = some_transitions(rows)
    size = data.packed().nbytes
    with tempfile.TemporaryDirectory() as folder:
        yield from _hdf5(Path(folder) / "d4rl.hdf5", data, least)
        yield from _npz(Path(folder), data, size, least)
    yield from _gather(data, device, least)


def _hdf5(path: Path, data: Transitions, least: float) -> Iterator[Measurement]:
    arrays = {
        "observations": data.observations,
        "actions": data.actions,
        "rewards": data.rewards,
        "terminals": data.terminals > 0.5,
        "timeouts": np.arange(len(data)) % 1000 == 999,
    }
    with h5py.File(path, "w") as file:
        for key, array in arrays.items():
            file.create_dataset(key, data=array)

    def plainly() -> None:
        with h5py.File(path, "r") as file:
            for key in (*REQUIRED, "timeouts"):
                file[key][:]

    took, limit = seconds([lambda: read_hdf5(path), plainly], least=least, rounds=2)
    yield rate(
        "data",
        f"qlearning reading, {len(data):,} rows",
        "rows/s",
        len(data) / took,
        len(data) / limit,
        "reading the arrays, no more",
    )
    yield Measurement(
        "data",
        f"qlearning reading, {len(data):,} rows",
        took,
        "s",
        target=TARGET_SECONDS * max(len(data) / ROWS, 0.1),
        at_most=True,
    )


def _npz(folder: Path, data: Transitions, size: int, least: float) -> Iterator[Measurement]:
    ours, raw = folder / "ours.npz", folder / "raw.bin"
    arrays = [getattr(data, name) for name in FIELDS]

    def write_plainly() -> None:
        with raw.open("wb") as handle:
            for array in arrays:
                handle.write(memoryview(array).cast("B"))

    took, limit = seconds([lambda: data.save(ours), write_plainly], least=least, rounds=2)
    gigabytes = size / 1e9
    against = "the same bytes, no format, no fsync"
    yield rate("data", ".npz writing", "GB/s", gigabytes / took, gigabytes / limit, against)
    took, limit = seconds(
        [lambda: Transitions.load(ours), lambda: np.fromfile(raw, np.uint8)], least=least, rounds=2
    )
    yield rate("data", ".npz reading", "GB/s", gigabytes / took, gigabytes / limit, "its bytes")


def _gather(data: Transitions, device: str, least: float) -> Iterator[Measurement]:
    identity = Standardiser(np.zeros(D), np.ones(D))
    table = TransitionTable(data, identity, 0.0, device)
    indices = torch.randint(len(data), (8, 256), device=device)
    rows = table.gather(indices)
    width = sum(2 * [data.observation_dim]) + data.action_dim + 2
    source = torch.zeros(8 * 256, width, device=device)
    target = torch.empty_like(source)
    took, limit = seconds(
        [lambda: table.gather(indices), lambda: target.copy_(source)], device, least / 5
    )
    number = rows.rewards.numel()
    yield rate(
        "data",
        "gathering 8 x 256 rows at random",
        "rows/s",
        number / took,
        number / limit,
        "copying as many from one place",
    )
