"""Every file below results/, each handed to what checks its kind."""

import os
import re
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from synther import config
from synther.errors import NotRunError, SyntherError
from synther.experiments import Experiments
from synther.jobs.folders import NOWHERE, leads_nowhere, walk
from synther.verification import sources
from synther.verification.findings import Report
from synther.verification.records import Result, Settled
from synther.verification.runs import check_run, check_seeds, seeds_of

_SEEDS = r"seeds-\d+-\d+\.parquet"
_OF_FIT: dict[str, Callable[[Result], None] | None] = {
    r"(model\.pt|fit\.json)": sources.check_fit,
    r"loss\.json": sources.check_loss,
    r"samples\.npz": sources.check_samples,
    r"mixture\.npz": sources.check_mixture,
    r"(?!samples\.json|mixture\.json)[^/]+": None,
}
_CHECKS = {
    re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", shape)): check
    for shape, check in {
        rf"(?P<part>offline|pixels)/{{dataset}}/{{source}}/{{agent}}/{_SEEDS}": check_run,
        rf"(?P<part>online)/{{dataset}}/{{agent}}/{_SEEDS}": check_run,
        r"fidelity/{dataset}/{source}\.parquet": sources.check_fidelity,
        r"subsets/{dataset}/{share}\.npz": sources.check_subset,
        r"latents/{dataset}/{agent}/latents\.npz": sources.check_latents,
        **{f"generators/{{dataset}}/{{source}}/{name}": check for name, check in _OF_FIT.items()},
        **{
            f"latents/{{dataset}}/{{agent}}/{{source}}/{name}": check
            for name, check in _OF_FIT.items()
        },
    }.items()
}
"""What files below a preset's folder are called -> what checks them; None: nothing has to."""
_UNFINISHED = re.compile(r"\.ckpt$|\.parts$|^\..*\.(tmp|lock)\b")
ELSEWHERE = ("behaviour", "bench")
"""Folders of results/ that are no preset's."""


def verify(
    root: str | Path = "results", presets: list[str] | None = None, checksums: bool = True
) -> Report:
    """Check every result of some presets, or of all that have a folder.

    Args:
        root: results/, or a preset's folder in it; the paths in records are relative to the folder
            that results/ is in.
        presets: names; None: all.
        checksums: whether files are read for them, which takes as long as reading does.

    Raises:
        SyntherError: the folder or a preset is missing.
    """
    root = Path(root)
    if not root.is_dir():
        raise SyntherError(f"{root} is not a folder of results: name one, or run the workflow")
    names = sorted(p.name for p in root.iterdir() if p.is_dir() or leads_nowhere(p))
    is_one = root.parent.name == "results" or root.name in config.preset_names()
    if is_one and presets in (None, [root.name]) and not set(names) & set(config.preset_names()):
        return verify(root.parent, [root.name], checksums)
    for preset in presets or []:
        config.load_preset(preset)
        if preset not in names:
            raise SyntherError(f"{root} has no results of preset '{preset}': run the workflow")
    base = Path(os.path.abspath(root)).parent  # links as they were given
    report = Report(base, checksums)
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
    runs: list[Path] = []
    for path in walk(folder):
        below = path.relative_to(folder)
        if leads_nowhere(path):
            report.add("damaged", path, f"it {NOWHERE}")
        elif _UNFINISHED.search(path.name):
            report.add("unfinished", path, "left by a job that was ended; running it goes on")
        elif path.is_file() and not any(map(_UNFINISHED.search, below.parent.parts)):
            check, names = _check_of(below.as_posix())
            if check is None or (path.name == "fit.json" and path.with_name("model.pt").exists()):
                continue  # checked with what it lies beside
            if check is check_run:
                runs.append(path)
            report.checked += check is not _check_other
            with suppress(Settled):
                check(Result(path, names, plan, report))
    check_seeds(runs, _expected(folder, plan, report), report)


def _check_of(below: str) -> tuple[Callable[[Result], None] | None, dict[str, str]]:
    """Return what checks a file, and what its path says, by its path below the preset's folder."""
    for expression, check in _CHECKS.items():
        if match := expression.fullmatch(below):
            return check, match.groupdict()
    return (None if below == "scores.csv" or below.endswith(".pt") else _check_other), {}


def _expected(folder: Path, plan: Experiments, report: Report) -> dict[Path, set[int]]:
    """Return folder of a run -> its seeds, of everything that the preset runs."""
    wanted: dict[Path, set[int]] = defaultdict(set)
    files: set[Path] = set()
    for name in plan.specs:
        try:
            files.update(map(Path, plan.results(name)))
        except NotRunError:
            continue
        except SyntherError as error:
            report.add("unverified", folder, f"experiment {name}: {error}")
    for path in files:
        below = path.relative_to(f"results/{plan.preset}")
        wanted[(folder / below).parent].update(seeds_of(path))
    report.expected += len(files)
    return wanted


def _check_other(result: Result) -> None:
    """Find a record that is left alone, and a file that no rule makes."""
    path, beside = result.path, (".parquet", ".npz")
    if path.suffix != ".json":
        result.add("foreign", "no rule makes such a file")
    elif not any(path.with_suffix(suffix).exists() for suffix in beside):
        of_transitions = path.name in ("samples.json", "mixture.json", "latents.json")
        if of_transitions or path.parent.parent.name == "subsets":
            # Records are written last: what is missing beside one was whole once.
            result.add("unverified", "what it is of is not here: removed, or not shipped")
        else:
            result.add("incomplete", "its result is missing; run its rule again")
