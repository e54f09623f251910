"""Result rows: one a (seed, step, episode), as evaluation measures them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from synther.files import atomic_path, sha256, write_json
from synther.training.evaluate import Episodes

LABELS = ("preset", "dataset", "source", "agent")
MEASURED = ("seed", "step", "episode", "return", "length", "score")


class ResultRows:
    """The rows of one job, as they come.

    Args:
        labels: of every row: preset, dataset, source, agent.
        seeds: the job's.
        reference: returns that score 0 and 100.
    """

    def __init__(
        self, labels: Mapping[str, str], seeds: Sequence[int], reference: tuple[float, float]
    ) -> None:
        self._labels = {name: labels[name] for name in LABELS}
        self._seeds, self._reference = np.asarray(seeds, dtype=np.int64), reference
        self._parts: list[pd.DataFrame] = []

    @property
    def last_step(self) -> int:
        """The step of the last evaluation; 0 before any."""
        return int(self._parts[-1]["step"].iloc[0]) if self._parts else 0

    def add(self, step: int, episodes: Episodes) -> float:
        """Add an evaluation's episodes (K, E); return their mean return."""
        low, high = self._reference
        seeds, number = episodes.returns.shape
        returns = episodes.returns.reshape(-1)
        measured = {
            "seed": np.repeat(self._seeds, number),
            "step": np.int64(step),
            "episode": np.tile(np.arange(number, dtype=np.int64), seeds),
            "return": returns,
            "length": episodes.lengths.reshape(-1),
            "score": 100.0 * (returns - low) / (high - low),
        }
        self._parts.append(pd.DataFrame({**self._labels, **measured}))
        return float(returns.mean())

    def frame(self) -> pd.DataFrame:
        """Return all rows."""
        return pd.concat(self._parts, ignore_index=True)

    def snapshot(self) -> list[dict[str, torch.Tensor]]:
        """Return what `restore` needs."""
        return [
            {name: torch.as_tensor(part[name].to_numpy()) for name in MEASURED}
            for part in self._parts
        ]

    def restore(self, snapshot: Sequence[Mapping[str, Any]]) -> None:
        """Go back to a `snapshot`."""
        self._parts = []
        for measured in snapshot:
            numbers = {name: measured[name].cpu().numpy() for name in MEASURED}
            self._parts.append(pd.DataFrame({**self._labels, **numbers}))


def write_result(rows: pd.DataFrame, out: Path, record: Mapping[str, Any]) -> None:
    """Write result rows as parquet, and what made them, with their checksum, as JSON beside it.

    Same rows, same bytes. Rows without a record are an unfinished result: it comes last.
    """
    out.with_suffix(".json").unlink(missing_ok=True)  # of the rows that are replaced
    with atomic_path(out) as temporary:
        rows.to_parquet(temporary, index=False, compression="zstd")
    write_json(out.with_suffix(".json"), {**record, "rows_sha256": sha256(out)})
