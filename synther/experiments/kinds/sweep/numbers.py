"""The numbers of a sweep: final returns against updates a step, and the references' levels."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from synther.experiments.kinds.online import numbers as online
from synther.experiments.kinds.online.numbers import Online, Panel, Runs, read
from synther.experiments.kinds.sweep.plan import SweepSpec
from synther.statistics import evaluations

__all__ = ["Online", "measure", "read"]


def _finals(runs: Runs, tasks: Sequence[str], agent: str, is_score: bool) -> np.ndarray | None:
    """Return (seeds, tasks) values of the last evaluation, or None where a task has none."""
    if not (own := online.on_all(runs, tasks, agent)):
        return None
    parts = evaluations.together(own) if is_score else [run.returns for run in own]
    return np.stack([part[:, -1] for part in parts], axis=1)


def _panels(spec: SweepSpec, runs: Runs, tasks: list[str]) -> list[Panel]:
    ordered = sorted(spec.ratios, key=spec.ratios.__getitem__)
    found = []
    for task in (*tasks, None) if len(tasks) > 1 else tasks:
        chosen = tasks if task is None else [task]
        panel = Panel(task, len(chosen))
        for agent in (*ordered, *spec.reference):
            matrix = _finals(runs, chosen, agent, task is None)
            if matrix is None:
                continue
            x = spec.ratios.get(agent, math.nan)
            (point,) = online.points(spec, [x], matrix[:, :, None])
            if agent in spec.reference:
                panel.levels[agent] = point
            else:
                panel.lines.setdefault(spec.swept, []).append(point)
        found.append(panel)
    return found


def measure(spec: SweepSpec, results: pd.DataFrame) -> Online:
    """Work out a sweep; see `online.numbers.measure`."""
    return online.measure(spec, results, _panels)
