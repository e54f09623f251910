"""What results are made from: generators, samples, shares, mixtures, latents; and fidelity."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from synther.config.specs import sampling_settings, source_settings
from synther.errors import SyntherError
from synther.experiments import Experiments
from synther.jobs.files import npz_shapes
from synther.statistics.measures import read_fidelity
from synther.transitions import FIELDS
from synther.verification.findings import Checksums, Report
from synther.verification.records import (
    check_inputs,
    check_output,
    check_settings,
    check_version,
    read_record,
)


def check_fit(
    folder: Path,
    dataset: str,
    source: str,
    plan: Experiments,
    sums: Checksums,
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
    record = read_record(folder / "fit.json", report)
    if record is None:
        return
    check_output(record, "model_sha256", model, sums, report)
    check_inputs(record, ("data",), model, sums, report)
    check_version(record, model, report)
    try:
        if latents:
            now = plan.pixels().generator_settings(dataset, source)
        else:
            now = source_settings(source, dataset, plan.preset)
    except SyntherError as error:
        report.add("foreign", model, str(error))
        return
    check_settings(record.get("settings"), now, model, report, complete=True)


def check_samples(
    path: Path,
    dataset: str,
    source: str,
    plan: Experiments,
    sums: Checksums,
    report: Report,
    latents: bool = False,
) -> None:
    """Check samples: as many as are asked for, drawn from the model that is there."""
    rows = _rows(path, report)
    record = read_record(path.with_suffix(".json"), report)
    if record is None or rows is None:
        return
    if record.get("samples") != rows:
        report.add("damaged", path, f"it has {rows} rows, its record says {record.get('samples')}")
    check_output(record, "output_sha256", path, sums, report)
    check_inputs(record, ("model",), path, sums, report)
    check_version(record, path, report)
    try:
        if latents:
            wanted, now = plan.pixels().samples(source), {}
        else:
            wanted = plan.samples(source)
            now = sampling_settings(source, dataset, plan.preset)
    except SyntherError as error:
        report.add("foreign", path, str(error))
        return
    if wanted != rows:
        report.add("stale", path, f"it has {rows:,} samples, the configuration asks for {wanted:,}")
    check_settings(record.get("settings"), now, path, report, complete=True)


def check_transitions(
    path: Path, inputs: tuple[str, ...], sums: Checksums, report: Report, **asked: Any
) -> None:
    """Check transitions that a verb made from others: a share, a mixture, latents.

    Args:
        path: the .npz.
        inputs: names of the inputs in its record.
        sums: checksums of files.
        report: takes what is found.
        **asked: what the record should say.
    """
    rows = _rows(path, report)
    record = read_record(path.with_suffix(".json"), report)
    if record is None or rows is None:
        return
    if record.get("transitions") != rows:
        report.add(
            "damaged", path, f"it has {rows} rows, its record says {record.get('transitions')}"
        )
    check_output(record, "output_sha256", path, sums, report)
    check_inputs(record, inputs, path, sums, report)
    for name, value in asked.items():
        if record.get(name) != value:
            report.add("stale", path, f"{name} was {record.get(name)}, is {value}")


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
    path: Path, dataset: str, source: str, plan: Experiments, sums: Checksums, report: Report
) -> None:
    """Check the measures of a source's samples."""
    report.checked += 1
    record = read_record(path.with_suffix(".json"), report)
    if record is None:
        return
    try:
        _, rows = read_fidelity(path, plan.preset)
    except SyntherError as error:
        report.add("damaged", path, str(error).removeprefix(f"{path} "))
        return
    for name, value in {"dataset": dataset, "source": source, "measured": len(rows)}.items():
        if record.get(name) != value:
            report.add("damaged", path, f"its record says {name} {record.get(name)}, not {value}")
    check_output(record, "rows_sha256", path, sums, report)
    inputs = record.get("inputs")
    check_inputs(
        inputs if isinstance(inputs, Mapping) else {}, ("real", "samples"), path, sums, report
    )
    wanted = min(plan.fidelity_samples(), int(record.get("samples", 0)))
    if len(rows) != wanted:
        report.add("stale", path, f"{len(rows):,} samples are measured, {wanted:,} are asked for")
