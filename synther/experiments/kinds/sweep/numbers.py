"""The numbers of a sweep: final returns against updates a step, and the references' levels."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from synther.experiments.kinds.online import numbers as online
from synther.experiments.kinds.online.numbers import Records, Runs, read
from synther.experiments.kinds.spec import Numbers
from synther.experiments.kinds.sweep.plan import SweepSpec

__all__ = ["measure", "read"]


def _lines(spec: SweepSpec, runs: Runs, tasks: list[str]) -> Records:
    ordered = sorted(spec.ratios, key=spec.ratios.__getitem__)
    found: Records = []
    for names, same in online.panels(tasks):
        for agent in (*ordered, *spec.reference):
            if not (parts := online.values(runs, names, agent)):
                continue
            cube = np.stack([part[:, -1:] for part in parts], axis=1)
            own = same | {"agent": spec.swept, "unit": "updates a step"}
            (point,) = online.line(spec, own, [spec.ratios.get(agent, math.nan)], cube)
            if agent in spec.reference:
                point |= {"row": "level", "agent": agent, "unit": None}
            found.append(point)
    return found


def measure(spec: SweepSpec, results: pd.DataFrame) -> Numbers:
    """Work out a sweep; see `online.numbers.measure`."""
    return online.measure(spec, results, _lines)
