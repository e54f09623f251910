"""Online training as text: tidy rows for machines, Markdown, and LaTeX with booktabs."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from synther.analysis import paper
from synther.analysis.bootstrap import BAND_REPS, Estimate
from synther.analysis.notes import FEW_SEEDS
from synther.analysis.online_numbers import Line, Online, Panel, Summary
from synther.analysis.text import (
    MISSING,
    escape_tex,
    estimate_text,
    markdown_head,
    markdown_notes,
    markdown_table,
    number,
    seeds_text,
    tex_foot,
    tex_head,
    tex_tabular,
)

CSV_COLUMNS = (
    *("experiment", "preset", "budget", "row", "task", "agent", "x", "unit"),
    *("metric", "seeds", "tasks", "value", "std", "low", "high"),
)
X_UNITS = {"online": "steps", "sweep": "updates a step"}


def panel_name(found: Online, panel: Panel) -> str:
    """Return what a panel is over: its task, or how many of them."""
    if panel.task is not None:
        return panel.task
    everything = len(found.spec.tasks)
    return f"{panel.tasks}{'' if panel.tasks == everything else f' of {everything}'} tasks (IQM)"


def tidy(found: Online) -> pd.DataFrame:
    """Return everything in a figure, one number a row, for machines; columns `CSV_COLUMNS`.

    `row` is point (of a line), level (of a reference), final, mean (over all evaluations),
    improvement or published. A task's numbers are returns; over tasks (`task` empty) IQMs of
    normalised scores, where x is in percent of the budget.
    """
    spec = found.spec
    records: list[dict[str, Any]] = []

    def record(value: Estimate, std: float = math.nan, **keys: Any) -> None:
        bounds = {"value": value.value, "low": value.low, "high": value.high, "std": std}
        records.append({**keys, **bounds})

    for panel in found.panels:
        alone = panel.task is not None
        place: dict[str, Any] = {"task": panel.task or "", "tasks": panel.tasks}
        place |= {"metric": "mean return" if alone else "IQM of scores"}
        unit = X_UNITS[spec.layout] if alone or spec.layout == "sweep" else "% of steps"

        def points(row: str, agent: str, line: Line, keys: dict[str, Any]) -> None:
            for x, matrix, value in zip(line.xs, line.matrices, line.values, strict=True):
                record(value, row=row, agent=agent, x=x, seeds=len(matrix), **keys)

        for agent, line in panel.lines.items():
            points("point", agent, line, place | {"unit": unit})
        for agent, line in panel.levels.items():
            points("level", agent, line, place)
    for summary in found.summaries:
        keys: dict[str, Any] = {
            "task": summary.task or "",
            "tasks": 1 if summary.task else len(spec.tasks),
            "agent": summary.agent,
            "seeds": summary.seeds,
            "metric": "mean return" if summary.task else "IQM of scores",
        }
        record(summary.final, summary.final_std, row="final", **keys)
        record(summary.mean, summary.mean_std, row="mean", **keys)
        if summary.improvement:
            record(summary.improvement, row="improvement", **{**keys, "metric": "probability"})
        if other := summary.published:
            value = Estimate(other.mean, math.nan, math.nan)
            own: dict[str, Any] = {
                **keys,
                "seeds": other.seeds,
                "metric": f"return ({other.status})",
            }
            record(value, other.std, row="published", **own)
    frame = pd.DataFrame(records).assign(
        experiment=spec.name, preset=spec.preset, budget=spec.budget
    )
    return frame.reindex(columns=list(CSV_COLUMNS)).astype({"seeds": "Int64", "tasks": "Int64"})


def _cell(value: Estimate, std: float) -> str:
    spread = "" if math.isnan(std) else f" ± {number(std)}"
    middle, _, interval = estimate_text(value, 1).partition(" ")
    return f"{middle}{spread} {interval}".rstrip()


def _published(summary: Summary) -> str:
    if (other := summary.published) is None:
        return MISSING
    spread = "" if math.isnan(other.std) else f" ± {number(other.std)}"
    return f"{number(other.mean)}{spread}{other.mark}"


def blocks(found: Online) -> list[tuple[str, list[list[str]]]]:
    """Return the tables: a title, and rows with a head first; two columns are names."""
    spec = found.spec
    several = [summary for summary in found.summaries if summary.task is None]
    has_others = any(summary.published for summary in found.summaries)
    rows = [["Task", "Agent", "Final return", "Mean return over training"]]
    rows[0] += ["Published, final"] if has_others else []
    for s in found.summaries:
        if s.task is not None:
            cells = [_cell(s.final, s.final_std), _cell(s.mean, s.mean_std)]
            cells += [_published(s)] if has_others else []
            rows.append([s.task, spec.agents[s.agent], *cells])
    made = [("Returns by task", rows)]
    if several:
        baseline = next(iter(spec.agents.values()))
        head = ["Tasks", "Agent", "Final score", "Mean score over training"]
        head.append(f"P(better than {baseline})")
        over = [head]
        for s in several:
            cells = [estimate_text(s.final, 1), estimate_text(s.mean, 1)]
            over.append(
                [
                    f"all {len(spec.tasks)}",
                    spec.agents[s.agent],
                    *cells,
                    estimate_text(s.improvement, 2),
                ]
            )
        made.append(("Interquartile means of normalised scores over tasks", over))
    return made


def footnotes(found: Online, drawn: bool) -> list[str]:
    """Return the footnotes of the figure, or of the tables that go with it."""
    spec, counts = found.spec, [n for panel in found.panels for n in panel.seeds]
    most, least = max(counts), min(counts)
    listed = " to ".join(str(n) for n in sorted({found.episodes[0], found.episodes[-1]}))
    noun = "episode" if found.episodes == [1] else "episodes"
    lines = [
        f"Return of a seed: mean of the {listed} {noun} of an evaluation with the deterministic "
        f"policy; {seeds_text(counts)}. Score: normalised, D4RL's on Gym's tasks and a tenth of "
        "the return on the DeepMind Control Suite's."
    ]
    if most > 1:
        marks = "bands" if drawn else "In brackets"
        reps = min(spec.bootstrap_reps, BAND_REPS) if drawn else spec.bootstrap_reps
        lines.append(
            ("Lines: mean over seeds; over tasks, interquartile mean (IQM); " if drawn else "")
            + f"{marks}: 95% percentile intervals of a bootstrap over seeds, stratified by task "
            f"({reps:,} resamples; Agarwal et al., 2021)."
        )
    if not drawn and most > 1:
        lines.append("± is the sample standard deviation (ddof = 1) over seeds.")
    if not drawn:
        lines.append(
            "Mean return over training: the area under the curve of evaluations, divided by its "
            "length."
        )
    if spec.layout == "sweep":
        lines.append(
            "Points: returns of the last evaluation; dotted: the reference at its own ratio."
        )
    if least == 1:
        lines.append("One seed has no standard deviation and no interval.")
    if most > 1 and least < FEW_SEEDS:
        lines.append(f"Intervals from fewer than {FEW_SEEDS} seeds are too narrow to rely on.")
    if not drawn:
        statuses = {s.published.status for s in found.summaries if s.published}
        lines += [f"{line}." for line in paper.footnotes(statuses)]
        if statuses:
            sources = sorted({s.published.provenance for s in found.summaries if s.published})
            lines += [f"Published: {source}." for source in sources]
    return [*lines, *found.omissions, *spec.notes]


def markdown(found: Online) -> str:
    """Return the numbers as tables in GitHub's Markdown."""
    lines = markdown_head(found.spec)
    for title, rows in blocks(found):
        lines += ["", title, "", *markdown_table(rows, 2)]
    return "\n".join([*lines, "", *markdown_notes(footnotes(found, drawn=False))]) + "\n"


def latex(found: Online) -> str:
    """Return the numbers as a LaTeX `table` that needs the package booktabs."""
    lines = tex_head(found.spec)
    for title, rows in blocks(found):
        shown = [rows[0]]
        for position, row in enumerate(rows[1:]):  # a name once, where it begins
            shown.append(["", *row[1:]] if position and row[0] == rows[position][0] else row)
        lines.append(rf"\par\medskip\emph{{{escape_tex(title)}}}\par\smallskip")
        lines += tex_tabular(shown, 2)
    return "\n".join([*lines, *tex_foot(footnotes(found, drawn=False))]) + "\n"
