"""Reading, writing and gathering transitions against moving the same bytes."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch

from synther.bench.agents import D, some_transitions
from synther.bench.measure import Measurement, beside
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

    name, both = f"qlearning reading, {len(data):,} rows", [lambda: read_hdf5(path), plainly]
    read = beside(
        "data", name, "rows/s", len(data), both, "reading the arrays, no more", least=least
    )
    yield read
    bound = TARGET_SECONDS * max(len(data) / ROWS, 0.1)
    yield Measurement("data", name, len(data) / read.value, "s", target=bound, at_most=True)


def _npz(folder: Path, data: Transitions, size: int, least: float) -> Iterator[Measurement]:
    ours, raw = folder / "ours.npz", folder / "raw.bin"
    arrays = [getattr(data, name) for name in FIELDS]

    def write_plainly() -> None:
        with raw.open("wb") as handle:
            for array in arrays:
                handle.write(memoryview(array).cast("B"))

    writing: list[Callable[[], Any]] = [lambda: data.save(ours), write_plainly]
    reading: list[Callable[[], Any]] = [
        lambda: Transitions.load(ours),
        lambda: np.fromfile(raw, np.uint8),
    ]
    for name, both, against in (
        (".npz writing", writing, "the same bytes, no format, no fsync"),
        (".npz reading", reading, "its bytes"),
    ):
        yield beside("data", name, "GB/s", size / 1e9, both, against, least=least)


def _gather(data: Transitions, device: str, least: float) -> Iterator[Measurement]:
    identity = Standardiser(np.zeros(D), np.ones(D))
    table = TransitionTable(data, identity, 0.0, device)
    indices = torch.randint(len(data), (8, 256), device=device)
    rows = table.gather(indices)
    width = sum(2 * [data.observation_dim]) + data.action_dim + 2
    source = torch.zeros(8 * 256, width, device=device)
    target = torch.empty_like(source)
    both = [lambda: table.gather(indices), lambda: target.copy_(source)]
    name, against = "gathering 8 x 256 rows at random", "copying as many from one place"
    number = rows.rewards.numel()
    yield beside("data", name, "rows/s", number, both, against, device, least / 5)
