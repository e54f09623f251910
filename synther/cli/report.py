"""Verbs that turn results into tables and figures."""

from __future__ import annotations

import argparse
from pathlib import Path

from synther.errors import SyntherError
from synther.experiments import Experiments


def table(options: argparse.Namespace) -> None:
    """Make one table or figure in all formats."""
    experiments = Experiments(options.preset)
    spec = experiments.table(options.experiment)
    figure = experiments.figures(options.experiment)[0]
    paths = options.results or experiments.results(options.experiment)
    needed = options.results or experiments.inputs(options.experiment)
    missing = [path for path in needed if not Path(path).is_file()]
    if missing and not options.partial:
        raise SyntherError(
            f"{len(missing)} of {len(needed)} results are missing, the first is {missing[0]}: make "
            f"them with `snakemake {figure}`, or leave them out with --partial"
        )
    import pandas as pd

    from synther.analysis.build import build
    from synther.analysis.scores import read_results

    out = Path(options.out or figure.removesuffix(".pdf"))
    there = [path for path in paths if path not in missing]
    # What measures samples may have no results of agents.
    results = read_results(there) if there or spec["kind"] != "fidelity" else pd.DataFrame()
    for path in build(spec, results, out):
        print(path)
