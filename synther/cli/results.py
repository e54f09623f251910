"""Verbs that show results, compare and check them; and the bench."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tyro.conf import Positional

from synther import config
from synther.cli.options import Computing, Count, Paths, Verb, Words, require_suffix
from synther.errors import SyntherError
from synther.experiments import Experiments
from synther.jobs.archive import opened, pack
from synther.jobs.files import atomic_path, require_writable, sha256

if TYPE_CHECKING:
    import pandas as pd


class Table(Verb):
    """Make one table or figure."""

    experiment: str = "table1"  # a name of config/experiments.yaml
    preset: str = "paper"  # whose results
    results: Paths = ()  # result files; all of the experiment's
    partial: bool = False  # leave out results not there yet
    out: Path | None = None  # path without suffix; figures/[PRESET/]EXPERIMENT

    def __call__(self) -> None:
        experiments = Experiments(self.preset)
        plan = experiments.plan(self.experiment)
        spec, figure = plan.describe(), experiments.figure(self.experiment)
        given = list(map(str, self.results))
        needed = given or plan.inputs()
        missing = [path for path in needed if not Path(path).is_file()]
        if missing and not self.partial:
            raise SyntherError(
                f"{len(missing)} of {len(needed)} results are missing, the first is {missing[0]}: "
                f"make them with `snakemake {figure}.pdf`, or leave them out with --partial"
            )
        from synther.experiments.kinds import make_sheet
        from synther.sheets.writers import write

        there = [path for path in given or plan.results() if path not in missing]
        for path in write(make_sheet(spec, there), self.out or Path(figure)):
            print(path)


class Report(Verb):
    """Make the page of everything that a preset's runs have left."""

    # archives of `synther pack`, or folders results/PRESET, to set side by side
    trees: Positional[tuple[Path, ...]] = ()
    preset: str = "paper"  # whose results, where no tree is given
    out: Path | None = None  # the .html file; figures/[PRESET/]report.html

    def __call__(self) -> None:
        from synther.report import board
        from synther.report.page import render

        if self.trees and not self.out:
            raise SyntherError(
                "say with --out where the page of these trees goes: --out board.html"
            )
        experiments = Experiments(self.preset)
        out = require_writable(self.out or experiments.page())
        page = board.render(self.trees) if self.trees else render(experiments)
        with atomic_path(out) as temporary:
            temporary.write_text(page, encoding="utf-8")
        print(out)


class Scores(Verb):
    """Write every seed's last score, of all results that there are."""

    preset: str = "paper"  # whose results
    out: Path | None = None  # the file; results/PRESET/scores.csv

    def __call__(self) -> None:
        experiments = Experiments(self.preset)
        usual = experiments.scores_file()
        out = require_writable(require_suffix(self.out or Path(usual), ".csv"))
        paths = experiments.results(*experiments.made())
        there = [path for path in paths if Path(path).is_file()]
        if not there:
            raise SyntherError(
                f"preset '{self.preset}' has no results yet: make them with `snakemake {usual}`"
            )
        from synther.statistics.scores import final_scores, read_results

        final = final_scores(read_results(there))
        _write_csv(final, out)
        print(f"{out}: {len(final)} scores of {len(there)} of the preset's {len(paths)} runs")


class Compare(Verb):
    """Set two trees of results side by side."""

    a: Positional[Path]  # folder of results: results/quick, or another's; or an archive
    b: Positional[Path]  # another one, or the word `paper`: its numbers
    json: bool = False  # print JSON in place of a table
    out: Path | None = None  # a .csv file to write besides
    reps: Count = 2000  # bootstrap resamples

    def __call__(self) -> None:
        from synther.verification.trees import compare_trees
        from synther.verification.trees_text import as_json, text, tidy

        if self.out:
            require_writable(require_suffix(self.out, ".csv"))
        found = compare_trees(self.a, self.b, self.reps)
        if self.out:
            _write_csv(tidy(found), self.out)
        print(json.dumps(as_json(found), indent=2) if self.json else text(found))


def _write_csv(rows: pd.DataFrame, path: Path) -> None:
    with atomic_path(path) as temporary:
        rows.to_csv(temporary, index=False, lineterminator="\n")


class Verify(Verb):
    """Check every result."""

    results: Positional[Path] = Path("results")  # the folder, or an archive of `synther pack`
    preset: Words = ()  # only these presets' results
    no_checksums: bool = False  # do not read inputs
    json: bool = False  # print what is found as JSON

    def __call__(self) -> None:
        from synther.verification import verify

        with opened(self.results) as folder:
            found = verify(folder, list(self.preset) or None, checksums=not self.no_checksums)
        print(json.dumps(found.to_dict(), indent=2) if self.json else "\n".join(found.lines()))
        if found.wrong:
            raise SyntherError(
                f"{found.wrong} findings make results unfit for a table: remove the files that "
                "they name, with their .json, and run the workflow again"
            )


class Pack(Verb):
    """Put a preset's results into one file."""

    results: Positional[Path]  # the folder: results/PRESET
    out: Path | None = None  # the .zip file; PRESET.zip

    def __call__(self) -> None:
        from synther.verification import verify

        out = require_suffix(self.out or Path(f"{self.results.resolve().name}.zip"), ".zip")
        if wrong := [each for each in verify(self.results).findings if each.is_wrong]:
            raise SyntherError(
                f"{len(wrong)} findings of `synther verify`, the first is {wrong[0]}"
            )
        count = pack(self.results, out)
        print(f"{out}: {count} files, {out.stat().st_size:,} bytes, sha256 {sha256(out)}")


class Sync(Verb):
    """Hand finished runs to a tracker."""

    results: Positional[tuple[Path, ...]] = ()  # parquet files; all finished
    preset: str | None = None  # whose results; that of config/config.yaml
    project: str = "synther"  # name of the project there
    dir: Path = Path(".")  # folder in which wandb/ is made
    online: bool = False  # send them; needs `wandb login`

    def __call__(self) -> None:
        from synther.jobs.tracking import finished_runs, sync_runs

        preset = self.preset or config.load("config")["preset"]
        if self.preset:
            config.load_preset(preset)  # a misspelt one would have no runs
        results = list(self.results) or finished_runs(preset)
        if not results:
            raise SyntherError(
                f"no finished run in results/{preset}: name another --preset, or result files"
            )
        new, old = sync_runs(results, self.project, self.dir, self.online)
        where = "sent" if self.online else f"stored in {self.dir / 'wandb'}"
        print(f"{len(new):,} runs {where}, {len(old):,} were already")
        if new and not self.online:
            print("To send them: synther sync --online, or `wandb sync --sync-all` from there")


class Bench(Verb):
    """Measure the hot paths, print the table, write the file."""

    sections: Words = ()  # agents, diffusion, evaluation, data, start-up; all of them
    out: Path = Path("results/bench")  # folder of the file with all numbers
    computing: Computing

    def __call__(self) -> None:
        require_writable(self.out / "x.json")
        device = self.computing.choose()
        from synther.bench import run

        found = []
        for measurement in run.measure(device, self.sections or run.SECTIONS):
            found.append(measurement)
            row = " ".join(cell for cell in run.row(measurement) if cell)
            print(row, file=sys.stderr, flush=True)
        print(run.markdown(found))
        print(f"\nWritten to {run.save(found, device, self.out)}", file=sys.stderr)
