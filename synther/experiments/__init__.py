"""The matrix of the benchmark: what each experiment runs, where it lies, what it spends.

`matrix` has all of it by name; its parts are plans of the kinds of experiments that differ.
"""

from synther.experiments.files import PAPER_PRESET
from synther.experiments.matrix import FULL_ROWS, Experiments, preset_experiments
from synther.experiments.runs import Run

__all__ = [
    "FULL_ROWS",
    "PAPER_PRESET",
    "Experiments",
    "Run",
    "preset_experiments",
]
