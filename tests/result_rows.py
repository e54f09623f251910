"""Rows as training leaves them, with final scores that are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import pandas as pd

S = TypeVar("S")


def described(kind: type[S], name: str, **fields: Any) -> S:
    """Return what a kind of table describes, of no experiment that the project has."""
    common = {"title": name, "preset": "quick", "budget": "3 seeds", "is_paper_protocol": False}
    return kind(**{"name": name, **common, "bootstrap_reps": 200, **fields})


def results(
    scores: Mapping[tuple[str, str, str], Sequence[float]], preset: str = "quick"
) -> pd.DataFrame:
    """Two evaluations of two episodes, of which only the last has these scores as its mean.

    `scores` has (agent, dataset, source) -> a score a seed.
    """
    return pd.DataFrame(
        [
            (preset, dataset, source, agent, seed, step, episode, 0.0, 9, value)
            for (agent, dataset, source), values in scores.items()
            for seed, score in enumerate(values)
            for step, episode, value in (
                (500, 0, 99.0),
                (500, 1, 99.0),
                (1000, 0, score - 1.0),
                (1000, 1, score + 1.0),
            )
        ],
        columns=[
            *("preset", "dataset", "source", "agent", "seed", "step", "episode"),
            *("return", "length", "score"),
        ],
    )
