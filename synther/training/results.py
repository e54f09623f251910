"""Result rows: one a (seed, step, episode), as evaluation measures them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch

from synther.jobs import provenance
from synther.jobs.checkpoint import Checkpoint
from synther.jobs.files import atomic_path, sha256, write_json
from synther.jobs.threads import grant
from synther.training.evaluate import Episodes
from synther.training.job import TrainingJob

if TYPE_CHECKING:
    import pyarrow as pa

T = TypeVar("T")
LABELS = ("preset", "dataset", "source", "agent")
MEASURED = ("seed", "step", "episode", "return", "length", "score")


class ResultRows:
    """The rows of one job, as they come.

    Args:
        job: whose preset, dataset, source and agent every row names.
    """

    def __init__(self, job: TrainingJob) -> None:
        self._labels: dict[str, str] = {name: getattr(job, name) for name in LABELS}
        self._seeds, self._reference = np.asarray(job.seeds, dtype=np.int64), job.reference
        self._parts: list[dict[str, np.ndarray]] = []

    @property
    def last_step(self) -> int:
        """The step of the last evaluation; 0 before any."""
        return int(self._parts[-1]["step"][0]) if self._parts else 0

    @property
    def seeds(self) -> int:
        """How many seeds the job has."""
        return len(self._seeds)

    @property
    def last_score(self) -> float:
        """The mean score of the last evaluation, of all seeds."""
        return float(self._parts[-1]["score"].mean())

    def add(self, step: int, episodes: Episodes) -> float:
        """Add an evaluation's episodes (K, E); return their mean return."""
        low, high = self._reference
        seeds, number = episodes.returns.shape
        returns = episodes.returns.reshape(-1)
        measured = {
            "seed": np.repeat(self._seeds, number),
            "step": np.full(returns.shape, step, dtype=np.int64),
            "episode": np.tile(np.arange(number, dtype=np.int64), seeds),
            "return": returns,
            "length": episodes.lengths.reshape(-1),
            "score": 100.0 * (returns - low) / (high - low),
        }
        self._parts.append(measured)
        return float(returns.mean())

    def table(self) -> pa.Table:
        """Return all rows, without importing pandas: that is a tenth of a job's start-up.

        pyarrow imports it when it is given arrays or values to convert, and so is given buffers.
        """
        import pyarrow as pa

        columns = {}
        measured = {n: np.concatenate([part[n] for part in self._parts]) for n in MEASURED}
        number = len(measured["seed"])
        for name, label in self._labels.items():
            text = label.encode()
            ends = np.arange(number + 1) * len(text)
            buffers = pa.py_buffer(ends.astype(np.int32)), pa.py_buffer(text * number)
            columns[name] = pa.StringArray.from_buffers(number, *buffers)
        for name, values in measured.items():
            kind = pa.from_numpy_dtype(values.dtype)
            columns[name] = pa.Array.from_buffers(kind, number, [None, pa.py_buffer(values)])
        return pa.table(columns)

    def snapshot(self) -> list[dict[str, torch.Tensor]]:
        """Return what `restore` needs."""
        return [{name: torch.as_tensor(part[name]) for name in MEASURED} for part in self._parts]

    def restore(self, snapshot: Sequence[Mapping[str, Any]]) -> None:
        """Go back to a `snapshot`."""
        self._parts = [
            {name: measured[name].cpu().numpy() for name in MEASURED} for measured in snapshot
        ]


def write_result(rows: pa.Table, out: Path, record: Mapping[str, Any]) -> None:
    """Write result rows as parquet, and what made them, with their checksum, as JSON beside it.

    Same rows, same bytes. Rows without a record are an unfinished result: it comes last.
    """
    import pyarrow.parquet as pq

    out.with_suffix(".json").unlink(missing_ok=True)  # of the rows that are replaced
    with atomic_path(out) as temporary:
        pq.write_table(rows, temporary, compression="zstd")
    write_json(out.with_suffix(".json"), {**record, "rows_sha256": sha256(out)})


def run(job: TrainingJob, make: Callable[[], T]) -> T:
    """Train and evaluate a job's agents, and write OUT.parquet and OUT.json.

    A job that was killed goes on from its checkpoint beside OUT, to the very same rows (CPU).

    Args:
        job: what is run.
        make: returns its trainer, which has `rows`: `train(checkpoint)` adds to them, and then
            `record(seconds)` says what was found, given the wall time.

    Returns:
        The trainer.
    """
    started = time.monotonic()
    grant(job.threads)
    identity = job.identity()  # of inputs as they are now
    trainer: Any = make()
    checkpoint = Checkpoint(job.out.with_suffix(".ckpt"), identity, job.device)
    trainer.train(checkpoint)
    seconds = checkpoint.before_s + time.monotonic() - started
    record = {**identity, **trainer.record(seconds), "wall_time_s": round(seconds, 1)}
    about = {"threads": job.threads, **provenance.describe(job.device)}
    write_result(trainer.rows.table(), job.out, record | about)
    checkpoint.remove()
    return trainer
