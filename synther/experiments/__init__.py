"""The matrix of the benchmark: what each experiment runs, where it lies, what it spends.

`matrix` has what a preset's experiments share, and each one's plan by name.
"""

from synther.experiments.matrix import FULL_FRAMES as FULL_FRAMES
from synther.experiments.matrix import FULL_ROWS as FULL_ROWS
from synther.experiments.matrix import PAPER_PRESET as PAPER_PRESET
from synther.experiments.matrix import Experiments as Experiments
from synther.experiments.runs import Run as Run
