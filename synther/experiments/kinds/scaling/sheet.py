"""A scaling law as a sheet."""

import math
from typing import Any

from synther import sheets
from synther.experiments.kinds import Numbers
from synther.sheets import notes, printed

AXES = {
    "parameters": (
        "parameters of the denoiser",
        "share",
        "Loss against parameters, by share of the data",
    ),
    "transitions": ("transitions fitted to", "source", "Loss against transitions, by denoiser"),
}


def plots(found: Numbers) -> list[sheets.Plot]:
    """Return losses against parameters, and against transitions: a panel a dataset, and the law."""
    spec, made = found.spec, []
    for along, (label, of, title) in AXES.items():
        drawn = found.frame.assign(panel=found.frame["dataset"], x=found.frame[along])
        drawn = drawn.assign(series=drawn[of]).dropna(subset=["x", "series"])
        fits, curves = drawn[drawn["row"] == "fit"], drawn[drawn["row"] == "curve"]
        layers = (
            ("line", curves.assign(y=curves.get("law"))),
            ("points", fits.assign(y=fits["held_out"])),
        )
        axes: dict[str, Any] = {
            "x": label,
            "y": "held-out loss",
            "x_scale": "log",
            "y_scale": "log",
        }
        made.append(
            sheets.Plot(
                sheets.layered(*layers),
                series=tuple(
                    sheets.Series(key, name)
                    for key, name in (spec.shares if of == "share" else spec.sources).items()
                ),
                panels=tuple(sheets.Panel(r.name, r.label, **axes) for r in spec.rows),
                panel_size=(300.0, 170.0) if len(spec.rows) == 1 else (200.0, 150.0),
                title=title,
            )
        )
    return made


def tables(found: Numbers) -> list[sheets.Table]:
    """Return the law's coefficients with their intervals, and every fit."""
    spec, fits, laws = found.spec, [], []
    labels = {row.name: row.label for row in spec.rows}
    for row in found.rows("coefficient").itertuples():
        cell = printed.estimated(row, digits=3)
        laws.append([labels[row.dataset], row.coefficient, cell])
    for row in found.rows("fit").itertuples():
        names = [labels[row.dataset], spec.sources[row.source], spec.shares[row.share]]
        losses = (row.seen, row.held_out, getattr(row, "law", math.nan))
        counts = map(printed.count, (row.parameters, row.transitions))
        fits.append(
            [
                *names,
                *counts,
                *(printed.measured(loss, digits=4, runs=[row.record]) for loss in losses),
            ]
        )
    heads = ("Parameters", "Transitions", "Loss, seen", "Loss, held out", "Law")
    return [
        sheets.table("The law", sheets.columns(("Dataset", "Coefficient"), ("Value",)), laws),
        sheets.table("Fits", sheets.columns(("Dataset", "Denoiser", "Share"), heads), fits),
    ]


def footnotes(found: Numbers) -> list[sheets.Note]:
    """Return the footnotes."""
    return notes.written(__file__, found)
