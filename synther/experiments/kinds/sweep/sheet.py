"""A sweep as a sheet: final returns against updates a step, on a logarithmic axis."""

from __future__ import annotations

import math

from synther import sheets
from synther.experiments.kinds.online import sheet as online
from synther.experiments.kinds.spec import Numbers


def sheet(found: Numbers) -> sheets.Sheet:
    """Return the plot, and the returns behind it."""
    spec = found.spec
    ticks = tuple((math.log2(ratio), f"{ratio:g}") for ratio in sorted(spec.ratios.values()))
    edge = 0.045 * (ticks[-1][0] - ticks[0][0]) or 0.5
    axis = {
        "x": "critic updates an environment step",
        "x_ticks": ticks,
        "x_limits": (ticks[0][0] - edge, ticks[-1][0] + edge),
    }
    series = {spec.swept: spec.swept, **{agent: spec.agents[agent] for agent in spec.reference}}
    return online.layout(
        found,
        online.drawn(found, series, lambda _: axis, math.log2),
        "Points: returns of the last evaluation; dotted: the reference at its own ratio.",
    )
