"""Verbs that turn results into tables and figures."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from synther.errors import SyntherError
from synther.experiments import Experiments
from synther.jobs.files import atomic_path, require_writable


def table(options: argparse.Namespace) -> None:
    """Make one table or figure in all formats."""
    experiments = Experiments(options.preset)
    plan = experiments.plan(options.experiment)
    spec, figure = plan.describe(), experiments.figure(options.experiment)
    paths = options.results or plan.results()
    needed = options.results or plan.inputs()
    missing = [path for path in needed if not Path(path).is_file()]
    if missing and not options.partial:
        raise SyntherError(
            f"{len(missing)} of {len(needed)} results are missing, the first is {missing[0]}: make "
            f"them with `snakemake {figure}.pdf`, or leave them out with --partial"
        )
    from synther.experiments.kinds import make_sheet
    from synther.sheets.writers import write

    sheet = make_sheet(spec, [path for path in paths if path not in missing])
    for path in write(sheet, Path(options.out or figure)):
        print(path)


def report(options: argparse.Namespace) -> None:
    """Make the page of everything that a preset's runs have left."""
    from synther.experiments import report_plan
    from synther.jobs import provenance
    from synther.report.page import render, save
    from synther.report.provenance import gather

    experiments = Experiments(options.preset)
    out = Path(options.out or report_plan.path(experiments))
    require_writable(out)
    files = report_plan.sheets(experiments)
    page = render(
        experiments.preset,
        experiments.scale["protocol"] == "paper",
        experiments.scale["evidence"],
        files,
        report_plan.titles(experiments),
        gather(report_plan.results(experiments, files), report_plan.records(experiments, files)),
        f"Made by synther {provenance.version()}, commit {provenance.commit()}",
    )
    save(page, out)
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
    from synther.statistics.scores import final_scores, read_results

    final = final_scores(read_results(there))
    with atomic_path(out) as temporary:
        final.to_csv(temporary, index=False, lineterminator="\n")
    print(f"{out}: {len(final)} scores of {len(there)} of the preset's {len(paths)} runs")


def compare(options: argparse.Namespace) -> None:
    """Print two trees of results side by side."""
    from synther.verification.trees import compare_trees, tidy
    from synther.verification.trees_text import as_json, text

    if options.out:
        if Path(options.out).suffix != ".csv":
            raise SyntherError(f"--out {options.out} must end in .csv")
        require_writable(options.out)
    found = compare_trees(options.a, options.b, options.reps)
    if options.out:
        with atomic_path(options.out) as temporary:
            tidy(found).to_csv(temporary, index=False, lineterminator="\n")
    print(json.dumps(as_json(found), indent=2) if options.json else text(found))
