"""The verdict on the paper's claims as a sheet: a claim a row, and what its verdict rests on."""

import dataclasses
import math
from collections import Counter
from typing import Any

from synther import sheets
from synther.experiments.kinds.claims.numbers import UNITS
from synther.experiments.kinds.claims.plan import Claim
from synther.experiments.kinds.claims.verdicts import Verdict
from synther.experiments.kinds.spec import Numbers
from synther.sheets import printed
from synther.sheets.sheet import run_key
from synther.statistics import published

DIGITS = {"marginal": 3, "correlation": 3, "dynamics": 2}
SIGNED = ("score", "percent", "marginal", "correlation")
COLUMNS = (
    sheets.Column("Verdict", is_name=True, width=84.0),
    sheets.Column("Claim", is_name=True, width=160.0),
    sheets.Column("Effect [95% interval]", is_name=True, width=110.0),
    sheets.Column("Over", is_name=True, width=78.0),
    sheets.Column("Rule", is_name=True, width=112.0),
    *(sheets.Column(head, ("Evidence",)) for head in ("Seeds", "Datasets", "Physics")),
    sheets.Column("Falls short in", is_name=True, width=130.0),
)


def tables(found: Numbers) -> list[sheets.Table]:
    """Return the verdicts, and for text formats where each claim is known from."""
    return [_verdicts(found), _origins(found)]


def _verdicts(found: Numbers) -> sheets.Table:
    shared, rows = _shared(found), []
    nothing = "as all do" if shared else "nothing"
    for row in found.frame.itertuples():
        is_run = row.verdict != Verdict.NOT_RUN
        over = "; ".join(filter(None, (row.against, row.note))) or sheets.MISSING
        limits = [limit for limit in row.limits if limit not in shared or not is_run]
        seeds = _of(row.seeds, row.protocol_seeds) if row.about.seeds else sheets.Cell("one fit")
        effect = _effect(row) if is_run else sheets.Cell()
        verdict = row.verdict.value
        cells = [
            *(verdict, _statement(row), effect, over, rule_text(row.about)),
            seeds if is_run else sheets.Cell(),
            _of(row.datasets, row.protocol_datasets) if is_run else sheets.Cell(),
            row.physics or sheets.MISSING,
            "; ".join(limits) or nothing,
        ]
        rows.append(sheets.row(*cells, verdict=verdict))
    return sheets.table("", COLUMNS, rows)


def _shared(found: Numbers) -> list[str]:
    """Return in what all evidence falls short: said once for all, not of each."""
    ran = found.frame.loc[found.frame["verdict"] != Verdict.NOT_RUN, "limits"].tolist()
    return [limit for limit in ran[0] if all(limit in o for o in ran)] if len(ran) > 1 else []


def _statement(row: Any) -> sheets.Cell:
    return sheets.Cell(row.statement, mark=published.mark(row.status), status=row.status)


def _runs(claim: Claim) -> tuple[str, ...]:
    """Return the keys of runs, and the paths of records, that a claim is decided from."""
    keys = [run_key(*cell.run) for cell in claim.cells if cell.results]
    keys += [
        path.replace(".parquet", ".json")
        for cell in claim.cells
        for name, path in cell.files.items()
        if name != "sample"
    ]
    return tuple(dict.fromkeys(keys))


def _effect(row: Any) -> sheets.Cell:
    """Return an effect with its interval and unit, signed where it is a difference."""
    runs = _runs(row.about)
    if math.isnan(row.effect):
        return sheets.Cell("undefined", runs=runs)
    known: dict[str, Any] = {"unit": row.unit, "runs": runs, "signed": row.measure in SIGNED}
    digits = DIGITS.get(row.measure, 1)
    made = printed.measured(row.effect, low=row.low, high=row.high, digits=digits, **known)
    space = "" if row.unit in ("%", "x") else " "
    return dataclasses.replace(made, text=f"{made.text}{space}{row.unit}".rstrip())


def rule_text(claim: Claim) -> str:
    """Return the rule that decides a claim, in words."""
    unit = "points" if claim.measure in ("score", "compression") else UNITS[claim.measure]
    wide, reached = f"{claim.margin:g} {unit}".strip(), f"{claim.expected or 0.0:g}"
    words = {
        "parity": f"parity: the 95% interval lies within ±{wide}",
        "at_least": f"at least parity: the 95% interval lies above -{wide}",
        "better": "better: the 95% interval lies above no effect",
        "gain": f"gain: the 95% interval lies above no effect and reaches {reached}{unit}",
        "ratio": f"a ratio of {reached} or more, with the score's 95% interval above -{wide}",
    }[claim.rule]
    return f"on most of them, {words}" if claim.majority else words


def _of(count: float, whole: float) -> sheets.Cell:
    return sheets.Cell(f"{count:.0f} of {whole:.0f}", float(count))


def _origins(found: Numbers) -> sheets.Table:
    heads = {"Claim": 152.0, "Known from": 130.0, "Experiment": 70.0, "Budget": 240.0}
    columns = (sheets.Column(h, is_name=True, width=width) for h, width in heads.items())
    rows = (
        (_statement(row), row.provenance, row.of_experiment, row.budget)
        for row in found.frame.itertuples()
    )
    title = "Where claims are known from, and the budget of what decides them"
    return sheets.table(title, columns, rows, is_drawn=False)


def footnotes(found: Numbers) -> dict[str, Any]:
    """Return what footnotes.j2 says."""
    counts = Counter(found.frame["verdict"])
    ran = found.frame[found.frame["verdict"] != Verdict.NOT_RUN]
    return {
        "told": [f"{counts[each]} {each.value}" for each in Verdict if counts[each]],
        "shared": _shared(found),
        "budgets": dict(zip(ran["of_experiment"], ran["budget"], strict=True)),
    }
