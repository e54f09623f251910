"""The choice among policies as a sheet."""

import itertools
from typing import Any

from synther import sheets
from synther.experiments.kinds import Numbers
from synther.experiments.kinds.selection.numbers import REPS
from synther.experiments.kinds.selection.plan import SelectionSpec
from synther.sheets import printed
from synther.statistics.selection import RUNS_PER_RESAMPLE

SHOWN = (1, 5, 10, 20, 50, 100)
"""Numbers of episodes that the table has columns for, and the axis ticks."""


def _counts(spec: SelectionSpec) -> list[int]:
    return [count for count in SHOWN if count <= spec.episodes]


def plots(found: Numbers) -> list[sheets.Plot]:
    """Return the curves, a panel a dataset."""
    spec, frame = found.spec, found.frame
    drawn = frame.assign(panel=frame["dataset"], series=frame["source"], x=frame["episodes"])
    pools = drawn[drawn["x"].isna()]
    axes: dict[str, Any] = {
        **{"x": "episodes tried", "y": "expected score", "x_scale": "log"},
        "x_ticks": tuple((float(count), str(count)) for count in _counts(spec)),
        "x_limits": (1.0, frame["episodes"].max()),
    }
    drawn = sheets.curves(
        drawn[drawn["x"].notna()],
        spec.sources,
        (
            sheets.Panel(row.name, row.label, **axes)
            for row in spec.rows
            if row.name in set(frame["dataset"])
        ),
        pools.assign(value=pools["best"]),
        {source: f"{name}, best policy" for source, name in spec.sources.items()},
    )
    return [drawn]


def tables(found: Numbers) -> list[sheets.Table]:
    """Return the expected score after some numbers of episodes."""
    spec, rows, counts = found.spec, [], _counts(found.spec)
    lines, pools = found.by("dataset", "source", "episodes"), found.by("dataset", "source")
    for row, source in itertools.product(spec.rows, spec.sources):
        if pool := pools.get((row.name, source)):  # the last of these rows
            runs = [sheets.run_key(row.name, source, agent) for agent in pool.agents]
            at = (lines[row.name, source, count] for count in counts)
            cells = [
                *(printed.estimated(own, runs=runs) for own in at),
                printed.measured(pool.best, runs=runs),
                printed.count(pool.policies),
            ]
            rows.append([row.label, spec.sources[source], *cells])
    heads = [*(f"{n} {'episode' if n == 1 else 'episodes'}" for n in counts), "Best", "Policies"]
    columns = sheets.columns(("Dataset", "Data"), heads)
    return [sheets.table("Expected score", columns, rows, is_drawn=False)]


def footnotes(found: Numbers) -> dict[str, Any]:
    """Return what footnotes.j2 says."""
    return {"REPS": REPS, "RUNS_PER_RESAMPLE": RUNS_PER_RESAMPLE}
