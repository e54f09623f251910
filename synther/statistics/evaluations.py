"""All evaluations of a run, not only the last: curves over training, and windows at its end."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from synther.errors import SyntherError
from synther.statistics import scores

WINDOW = 10
"""Evaluations at the end of a run that "last ten" is about; all where a run has fewer."""


@dataclass(frozen=True)
class Run:
    """All evaluations of an agent: means over episodes, of every seed.

    Attributes:
        steps: (evaluations,) updates or environment steps.
        seeds: in the order of the rows below.
        returns: (seeds, evaluations), in reward units.
        scores: (seeds, evaluations), normalised, 0 to 100.
    """

    steps: np.ndarray
    seeds: list[int]
    returns: np.ndarray
    scores: np.ndarray


def means(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a row an evaluation: the mean over its episodes, whose number is `episodes`.

    Args:
        rows: as `scores.read_results` returns them; what is a row an evaluation already is returned
            as it is.
    """
    if "episodes" in rows:
        return rows
    keys = ["preset", *scores.RUN, "seed", "step"]
    columns = {name: (name, "mean") for name in ("return", "score")}
    return rows.groupby(keys, as_index=False).agg(**columns, episodes=("score", "size"))


def finals(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a row a seed: `means` of its last evaluation."""
    return means(scores.last_evaluations(rows))


def runs(rows: pd.DataFrame) -> dict[tuple[str, str, str], Run]:
    """Return (dataset, source, agent) -> its evaluations.

    Args:
        rows: as `scores.read_results` or `means` returns them, of one preset.

    Raises:
        SyntherError: seeds of one run were evaluated at different steps.
    """
    found = {}
    for (dataset, source, agent), group in means(rows).groupby(scores.RUN):
        table = group.pivot(index="seed", columns="step", values=["return", "score"])
        if table.isna().to_numpy().any():
            raise SyntherError(
                f"{agent} on {dataset}: seeds were evaluated at different steps; finish or remove "
                "the shorter runs"
            )
        found[str(dataset), str(source), str(agent)] = Run(
            table["return"].columns.to_numpy(dtype=float),
            [int(seed) for seed in table.index],
            table["return"].to_numpy(dtype=float),
            table["score"].to_numpy(dtype=float),
        )
    return found


def together(found: Sequence[Run]) -> list[np.ndarray]:
    """Return (seeds, evaluations) scores of several runs for the seeds that all of them have."""
    common = sorted(set.intersection(*(set(run.seeds) for run in found)))
    return [run.scores[[run.seeds.index(seed) for seed in common]] for run in found]


def over_training(found: Sequence[Run]) -> tuple[list[float], list[np.ndarray]]:
    """Set runs of different budgets side by side.

    Returns:
        The shares of the budget (0 to 1) at which the run with the fewest evaluations has one, and
        for each the (seeds, runs) scores: each run's last evaluation within that share.
    """
    coarse = min(found, key=lambda run: len(run.steps))
    shares = coarse.steps / coarse.steps[-1]
    places = [
        np.searchsorted(run.steps / run.steps[-1], shares + 1e-9, side="right") - 1 for run in found
    ]
    parts = [s[:, np.maximum(at, 0)] for s, at in zip(together(found), places, strict=True)]
    return shares.tolist(), [
        np.stack(column, axis=1) for column in zip(*(part.T for part in parts), strict=True)
    ]


def thinned(count: int, most: int) -> list[int]:
    """Return places in a list of `count`, evenly, at most so many, both ends among them."""
    kept = np.unique(np.linspace(0, count - 1, min(most, count)).round().astype(int))
    return kept.tolist()


def windows(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the scores of every seed at the end of its run, by three rules.

    Args:
        rows: as `scores.read_results` or `means` returns them, of one preset.

    Returns:
        Rule -> a row a (dataset, source, agent, seed) with its `score`: `last` is the last
        evaluation's (the paper's), `average` and `best` are of the last `WINDOW`. The best of
        several noisy numbers is too high by construction.
    """
    tails = scores.last_evaluations(means(rows), WINDOW).sort_values("step")
    seeds = tails.groupby([*scores.RUN, "seed"])["score"]
    rules = {"last": "last", "average": lambda tail: tail.to_numpy().mean(), "best": "max"}
    return {name: seeds.agg(rule).reset_index() for name, rule in rules.items()}
