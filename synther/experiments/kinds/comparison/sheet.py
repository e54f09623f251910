"""A comparison as a sheet."""

import itertools
from collections.abc import Iterator
from typing import Any

import pandas as pd

from synther import sheets
from synther.experiments.kinds.comparison.numbers import CLAIM, LARGER, OURS, THEIRS
from synther.experiments.kinds.spec import Numbers
from synther.sheets import printed
from synther.statistics import published
from synther.statistics.intervals import AGGREGATES, FRACTIONS, IMPROVEMENT

HERE, PAPER = "measured here", "paper"


def tables(found: Numbers) -> list[sheets.Table]:
    """Return the table with its aggregates and larger networks."""
    return [_main(found), _lately(found), _aggregates(found), _changes(found)]


def _lines(found: Numbers) -> Iterator[tuple[str, str, str, dict[tuple[str, str], Any]]]:
    """Yield (row, group, dataset, (agent, source) -> its numbers) of the main table's rows."""
    frame = found.rows("cell", "average", "overall").fillna({"group": ""})
    for (kind, group, dataset), own in frame.groupby(["row", "group", "dataset"], sort=False):
        yield kind, group, dataset, {(each.agent, each.source): each for each in own.itertuples()}


def _columns(found: Numbers) -> list[tuple[str, str, str, str]]:
    """Return (agent, source, side, head) of every column of scores."""
    spec, columns = found.spec, []
    there = found.rows("cell").dropna(subset="paper_mean")
    for agent in spec.agents:
        columns += [(agent, source, OURS, label) for source, label in spec.sources.items()]
        if agent in set(there["agent"]):
            theirs = spec.paper.columns(spec.sources)
            columns += [(agent, source, THEIRS, variant) for source, _, variant in theirs]
    return columns


def _prints_paper(found: Numbers) -> bool:
    """Whether any published number stands in it."""
    return bool(found.frame["paper_mean"].notna().any())


def _main(found: Numbers) -> sheets.Table:
    spec, shown = found.spec, _columns(found)
    has_paper = any(side == THEIRS for _, _, side, _ in shown)
    labels = {row.name: row.label if _prints_paper(found) else row.name for row in spec.rows}
    columns = [sheets.Column("Dataset", is_name=True)]
    for agent, _, side, label in shown:
        beside = (PAPER if side == THEIRS else HERE,) if has_paper else ()
        groups = (spec.agents[agent], *beside)
        columns.append(sheets.Column(label, groups, is_published=side == THEIRS))
    rows = []
    for kind, group, dataset, own in _lines(found):
        name = "Overall average" if kind == "overall" else labels.get(dataset, "Average")
        cells = (
            _cell(own[a, s], side, spec.behind(s, a, dataset, group)) for a, s, side, _ in shown
        )
        section = group if len(spec.groups) > 1 else ""
        rows.append(sheets.row(name, *cells, section=section, is_total=kind != "cell"))
    return sheets.table("", columns, rows)


def _cell(own: Any, side: str, runs: list[str]) -> sheets.Cell:
    theirs = own.paper_mean, own.paper_std, own.paper_seeds
    if side == THEIRS:
        return printed.published(*theirs[:2], status=own.paper_status)
    if pd.isna(own.mean):
        return sheets.Cell()
    stands = printed.agreement((own.mean, own.std, own.seeds), theirs, printed.SCORE_TOLERANCE)
    return printed.measured(own.mean, own.std, runs=runs, agreement=stands)


def _lately(found: Numbers) -> sheets.Table:
    spec, there = found.spec, found.by("row", "dataset", "source", "agent")
    places = [(source, agent) for agent in spec.agents for source in spec.sources]
    columns = [sheets.Column(spec.sources[s], (spec.agents[a],)) for s, a in places]

    def cell(*run: str) -> sheets.Cell:
        if not (own := there.get(("lately", *run))):
            return sheets.Cell()
        return printed.measured(own.mean, own.std, runs=[sheets.run_key(*run)])

    names = dict.fromkeys(found.rows("lately")["dataset"])
    return sheets.table(
        f"Mean of the last {spec.evaluations} evaluations",
        [sheets.Column("Dataset", is_name=True), *columns],
        ([name, *(cell(name, *place) for place in places)] for name in names),
    )


def _aggregates(found: Numbers) -> sheets.Table:
    spec, there, rows = found.spec, found.by("row", "agent", "source", "metric"), []
    heads = {**AGGREGATES, IMPROVEMENT: f"P(better than {spec.sources[spec.baseline]})"}
    for agent, source in itertools.product(spec.agents, spec.sources):
        own = {name: there.get(("aggregate", agent, source, name)) for name in heads}
        if first := own["iqm"]:
            runs = spec.behind(source, agent)
            cells = (
                printed.estimated(each, 2 if name in FRACTIONS else 1, runs)
                for name, each in own.items()
            )
            sizes = map(printed.count, (first.seeds, first.datasets))
            rows.append([spec.agents[agent], spec.sources[source], *sizes, *cells])
    columns = sheets.columns(("Agent", "Data"), ("Seeds", "Datasets", *heads.values()))
    return sheets.table("Aggregates over datasets", columns, rows)


def _changes(found: Numbers) -> sheets.Table:
    spec, frame, rows = found.spec, found.rows("scaling"), []
    has_claim = bool(frame["paper_mean"].notna().any())
    for own in frame.itertuples():
        sides = {own.from_agent: own.from_source, own.agent: own.source}
        runs = [key for agent, source in sides.items() for key in spec.behind(source, agent)]
        labels = dict.fromkeys(spec.sources[source] for source in sides.values())
        seeds = dict.fromkeys(f"{count:.0f}" for count in (own.from_seeds, own.seeds))
        theirs = sheets.Cell()
        if own.paper_status:
            theirs = printed.published(own.paper_mean, status=own.paper_status, signed=True)
        cells = (
            *(" → ".join(names) for names in (map(spec.agents.get, sides), labels, seeds)),
            printed.count(own.datasets),
            *(printed.measured(mean, runs=runs) for mean in (own.from_mean, own.mean)),
            printed.estimated(own, 1, runs, signed=True),
            *[theirs] * has_claim,
        )
        rows.append(cells)
    heads = ("Seeds", "Datasets", "Mean from", "Mean to", "Change (%)")
    columns = sheets.columns(("Networks", "Data"), heads, ["Paper (%)"] * has_claim)
    return sheets.table(LARGER, columns, rows)


def footnotes(found: Numbers) -> dict[str, Any]:
    """Return what footnotes.j2 says."""
    changes = found.rows("scaling")
    is_claimed = changes["paper_mean"].notna().any()
    statuses = ";".join(found.frame["paper_status"].dropna()).split(";")
    told = {
        "have_intervals": changes["low"].notna().any(),
        "are_undefined": changes["value"].isna().any(),
    }
    return {
        "counts": found.rows("cell")["seeds"].dropna(),
        "aggregated": found.rows("aggregate")["seeds"].tolist(),
        "beside": {agent for agent, _, side, _ in _columns(found) if side == THEIRS},
        "has_paper": _prints_paper(found),
        "LARGER": LARGER,
        "changes": told if len(changes) else {},
        "claim": published.claim(CLAIM) if is_claimed else None,
        "partial": list(_partial_averages(found)),
        "statuses": list(filter(None, statuses)),
    }


def _partial_averages(found: Numbers) -> Iterator[tuple[str, int, dict[str, int]]]:
    """Yield which averages are over fewer datasets than the row is: name, of how many, by agent."""
    for kind, group, _, own in _lines(found):
        size = len(found.spec.groups[group] if group else found.spec.rows)
        covered = {
            found.spec.agents[agent]: int(count)
            for agent, source, side, _ in _columns(found)
            if 0 < (count := getattr(own[agent, source], f"{side}datasets")) < size
        }
        if covered and kind != "cell":
            yield f"Average of {group}" if group else "Overall average", size, covered
