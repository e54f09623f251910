"""What results are made from: generators, samples, shares, mixtures, latents; and fidelity."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from synther.config.specs import sampling_settings, source_settings
from synther.errors import SyntherError
from synther.experiments import Experiments
from synther.jobs.npz import npz_shapes
from synther.statistics.measures import read_fidelity
from synther.transitions import FIELDS
from synther.verification.findings import Report
from synther.verification.records import Result


def check_fit(
    folder: Path,
    dataset: str,
    source: str,
    plan: Experiments,
    report: Report,
    latents: bool = False,
) -> None:
    """Check a fitted generator: model.pt, settings.json, and fit.json of what made them."""
    report.checked += 1
    model = folder / "model.pt"
    if not model.is_file() and (folder / "fit.json").is_file():  # which is written last
        report.add("unverified", model, "is not here, only its record: removed, or not shipped")
        return
    for path in (model, folder / "settings.json"):
        if not path.is_file():
            report.add("incomplete", path, "is missing: fit the generator again")
            return
    if (result := Result.read(model, report, folder / "fit.json")) is None:
        return
    result.check_output("model_sha256")
    result.check_inputs("data")
    result.check_version()
    try:
        if latents:
            now = plan.pixels().generator_settings(dataset, source)
        else:
            now = source_settings(source, dataset, plan.preset)
    except SyntherError as error:
        result.add("foreign", str(error))
        return
    result.check_settings(now, complete=True)


def check_samples(
    path: Path,
    dataset: str,
    source: str,
    plan: Experiments,
    report: Report,
    latents: bool = False,
) -> None:
    """Check samples: as many as are asked for, drawn from the model that is there."""
    rows, result = _rows(path, report), Result.read(path, report)
    if result is None or rows is None:
        return
    result.check_says(samples=rows)
    result.check_output("output_sha256")
    result.check_inputs("model")
    result.check_version()
    try:
        if latents:
            wanted, now = plan.pixels().samples(source), {}
        else:
            wanted = plan.samples(source)
            now = sampling_settings(source, dataset, plan.preset)
    except SyntherError as error:
        result.add("foreign", str(error))
        return
    if wanted != rows:
        result.add("stale", f"it has {rows:,} samples, the configuration asks for {wanted:,}")
    result.check_settings(now, complete=True)


def check_transitions(path: Path, inputs: tuple[str, ...], report: Report, **asked: Any) -> None:
    """Check transitions that a verb made from others: a share, a mixture, latents.

    Args:
        path: the .npz.
        inputs: names of the inputs in its record.
        report: takes what is found.
        **asked: what the record should say.
    """
    rows, result = _rows(path, report), Result.read(path, report)
    if result is None or rows is None:
        return
    result.check_says(transitions=rows)
    result.check_output("output_sha256")
    result.check_inputs(*inputs)
    result.check_asked(**asked)


def _rows(path: Path, report: Report) -> int | None:
    """Return how many transitions a file has, by the headers of its arrays alone."""
    report.checked += 1
    try:
        shapes = npz_shapes(path, FIELDS)
    except SyntherError as error:
        report.add("damaged", path, str(error).removeprefix(f"{path} "))
        return None
    lengths = {shape[0] for shape in shapes.values() if shape}
    if len(lengths) != 1:
        report.add("damaged", path, f"its arrays have {sorted(lengths)} rows; make it anew")
        return None
    return int(lengths.pop())


def check_fidelity(
    path: Path, dataset: str, source: str, plan: Experiments, report: Report
) -> None:
    """Check the measures of a source's samples."""
    report.checked += 1
    if (result := Result.read(path, report)) is None:
        return
    try:
        _, rows = read_fidelity(path, plan.preset)
    except SyntherError as error:
        result.add("damaged", str(error).removeprefix(f"{path} "))
        return
    result.check_says(dataset=dataset, source=source, measured=len(rows))
    result.check_output("rows_sha256")
    result.check_inputs("real", "samples", within="inputs")
    wanted = min(plan.fidelity_samples(), int(result.record.get("samples", 0)))
    if len(rows) != wanted:
        result.add("stale", f"{len(rows):,} samples are measured, {wanted:,} are asked for")
