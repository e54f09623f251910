"""The losses of denoisers, and the law through them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from synther.errors import SyntherError
from synther.experiments.kinds import Numbers
from synther.experiments.kinds.scaling.plan import ScalingSpec
from synther.jobs.files import read_json
from synther.statistics.measures import AGAIN
from synther.statistics.scaling import ScalingLaw

COLUMNS = (
    *("experiment", "preset", "budget", "dataset", "source", "share", "parameters", "transitions"),
    *("seen", "held_out", "law", "coefficient", "value", "low", "high"),
)
KEYS = {
    **{"parameters": "num_parameters", "transitions": "transitions"},
    **{"seen": "seen_loss", "held_out": "held_out_loss"},
}
POINTS = 30


def read(paths: Sequence[str | Path]) -> None:
    """Read no results of agents: there are none."""


def measure(spec: ScalingSpec, _: None) -> Numbers:
    """Gather losses, and fit a law a dataset where there are enough.

    Returns:
        Rows by `row`: "fit", with `parameters`, `transitions`, the losses `seen` and `held_out` and
        what the `law` says; "coefficient", with its `value`, `low` and `high`; "curve", places
        along the law with the `share` or the `source` that it is of, and the other size on `x`.

    Raises:
        SyntherError: a file is damaged, or none is there.
    """
    rows: list[dict[str, Any]] = []
    for dataset, sources in spec.files.items():
        fits = pd.DataFrame(
            {"row": "fit", "dataset": dataset, "source": source, "share": share, "record": path}
            | {name: found[key] for name, key in KEYS.items()}
            for source, own in sources.items()
            for share, path in own.items()
            if Path(path).is_file()
            for found in [read_json(path, AGAIN)]
        )
        if len(fits) and ScalingLaw.is_determined(fits["parameters"], fits["transitions"]):
            rows += _law(spec, dataset, fits)
        rows += fits.to_dict("records")
    if not rows:
        raise SyntherError(f"no result belongs to {spec.name}; run its workflow target first")
    return Numbers(spec, pd.DataFrame(rows), COLUMNS)


def _law(spec: ScalingSpec, dataset: str, fits: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the law's coefficients and curves; `fits` are told what it says of them."""
    law = ScalingLaw(fits["parameters"], fits["transitions"], fits["held_out"])
    fits["law"] = law(fits["parameters"], fits["transitions"])
    every = law.estimates(spec.bootstrap_reps).items()
    found = [{"row": "coefficient", "coefficient": name, **vars(own)} for name, own in every]
    for along, of in (("parameters", "share"), ("transitions", "source")):
        ends = fits[along].agg(["min", "max"])
        xs = ends["min"] * (ends["max"] / ends["min"]) ** (pd.Series(range(POINTS)) / (POINTS - 1))
        for key, own in fits.groupby(of, sort=False):
            other = own["transitions" if along == "parameters" else "parameters"].iloc[0]
            ys = law(xs, other) if along == "parameters" else law(other, xs)
            curve = zip(xs, ys, strict=True)
            found += [{"row": "curve", of: key, along: x, "law": y} for x, y in curve]
    return [{"dataset": dataset, **row} for row in found]
