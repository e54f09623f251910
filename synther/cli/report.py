"""Verbs that turn results into tables and figures."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from synther.errors import SyntherError
from synther.experiments import Experiments
from synther.files import atomic_path, require_writable


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
    from synther.analysis.build import build, read

    out = Path(options.out or figure.removesuffix(".pdf"))
    results = read(spec, [path for path in paths if path not in missing])
    for path in build(spec, results, out):
        print(path)


def report(options: argparse.Namespace) -> None:
    """Make the page of everything that a preset's runs have left."""
    from synther import provenance
    from synther.experiments import report_plan
    from synther.report.page import render, save
    from synther.report.provenance import gather

    experiments = Experiments(options.preset)
    out = Path(options.out or report_plan.path(experiments))
    require_writable(out)
    tables = report_plan.tables(experiments)
    html = render(
        experiments.preset,
        experiments.scale["protocol"] == "paper",
        experiments.scale["evidence"],
        tables,
        report_plan.figures(experiments, tables),
        gather(report_plan.results(experiments, tables), report_plan.records(experiments, tables)),
        f"Made by synther {provenance.version()}, commit {provenance.commit()}",
    )
    save(html, out)
    print(out)


def scores(options: argparse.Namespace) -> None:
    """Write every seed's last score, of all results that there are."""
    from synther.experiments import report_plan

    experiments = Experiments(options.preset)
    out = Path(options.out or experiments.scores_file())
    if out.suffix != ".csv":
        raise SyntherError(f"--out {out} must end in .csv")
    require_writable(out)
    paths = report_plan.results(experiments, experiments.made())
    there = [path for path in paths if Path(path).is_file()]
    if not there:
        raise SyntherError(
            f"preset '{options.preset}' has no results yet: make them with "
            f"`snakemake {experiments.scores_file()}`"
        )
    from synther.analysis.scores import final_scores, read_results

    final = final_scores(read_results(there))
    with atomic_path(out) as temporary:
        final.to_csv(temporary, index=False, lineterminator="\n")
    print(f"{out}: {len(final)} scores of {len(there)} of the preset's {len(paths)} runs")


def compare(options: argparse.Namespace) -> None:
    """Print two trees of results side by side."""
    from synther.analysis.trees import compare_trees, tidy
    from synther.analysis.trees_render import as_json, text

    if options.out:
        if Path(options.out).suffix != ".csv":
            raise SyntherError(f"--out {options.out} must end in .csv")
        require_writable(options.out)
    found = compare_trees(options.a, options.b, options.reps)
    if options.out:
        with atomic_path(options.out) as temporary:
            tidy(found).to_csv(temporary, index=False, lineterminator="\n")
    print(json.dumps(as_json(found), indent=2) if options.json else text(found))
