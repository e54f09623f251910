"""A scaling law as a sheet."""

import math
from typing import Any

from synther import sheets
from synther.experiments.kinds import Numbers
from synther.sheets import printed

AXES = {
    "parameters": ("parameters of the denoiser", "share of the data", "shares"),
    "transitions": ("transitions fitted to", "denoiser", "sources"),
}
"""What loss is drawn against: its label, and what lines are of, in words and in the spec."""
LOSS: dict[str, Any] = {"y": "held-out loss", "x_scale": "log", "y_scale": "log"}


def plots(found: Numbers) -> list[sheets.Plot]:
    """Return losses against parameters, and against transitions: a panel a dataset, and the law."""
    spec, made = found.spec, []
    for along, (label, words, of) in AXES.items():
        drawn = found.frame.assign(panel=found.frame["dataset"], x=found.frame[along])
        drawn = drawn.assign(series=drawn[of.removesuffix("s")]).dropna(subset=["x", "series"])
        fits, curves = drawn[drawn["row"] == "fit"], drawn[drawn["row"] == "curve"]
        lines = curves.assign(y=curves.get("law"))
        layers = (("line", lines), ("points", fits.assign(y=fits["held_out"])))
        names = getattr(spec, of).items()
        plot = sheets.Plot(
            sheets.layered(*layers),
            series=tuple(sheets.Series(key, name) for key, name in names),
            panels=tuple(sheets.Panel(r.name, r.label, x=label, **LOSS) for r in spec.rows),
            panel_size=(300.0, 170.0) if len(spec.rows) == 1 else (200.0, 150.0),
            title=f"Loss against {along}, by {words}",
        )
        made.append(plot)
    return made


def tables(found: Numbers) -> list[sheets.Table]:
    """Return the law's coefficients with their intervals, and every fit."""
    spec, fits, laws = found.spec, [], []
    labels = {row.name: row.label for row in spec.rows}
    for row in found.rows("coefficient").itertuples():
        laws.append([labels[row.dataset], row.coefficient, printed.estimated(row, digits=3)])
    for row in found.rows("fit").itertuples():
        names = [labels[row.dataset], spec.sources[row.source], spec.shares[row.share]]
        counts = map(printed.count, (row.parameters, row.transitions))
        losses = (row.seen, row.held_out, getattr(row, "law", math.nan))
        cells = (printed.measured(loss, digits=4, runs=[row.record]) for loss in losses)
        fits.append([*names, *counts, *cells])
    heads = ("Parameters", "Transitions", "Loss, seen", "Loss, held out", "Law")
    return [
        sheets.table("The law", sheets.columns(("Dataset", "Coefficient"), ("Value",)), laws),
        sheets.table("Fits", sheets.columns(("Dataset", "Denoiser", "Share"), heads), fits),
    ]
