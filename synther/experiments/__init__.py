"""The matrix of the benchmark: what each experiment runs, where it lies, what it spends.

`matrix` has all of it by name; its parts are plans of the kinds of experiments that differ.
"""

from synther.experiments.matrix import (
    D4RL_ROWS,
    FULL_ROWS,
    PAPER_PRESET,
    Experiments,
    preset_experiments,
)
from synther.experiments.runs import Run

__all__ = [
    "D4RL_ROWS",
    "FULL_ROWS",
    "PAPER_PRESET",
    "Experiments",
    "Run",
    "preset_experiments",
]
