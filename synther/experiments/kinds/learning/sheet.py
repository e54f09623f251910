"""Learning curves as a sheet: a plot, and the last score of each line beside the published one."""

import itertools
from typing import Any

from synther import sheets
from synther.experiments.kinds.spec import Numbers
from synther.sheets import printed


def plots(found: Numbers) -> list[sheets.Plot]:
    """Return the lines, a panel a dataset and agent."""
    spec = found.spec
    points, levels = (
        own.assign(panel=own["dataset"] + "|" + own["agent"], series=own["source"], x=own["step"])
        for own in (found.rows("point"), found.rows("published"))
    )
    ends = points.groupby("panel")["x"].max()
    panels = (
        sheets.Panel(
            panel,
            row.label,
            title,
            x="updates",
            y="normalised score",
            x_limits=(0.0, 1.02 * ends[panel]),
        )
        for row, (agent, title) in itertools.product(spec.rows, spec.agents.items())
        if (panel := f"{row.name}|{agent}") in ends
    )
    theirs = {source: f"{name}, published (last)" for source, name in spec.sources.items()}
    drawn = sheets.curves(points, spec.sources, panels, levels, theirs, columns=len(spec.agents))
    return [drawn]


def tables(found: Numbers) -> list[sheets.Table]:
    """Return the last score of each line beside the published one."""
    spec, rows, there = found.spec, [], found.by("row", "dataset", "source", "agent")
    for row, agent, source in itertools.product(spec.rows, spec.agents, spec.sources):
        run = row.name, source, agent
        if at := there.get(("point", *run)):
            theirs = sheets.Cell()
            if other := there.get(("published", *run)):
                theirs = printed.published(other.value, other.std, status=other.status)
            rows.append(
                [
                    *(row.label, spec.agents[agent], spec.sources[source]),
                    printed.count(at.step),
                    printed.estimated(at, runs=[sheets.run_key(*run)]),
                    printed.count(at.seeds),
                    theirs,
                ]
            )
    heads = ("Updates", "Last score", "Seeds")
    columns = sheets.columns(("Dataset", "Agent", "Data"), heads, ("Published, last",))
    return [sheets.table("The last evaluation", columns, rows, is_drawn=False)]


def footnotes(found: Numbers) -> dict[str, Any]:
    """Return what footnotes.j2 says."""
    return {"counts": found.rows("point")["seeds"], "theirs": found.rows("published")}
