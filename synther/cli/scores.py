"""What a training verb says of its result at the end."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from synther.training.results import ResultRows


def print_score(rows: ResultRows, out: Path) -> None:
    """Print the last evaluation's mean score over seeds, beside the result's path, to stderr."""
    print(f"{out}: score {rows.last_score:.1f} over {rows.seeds} seeds", file=sys.stderr)
