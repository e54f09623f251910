"""Exact nearest neighbours by brute force, in bounded memory: how far samples are from the data."""

from contextlib import nullcontext

import numpy as np

from synther.errors import SyntherError
from synther.jobs.checkpoint import Checkpoint

QUERIES, DATA = 1024, 8192
"""Rows compared at once: 64 MiB of distances."""


class Scale:
    """Maps packed transitions (N, D) to the space that distances are measured in.

    Every column of (s, a, r, s') is divided by its standard deviation over the real data. The
    terminal flag is left out: it is so rarely set that its own scale would drown all others.
    Columns that are constant in the data keep their units.
    """

    def __init__(self, real: np.ndarray) -> None:
        columns = real[:, :-1].T
        self._mean = np.array([column.mean(dtype=np.float64) for column in columns])
        spread = np.array([column.astype(np.float64).std() for column in columns])
        self._spread = np.where(spread > 0, spread, 1.0)

    def __call__(self, packed: np.ndarray) -> np.ndarray:
        """Return scaled rows (N, D - 1), float64."""
        return (packed[:, :-1].astype(np.float64) - self._mean) / self._spread


def nearest(
    queries: np.ndarray,
    data: np.ndarray,
    scale: Scale,
    leave_out: np.ndarray | None = None,
    checkpoint: Checkpoint | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return each query's least L2 distance to the data (Q,), and the row it is to (Q,).

    Every distance is compared, in float64: exact to about 1e-7 of the rows' norm.

    Args:
        queries: (Q, D) packed transitions.
        data: (N, D) packed transitions; scaled block by block, so that no copy of it is made.
        scale: the space.
        leave_out: (Q,) a row of the data that a query is not compared with, such as itself.
        checkpoint: where the state is saved from time to time, and gone on from.

    Raises:
        SyntherError: there is nothing to compare with.
    """
    if len(data) < (1 if leave_out is None else 2):
        raise SyntherError(f"{len(data)} transitions are too few to find neighbours among")
    scaled = scale(queries)
    best = np.full(len(queries), np.inf)
    found = np.zeros(len(queries), dtype=np.int64)
    done = 0
    if checkpoint and (saved := checkpoint.load()):
        done, best, found = saved["done"], saved["best"].numpy(), saved["found"].numpy()
    with checkpoint or nullcontext():
        for first in range(done, len(data), DATA):
            _compare(scaled, scale(data[first : first + DATA]), first, leave_out, best, found)
            if checkpoint and checkpoint.due():
                import torch

                state = {"best": torch.from_numpy(best), "found": torch.from_numpy(found)}
                checkpoint.save({"done": first + DATA, **state})
    # anew from the difference, because the bracket cancels where rows are close
    distances = np.linalg.norm(scaled - scale(data[found]), axis=1)
    return distances, found


def _compare(
    scaled: np.ndarray,
    block: np.ndarray,
    first: int,
    leave_out: np.ndarray | None,
    best: np.ndarray,
    found: np.ndarray,
) -> None:
    """Update `best` and `found`, in place, by a block of scaled data whose first row is `first`."""
    # |x - y|^2 = |x|^2 + (|y|^2 - 2 x y): the bracket is one matrix product, and orders all y
    extended = np.concatenate([-2 * block, np.square(block).sum(axis=1)[:, None]], axis=1).T
    for start in range(0, len(scaled), QUERIES):
        rows = slice(start, start + QUERIES)
        ones = np.ones((len(scaled[rows]), 1))
        bracket = np.concatenate([scaled[rows], ones], axis=1) @ extended
        if leave_out is not None:
            own = leave_out[rows] - first
            inside = np.flatnonzero((own >= 0) & (own < len(block)))
            bracket[inside, own[inside]] = np.inf
        near = bracket.argmin(axis=1)
        value = bracket[np.arange(len(near)), near]
        better = value < best[rows]
        best[rows] = np.where(better, value, best[rows])
        found[rows] = np.where(better, near + first, found[rows])
