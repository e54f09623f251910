"""Every file below results/, each handed to what checks its kind."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from pathlib import Path

from synther import config
from synther.config.shares import share_of
from synther.errors import NotRunError, SyntherError
from synther.experiments import Experiments
from synther.jobs.folders import NOWHERE, leads_nowhere, walk
from synther.verification import sources
from synther.verification.findings import Checksums, Report
from synther.verification.runs import RunFile, check_run, check_seeds

_RUN = re.compile(
    r"(?:(?P<kind>offline|pixels)/(?P<dataset>[^/]+)/(?P<source>[^/]+)|online/(?P<task>[^/]+))"
    r"/(?P<agent>[^/]+)/seeds-(?P<first>\d+)-(?P<last>\d+)\.parquet"
)
_FIDELITY = re.compile(r"fidelity/(?P<dataset>[^/]+)/(?P<source>[^/]+)\.parquet")
_GENERATOR = re.compile(r"generators/(?P<dataset>[^/]+)/(?P<source>[^/]+)/(?P<file>[^/]+)")
_LATENTS = re.compile(r"latents/(?P<dataset>[^/]+)/[^/]+/latents\.npz")
_LATENT_GENERATOR = re.compile(
    r"latents/(?P<dataset>[^/]+)/[^/]+/(?P<source>[^/]+)/(?P<file>[^/]+)"
)
_SUBSET = re.compile(r"subsets/(?P<dataset>[^/]+)/(?P<share>[^/]+)\.npz")
_UNFINISHED = re.compile(r"\.ckpt$|\.parts$|^\..*\.(tmp|lock|probe)\b|^\.npz-")
ELSEWHERE = ("behaviour", "bench")
"""Folders of results/ that are no preset's."""


def verify(
    root: str | Path = "results", presets: list[str] | None = None, checksums: bool = True
) -> Report:
    """Check every result of some presets, or of all that have a folder.

    Args:
        root: results/; the paths in records are relative to the folder that it is in.
        presets: names; None: all.
        checksums: whether files are read for them, which takes as long as reading does.

    Raises:
        SyntherError: the folder or a preset is missing.
    """
    root = Path(root)
    if not root.is_dir():
        raise SyntherError(f"{root} is not a folder of results: name one, or run the workflow")
    names = sorted(p.name for p in root.iterdir() if p.is_dir() or leads_nowhere(p))
    if root.name in config.preset_names() and not set(names) & set(config.preset_names()):
        raise SyntherError(
            f"{root} has one preset's results: give `{root.parent} --preset {root.name}`"
        )
    for preset in presets or []:
        config.load_preset(preset)
        if preset not in names:
            raise SyntherError(f"{root} has no results of preset '{preset}': run the workflow")
    base = Path(os.path.abspath(root)).parent  # links as they were given
    report = Report(Checksums(base, checksums))
    for name in names:
        if (presets and name not in presets) or name in ELSEWHERE:
            continue
        if name not in config.preset_names():
            report.add("foreign", root / name, "no preset has this name")
            continue
        try:
            plan = Experiments(name)
        except SyntherError as error:
            report.add("unverified", root / name, f"its preset can't be read: {error}")
            continue
        if not plan.scale["evidence"]:
            report.pipeline_checks.append(name)
        _check_preset(root / name, plan, report)
    return report


def _check_preset(folder: Path, plan: Experiments, report: Report) -> None:
    runs: list[RunFile] = []
    for path in walk(folder):
        below = path.relative_to(folder).as_posix()
        if leads_nowhere(path):
            report.add("damaged", path, f"it {NOWHERE}")
            continue
        if _UNFINISHED.search(path.name):
            report.add("unfinished", path, "left by a job that was ended; running it goes on")
        elif any(_UNFINISHED.search(part) for part in Path(below).parent.parts) or path.is_dir():
            continue
        elif found := _RUN.fullmatch(below):
            kind = found["kind"] or "online"
            run = RunFile(
                path=path,
                kind=kind,
                preset=plan.preset,
                dataset=found["dataset"] or found["task"],
                source=found["source"] or "online",
                agent=found["agent"],
                seeds=tuple(range(int(found["first"]), int(found["last"]) + 1)),
            )
            runs.append(run)
            check_run(run, report)
        else:
            _check_source(path, below, plan, report)
    expected = _expected(folder, plan, report)
    check_seeds(runs, expected, report)


def _expected(folder: Path, plan: Experiments, report: Report) -> dict[str, set[int]]:
    """Return folder of a run -> its seeds, of everything that the preset runs."""
    wanted: dict[str, set[int]] = defaultdict(set)
    files: set[Path] = set()
    for name in plan.specs:
        try:
            results = plan.results(name)
        except NotRunError:
            continue
        except SyntherError as error:
            report.add("unverified", folder, f"experiment {name}: {error}")
            continue
        for result in results:
            path = folder / Path(result).relative_to(f"results/{plan.preset}")
            _, first, last = path.stem.split("-")
            wanted[str(path.parent)] |= set(range(int(first), int(last) + 1))
            files.add(path)
    report.expected += len(files)
    return wanted


def _check_source(path: Path, below: str, plan: Experiments, report: Report) -> None:
    """Check a file that is no run's rows; those beside one that was checked need nothing."""
    if found := _FIDELITY.fullmatch(below):
        sources.check_fidelity(path, found["dataset"], found["source"], plan, report)
    elif found := _LATENTS.fullmatch(below):
        sources.check_transitions(path, ("data", "body"), report)
    elif (found := _SUBSET.fullmatch(below)) and (share := share_of(found["share"])):
        asked = {share.option: share.amount, **plan.subset_choice()}
        sources.check_transitions(path, ("data",), report, **asked)
    elif found := _GENERATOR.fullmatch(below) or _LATENT_GENERATOR.fullmatch(below):
        where = (found["dataset"], found["source"], plan, report)
        latents = below.startswith("latents/")
        if found["file"] == "samples.npz":
            sources.check_samples(path, *where, latents=latents)
        elif found["file"] == "mixture.npz":
            sources.check_transitions(path, ("real", "synthetic"), report)
        elif found["file"] == "model.pt" or (
            found["file"] == "fit.json" and not path.with_name("model.pt").exists()
        ):
            sources.check_fit(path.parent, *where, latents=latents)
        elif found["file"] in ("samples.json", "mixture.json"):
            _require_result(path, report)
    elif path.suffix == ".json":
        _require_result(path, report)
    elif path.suffix != ".pt" and below != "scores.csv":
        report.add("foreign", path, "no rule makes such a file")


def _require_result(record: Path, report: Report) -> None:
    if any(record.with_suffix(suffix).exists() for suffix in (".parquet", ".npz")):
        return
    of_transitions = record.name in ("samples.json", "mixture.json", "latents.json")
    if of_transitions or record.parent.parent.name == "subsets":
        # Records are written last: what is missing beside one was whole once.
        report.add("unverified", record, "what it is of is not here: removed, or not shipped")
    else:
        report.add("incomplete", record, "its result is missing; run its rule again")
