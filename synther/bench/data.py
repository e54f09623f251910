"""Reading D4RL's files against reading their arrays and no more."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from synther.bench.agents import some_transitions
from synther.bench.measure import Measurement, seconds
from synther.datasets.d4rl import REQUIRED, load_transitions

ROWS = 2_000_000
"""As many as D4RL's largest datasets of locomotion have."""
TARGET_SECONDS = 2.0


def measure(device: str, rows: int = ROWS, least: float = 0.5) -> Iterator[Measurement]:
    """Measure the reading of D4RL's format, as `qlearning_dataset` reads it."""
    data = some_transitions(rows)
    arrays = {
        "observations": data.observations,
        "actions": data.actions,
        "rewards": data.rewards,
        "terminals": data.terminals > 0.5,
        "timeouts": np.arange(rows) % 1000 == 999,
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "d4rl.hdf5"
        with h5py.File(path, "w") as file:
            for key, array in arrays.items():
                file.create_dataset(key, data=array)

        def plainly() -> None:
            with h5py.File(path, "r") as file:
                for key in (*REQUIRED, "timeouts"):
                    file[key][:]

        took, limit = seconds([lambda: load_transitions(path), plainly], least=least, rounds=2)
    name, against = f"qlearning reading, {rows:,} rows", "reading the arrays, no more"
    yield Measurement("data", name, "rows/s", rows / took, rows / limit, against)
    bound = TARGET_SECONDS * max(rows / ROWS, 0.1)
    yield Measurement("data", name, "s", took, target=bound, at_most=True)
