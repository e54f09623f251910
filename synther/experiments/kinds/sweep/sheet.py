"""A sweep as a sheet: final returns against updates a step, on a logarithmic axis."""

from __future__ import annotations

import dataclasses
import math

from synther import sheets
from synther.experiments.kinds.online import sheet as online
from synther.experiments.kinds.online.numbers import Online
from synther.experiments.kinds.sweep.plan import SweepSpec

UNIT = "updates a step"


def sheet(found: Online) -> sheets.Sheet:
    """Return the plot, and the returns behind it."""
    spec = found.spec
    assert isinstance(spec, SweepSpec)
    ratios = sorted(spec.ratios.values())
    ticks = tuple((math.log2(ratio), f"{ratio:g}") for ratio in ratios)
    edge = 0.045 * (ticks[-1][0] - ticks[0][0]) or 0.5
    panels = [
        dataclasses.replace(
            online.axes(found, panel),
            x="critic updates an environment step",
            x_ticks=ticks,
            x_limits=(ticks[0][0] - edge, ticks[-1][0] + edge),
        )
        for panel in found.panels
    ]
    series = {spec.swept: spec.swept, **{agent: spec.agents[agent] for agent in spec.reference}}
    return online.layout(
        found,
        online.drawn(found, panels, series, math.log2),
        online.tidy(found, UNIT, UNIT),
        "Points: returns of the last evaluation; dotted: the reference at its own ratio.",
    )
