"""What results are made from: generators, samples, shares, mixtures, latents; and fidelity."""

from typing import Any

from synther.config.shares import share_of
from synther.config.specs import sampling_settings, source_settings
from synther.jobs.npz import npz_shapes
from synther.statistics.measures import read_fidelity
from synther.transitions import FIELDS
from synther.verification.records import Result


def check_fit(result: Result) -> None:
    """Check a fitted generator: model.pt, settings.json, and fit.json of what made them."""
    names = result.names
    if result.path.name == "fit.json":  # which is written last
        model = result.path.with_name("model.pt")
        result.give_up("unverified", "is not here, only its record: removed, or not shipped", model)
    settings = result.path.with_name("settings.json")
    if not settings.is_file():
        result.give_up("incomplete", "is missing: fit the generator again", settings)
    result.check_made("model_sha256", "data")
    result.check_version()
    with result.otherwise("foreign"):
        now = source_settings(names["source"], names["dataset"], result.plan.preset)
    result.check_settings(now, complete=True)


def check_loss(result: Result) -> None:
    """Check the losses of a denoiser: its model and data are those that were measured."""
    result.check_inputs("model")
    result.check_inputs("data", "seen", within="inputs")
    result.check_version()


def check_samples(result: Result) -> None:
    """Check samples: as many as are asked for, drawn from the model that is there."""
    names, plan, rows = result.names, result.plan, _rows(result)
    result.check_says(samples=rows)
    result.check_made("output_sha256", "model", *({"states"} & result.record.keys()))
    result.check_version()
    now: dict[str, Any] = {}
    with result.otherwise("foreign"):
        if "agent" in names:
            wanted = plan.samples(names["source"], "pixels")
        else:
            wanted = plan.samples(names["source"])
            now = sampling_settings(names["source"], names["dataset"], plan.preset)
    if wanted != rows:
        result.add("stale", f"it has {rows:,} samples, the configuration asks for {wanted:,}")
    result.check_settings(now, complete=True)


def check_mixture(result: Result) -> None:
    """Check a mixture of real transitions and samples."""
    result.check_says(transitions=_rows(result))
    result.check_made("output_sha256", "real", "synthetic")


def check_latents(result: Result) -> None:
    """Check a dataset in an agent's latents."""
    result.check_says(transitions=_rows(result))
    result.check_made("output_sha256", "data", "body")


def check_subset(result: Result) -> None:
    """Check a part of a dataset, chosen as its name says."""
    if (share := share_of(result.names["share"])) is None:
        result.give_up("foreign", "no rule makes such a file")
    result.check_says(transitions=_rows(result))
    result.check_made("output_sha256", "data")
    result.check_asked(**result.plan.subset_choice(share))


def _rows(result: Result) -> int:
    """Return how many transitions a file has, by the headers of its arrays alone."""
    with result.otherwise("damaged"):
        shapes = npz_shapes(result.path, FIELDS)
    lengths = {shape[0] for shape in shapes.values() if shape}
    if len(lengths) != 1:
        result.give_up("damaged", f"its arrays have {sorted(lengths)} rows; make it anew")
    return int(lengths.pop())


def check_fidelity(result: Result) -> None:
    """Check the measures of a source's samples."""
    record = result.record
    with result.otherwise("damaged"):
        _, rows = read_fidelity(result.path, result.plan.preset)
    result.check_says(**result.names, measured=len(rows))
    result.check_made("rows_sha256", "real", "samples", within="inputs")
    wanted = min(result.plan.fidelity_samples(), int(record.get("samples", 0)))
    if len(rows) != wanted:
        result.add("stale", f"{len(rows):,} samples are measured, {wanted:,} are asked for")
