"""What claims are decided from: one side's scores, or its samples, beside another's."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from synther.errors import SyntherError
from synther.experiments.kinds.claims import samples
from synther.experiments.kinds.claims.spec import Cell, Claim, ClaimsSpec, Side
from synther.statistics import intervals, measures, scores
from synther.statistics.intervals import Estimate

Pair = tuple[Cell, Cell]
"""Ours and theirs, in one stratum."""


class Evidence:
    """All scores and measures that claims are decided from."""

    def __init__(self, spec: ClaimsSpec, finals: pd.DataFrame) -> None:
        self.spec = spec
        runs = {tuple(map(str, run)): rows for run, rows in finals.groupby(scores.RUN)}
        self.scores = {run: rows.set_index("seed")["score"] for run, rows in runs.items()}
        self.steps = {run: int(rows["step"].min()) for run, rows in runs.items()}
        self.measures: dict[str, tuple[dict[str, Any], pd.DataFrame]] = {}
        self.reps = spec.bootstrap_reps

    def _has(self, cell: Cell, measure: str) -> bool:
        if measure in ("score", "percent"):
            return cell.run in self.scores
        if measure == "compression":  # the data themselves have no denoiser
            files = [path for name, path in cell.files.items() if name in ("fit", "fidelity")]
            return cell.run in self.scores and all(Path(path).is_file() for path in files)
        return Path(cell.files.get("fidelity", "")).is_file()

    def pairs(self, claim: Claim, other: Side) -> list[Pair]:
        """Return the strata that both sides have."""
        return [
            (ours, theirs)
            for ours, theirs in zip(claim.of.cells, other.cells, strict=True)
            if ours and theirs and all(self._has(cell, claim.measure) for cell in (ours, theirs))
        ]

    def matrix(self, cells: Sequence[Cell]) -> np.ndarray:
        """Return (seeds, strata) final scores of the seeds that all strata have."""
        table = pd.concat([self.scores[cell.run] for cell in cells], axis=1, join="inner")
        if table.empty:
            raise SyntherError(
                f"the results of {cells[0].agent} on {cells[0].dataset} and others have no seed in "
                "common; run the missing ones"
            )
        return table.sort_index().to_numpy(dtype=float)

    def measured(self, cell: Cell) -> tuple[dict[str, Any], pd.DataFrame]:
        """Return the record and the rows of a cell's `synther fidelity`, each read once."""
        path = cell.files["fidelity"]
        if path not in self.measures:
            self.measures[path] = measures.read_fidelity(Path(path), self.spec.preset)
        return self.measures[path]

    def _gap(self, entry: str, pair: Pair) -> np.ndarray:
        """Return how much higher our scores of columns, or of pairs of them, are (NaN: none)."""
        ours, theirs = (np.array(self.measured(c)[0][entry], dtype=float) for c in pair)
        return ours - theirs

    def compare(
        self,
        pairs: Sequence[Pair],
        combine: Callable[..., np.ndarray] = np.subtract,
        confidence: float = intervals.CONFIDENCE,
    ) -> tuple[Estimate, int, float]:
        """Return how our mean score compares with theirs, on how many seeds, and theirs."""
        ours, theirs = (self.matrix([pair[side] for pair in pairs]) for side in (0, 1))
        found = intervals.bootstrap(
            intervals.versus(intervals.mean, combine),
            intervals.columns(ours, theirs),
            self.reps,
            confidence=confidence,
        )
        return found, min(len(ours), len(theirs)), float(theirs.mean())

    def of_samples(self, measure: str, pairs: Sequence[Pair]) -> tuple[Estimate, str]:
        """Return how our samples compare with theirs, and what else there is to say."""
        if measure == "dynamics":
            rows = [(self.measured(ours)[1], self.measured(theirs)[1]) for ours, theirs in pairs]
            found, bins = samples.dynamics(rows, self.reps)
            if not bins:
                return found, "no distance that both have samples at"
            return found, f"{bins} bin{'' if bins == 1 else 's'} of distance"
        if measure == "correlation":
            gaps = [self._gap("correlation_similarity", pair) for pair in pairs]
            return samples.correlations(gaps, self.reps), ""
        gaps = [self._gap("ks_complement", pair) for pair in pairs]
        return samples.marginals(gaps, self.reps), ""


def physics_of(cells: Sequence[Cell]) -> list[str]:
    """Return the physics of the records beside all results."""
    found = set()
    for path in dict.fromkeys(path for cell in cells for path in cell.results):
        record = Path(path).with_suffix(".json")
        try:
            physics = str(json.loads(record.read_text(encoding="utf-8"))["physics"])
            found.add(physics.partition(",")[0])
        except (OSError, ValueError, KeyError, TypeError):
            found.add("unknown")
    return sorted(found)
