"""Online training as a sheet: a plot, and its numbers as tables."""

import dataclasses
import itertools
import math
from typing import Any

import pandas as pd

from synther import sheets
from synther.experiments.kinds.online.plan import OnlineSpec
from synther.experiments.kinds.spec import Numbers
from synther.experiments.runs import ONLINE
from synther.sheets import printed

TOLERANCE = 0.1
"""Part of a published return within which ours agrees with it."""
DRIFT = "Error of (r, s') of samples against the simulator, after each training of the denoiser"
MOST_MARKED = 11
"""Points on a line up to which each has a mark and its seeds' dots."""


def tables(found: Numbers) -> list[sheets.Table]:
    """Return the numbers behind the plot."""
    return [_returns(found), _over_tasks(found)]


def _returns(found: Numbers) -> sheets.Table:
    spec, there, rows = found.spec, found.by("row", "task", "agent"), []
    has_others = not found.rows("published").empty
    for task, agent in itertools.product(spec.names, spec.agents):
        if not (final := there.get(("final", task, agent))):
            continue
        runs, theirs = spec.behind(ONLINE, agent, task), sheets.Cell()
        shown, mean = (
            printed.estimated(own, 1, runs) for own in (final, there["mean", task, agent])
        )
        if other := there.get(("published", task, agent)):
            ours, known = ((each.value, each.std, each.seeds) for each in (final, other))
            stands = printed.agreement(ours, known, TOLERANCE * abs(other.value))
            shown = dataclasses.replace(shown, agreement=stands)
            theirs = printed.published(other.value, other.std, status=other.status)
        cells = [task, spec.agents[agent], shown, mean, printed.count(final.seeds)]
        rows.append([*cells, *[theirs] * has_others])
    heads = ("Final return", "Mean return over training", "Seeds")
    columns = sheets.columns(("Task", "Agent"), heads, ["Published, final"] * has_others)
    return sheets.table("Returns by task", columns, rows, is_drawn=False)


def _over_tasks(found: Numbers) -> sheets.Table:
    agents, whole, rows = found.spec.agents, len(found.spec.names), []
    there = found.by("row", "task", "agent")
    for agent in agents:
        if not (final := there.get(("final", "", agent))):
            continue
        runs = [sheets.run_key(task, ONLINE, agent) for task in final.names]
        each = (there.get((row, "", agent)) for row in ("final", "mean", "improvement"))
        cells = (printed.estimated(own, n, runs) for own, n in zip(each, (1, 1, 2), strict=True))
        which = f"all {whole}" if final.tasks == whole else f"{final.tasks} of {whole}"
        rows.append([which, agents[agent], *cells])
    first = next(iter(agents.values()))
    heads = ("Final score", "Mean score over training", f"P(better than {first})")
    columns = sheets.columns(("Tasks", "Agent"), heads)
    title = "Interquartile means of normalised scores over tasks"
    return sheets.table(title, columns, rows, is_drawn=False)


def _axis(spec: OnlineSpec, own: pd.DataFrame) -> dict[str, Any]:
    """Return the horizontal axis of a panel of these rows: steps, or ratios, on a log scale."""
    if not spec.ratios:
        unit = "environment steps" if own["task"].iloc[0] else "% of the environment steps"
        return {"x": unit, "x_limits": (0.0, 1.04 * own["x"].max())}
    ticks = tuple((math.log2(ratio), f"{ratio:g}") for ratio in sorted(spec.ratios.values()))
    edge = 0.045 * (ticks[-1][0] - ticks[0][0]) or 0.5
    ends = ticks[0][0] - edge, ticks[-1][0] + edge
    return {"x": "critic updates an environment step", "x_ticks": ticks, "x_limits": ends}


def plots(found: Numbers) -> list[sheets.Plot]:
    """Return the lines, a panel a task and one of all, and drifts where these were measured."""
    drift = {"y": "error", "y_scale": "log"}
    return [_plot(found), *[_plot(found, DRIFT, **drift)] * bool(len(found.rows("drift")))]


def _plot(found: Numbers, title: str = "", **axis: Any) -> sheets.Plot:
    rows = ("drift",) if title else ("point", "level")
    spec, frame, whole = found.spec, found.rows(*rows), len(found.spec.names)
    x = frame["x"].map(math.log2) if spec.ratios else frame["x"]
    drawn = frame.assign(panel=frame["task"], series=frame["agent"], x=x)
    levels = drawn[drawn["row"] == "level"]
    points = drawn.drop(levels.index)
    few = points.groupby(["panel", "series"]).size().max() <= MOST_MARKED
    panels = []
    for task, own in frame.groupby("task", sort=False):
        count = own["tasks"].iloc[0]
        over = f"{count}{'' if count == whole else f' of {whole}'} tasks (IQM)"
        seeds_of = printed.counted(own["seeds"], "seed")
        axes = {"y": "return" if task else "IQM of normalised scores", **_axis(spec, own), **axis}
        panels.append(sheets.Panel(task, task or over, seeds_of, **axes))
    return sheets.curves(
        points if few else points.drop(columns="each"),
        *(spec.series, panels, levels),
        {agent: spec.agents[agent] for agent in spec.reference},
        marked=few,
        columns=2 if len(panels) == 4 else 3,
        panel_size=(370.0, 150.0) if len(panels) == 1 else (175.0, 128.0),
        title=title,
    )


def footnotes(found: Numbers) -> dict[str, Any]:
    """Return what footnotes.j2 says."""
    return {
        "counts": found.rows("point", "level")["seeds"],
        "DRIFT": DRIFT,
        "has_drift": len(found.rows("drift")),
        "theirs": found.rows("published"),
    }
