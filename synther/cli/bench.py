"""`synther bench`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from synther.cli.device import choose_device
from synther.jobs.files import require_writable


def bench(options: argparse.Namespace) -> None:
    """Measure, print the table, write the file."""
    folder = Path(options.out)
    require_writable(folder / "x.json")
    device = choose_device(options.device, options.threads)
    from synther.bench import run

    found = []
    for measurement in run.measure(device, options.sections or run.SECTIONS):
        found.append(measurement)
        print(" ".join(cell for cell in run.row(measurement) if cell), file=sys.stderr, flush=True)
    print(run.markdown(found))
    print(f"\nWritten to {run.save(found, device, folder)}", file=sys.stderr)
