"""What a training verb says of its result at the end."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def print_score(rows: pd.DataFrame, out: Path) -> None:
    """Print the last evaluation's mean score over seeds, beside the result's path, to stderr."""
    last = rows[rows["step"] == rows["step"].max()].groupby("seed")["score"].mean()
    print(f"{out}: score {last.mean():.1f} over {len(last)} seeds", file=sys.stderr)
