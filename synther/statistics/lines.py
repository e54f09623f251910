"""Lines through scores or returns of seeds: a point with its interval at each place."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from synther.statistics import intervals

Records = list[dict[str, Any]]


def line(same: Mapping[str, Any], xs: Iterable[float], cube: np.ndarray, reps: int) -> Records:
    """Return a row a point: means over the seeds of one dataset or task, or IQMs over several.

    Args:
        same: what all rows have in common.
        xs: places.
        cube: (seeds, datasets, places) values.
        reps: bootstrap resamples.

    Returns:
        Rows with `x`, `seeds`, `value`, `low`, `high`, and `each` with one dataset's seeds.
    """
    seeds, datasets, count = cube.shape
    if datasets > 1:
        found = intervals.iqms({"": cube}, reps)[""]
    else:
        columns = (cube[:, 0, place] for place in range(count))
        found = [intervals.bootstrap(intervals.mean, [column], reps) for column in columns]
    return [
        {**same, "row": "point", "x": float(x), "seeds": seeds, **vars(value)}
        | {"each": [] if datasets > 1 else cube[:, 0, place].tolist()}
        for place, (x, value) in enumerate(zip(xs, found, strict=True))
    ]


def spread(each: Sequence[float]) -> float:
    """Return the sample standard deviation (ddof = 1) of seeds; NaN of fewer than two."""
    return float(np.std(each, ddof=1)) if len(each) > 1 else float("nan")
