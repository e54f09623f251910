"""The verdict on the paper's claims as a sheet: a claim a row, and what its verdict rests on."""

from __future__ import annotations

import math
from collections import Counter

import pandas as pd

from synther import sheets
from synther.experiments.kinds.claims import verdicts
from synther.experiments.kinds.claims.numbers import Court, Outcome
from synther.experiments.kinds.claims.spec import Claim
from synther.experiments.kinds.claims.verdicts import Verdict
from synther.sheets import numbers
from synther.sheets.sheet import run_key
from synther.statistics import published
from synther.statistics.intervals import Estimate

CSV_COLUMNS = (
    *("experiment", "preset", "claim", "statement", "verdict", "measure", "unit"),
    *("effect", "low", "high", "against", "expected", "rule", "margin", "seeds", "protocol_seeds"),
    *("datasets", "protocol_datasets", "physics", "falls_short", "note", "of_experiment", "budget"),
    *("status", "provenance"),
)
UNITS = {
    "score": "points",
    "percent": "%",
    "marginal": "",
    "correlation": "",
    "dynamics": "times",
    "compression": "x",
}
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


def sheet(court: Court) -> sheets.Sheet:
    """Return the verdicts, and for text formats where each claim is known from."""
    return sheets.Sheet(
        **court.spec.heading(),
        tables=(_verdicts(court), _origins(court)),
        notes=tuple(footnotes(court)),
        tidy=sheets.frame_columns(tidy(court)),
    )


def _verdicts(court: Court) -> sheets.Table:
    shared = _shared(court)
    rows = []
    for outcome in court.outcomes:
        claim, effect = outcome.claim, outcome.effect
        cells = [numbers.words(outcome.verdict.value), _statement(claim), _effect(outcome)]
        over = "; ".join(filter(None, (effect.label, effect.note))) if effect else sheets.MISSING
        limits = [limit for limit in outcome.limits if limit not in shared or not effect]
        nothing = "as all do" if shared else "nothing"
        cells += [numbers.words(over), numbers.words(rule_text(claim)), _seeds(outcome)]
        cells.append(_of(*outcome.strata) if effect else sheets.Cell())
        cells.append(sheets.Cell(outcome.physics or sheets.MISSING))
        cells.append(numbers.words("; ".join(limits) or nothing))
        rows.append(sheets.Row(tuple(cells), verdict=outcome.verdict.value))
    return sheets.Table("", COLUMNS, tuple(rows))


def _shared(court: Court) -> list[str]:
    """Return in what all evidence falls short: said once for all, not of each."""
    ran = [outcome.limits for outcome in court.outcomes if outcome.effect]
    return [limit for limit in ran[0] if all(limit in o for o in ran)] if len(ran) > 1 else []


def _statement(claim: Claim) -> sheets.Cell:
    mark = published.mark(claim.status)
    return sheets.Cell(claim.statement, mark=mark, status=claim.status)


def _effect(outcome: Outcome) -> sheets.Cell:
    """Return the effect with its interval and unit, and the runs and records that it is from."""
    if outcome.effect is None:
        return sheets.Cell()
    claim, estimate = outcome.claim, outcome.effect.estimate
    keys = [run_key(c.dataset, c.source, c.agent) for c in claim.cells if c.results]
    keys += [
        path.replace(".parquet", ".json")
        for cell in claim.cells
        for name, path in cell.files.items()
        if name != "sample"
    ]
    return effect_cell(claim.measure, estimate, tuple(dict.fromkeys(keys)))


def effect_cell(measure: str, estimate: Estimate, runs: tuple[str, ...] = ()) -> sheets.Cell:
    """Return an effect with its interval and unit, signed where it is a difference."""
    if math.isnan(estimate.value):
        return sheets.Cell("undefined", runs=runs)
    unit, digits = UNITS[measure], DIGITS.get(measure, 1)
    made = numbers.estimated(estimate, digits, runs, signed=measure in SIGNED)
    space = "" if unit in ("%", "x") else " "
    text = f"{made.text}{space}{unit}".rstrip()
    return sheets.Cell(text, made.value, low=made.low, high=made.high, unit=unit, runs=runs)


def rule_text(claim: Claim) -> str:
    """Return the rule that decides a claim, in words."""
    unit = "points" if claim.measure in ("score", "compression") else UNITS[claim.measure]
    return verdicts.in_words(claim.rule, claim.margin, claim.expected, unit, claim.majority)


def _of(count: int, whole: int) -> sheets.Cell:
    return sheets.Cell(f"{count} of {whole}", float(count))


def _seeds(outcome: Outcome) -> sheets.Cell:
    """Return how many seeds there are, of how many."""
    if outcome.effect is None:
        return sheets.Cell()
    if not outcome.claim.seeds:
        return sheets.Cell("one fit")
    return _of(outcome.effect.seeds, outcome.claim.seeds)


def _origins(court: Court) -> sheets.Table:
    heads = {"Claim": 152.0, "Known from": 130.0, "Experiment": 70.0, "Budget": 240.0}
    columns = tuple(sheets.Column(h, is_name=True, width=width) for h, width in heads.items())
    rows = []
    for claim in (outcome.claim for outcome in court.outcomes):
        words = map(numbers.words, (claim.provenance, claim.experiment, claim.budget))
        rows.append(sheets.Row((_statement(claim), *words)))
    title = "Where claims are known from, and the budget of what decides them"
    return sheets.Table(title, columns, tuple(rows), is_drawn=False)


def footnotes(court: Court) -> list[sheets.Note]:
    """Return the footnotes: how verdicts are made, and where claims are known from."""
    spec, outcomes = court.spec, court.outcomes
    found = Counter(outcome.verdict for outcome in outcomes)
    listed = ", ".join(f"{found[verdict]} {verdict.value}" for verdict in Verdict if found[verdict])
    lines = [f"Of {len(outcomes)} claims: {listed}."]
    if shared := _shared(court):
        lines.append(f"All evidence falls short of the protocol in this: {'; '.join(shared)}.")
    lines += [
        "Effect: what the claim is about over what it is held against; of several of these the "
        "hardest, as all have to hold. Intervals: 95% percentiles of a bootstrap over seeds "
        f"({spec.bootstrap_reps:,} resamples), stratified by dataset or share; of marginals and "
        "correlations over columns, of the dynamics over samples in bins of equal "
        "distance to the data. All are of one fit of each generator and one set of its samples.",
        "Parity is an interval within a margin (ours, in config/claims.yaml), never the lack of a "
        "significant difference. Scores are of the last evaluation.",
        "Evidence that falls short of the protocol in anything is never more than indicative."
        if spec.is_evidence
        else "The preset checks the pipeline: its numbers decide no claim, whatever they are.",
    ]
    budgets = {o.claim.experiment: o.claim.budget for o in outcomes if o.effect}
    listed = ". ".join(f"{name}: {budget}" for name, budget in budgets.items())
    made = [*map(sheets.Note, lines)]
    made += [sheets.Note(f"Budgets: {listed}.", "page")] if budgets else []
    marks = published.footnotes({outcome.claim.status for outcome in outcomes})
    return [*made, *map(sheets.Note, [*(f"{line}." for line in marks), *spec.notes])]


def tidy(court: Court) -> pd.DataFrame:
    """Return a row a claim, for machines; columns `CSV_COLUMNS`.

    Effect, low and high are in `unit`: normalised score points, percent, scores of marginals and
    correlations (0 to 1), times lower, or ratios of bytes.
    """
    records = []
    for outcome in court.outcomes:
        claim, effect = outcome.claim, outcome.effect
        estimate = effect.estimate if effect else Estimate(math.nan)
        records.append(
            {
                "claim": claim.name,
                "statement": claim.statement,
                "verdict": outcome.verdict.value,
                "measure": claim.measure,
                "unit": UNITS[claim.measure],
                "effect": estimate.value,
                "low": estimate.low,
                "high": estimate.high,
                "against": effect.label if effect else "",
                "expected": math.nan if claim.expected is None else claim.expected,
                "rule": claim.rule,
                "margin": claim.margin if claim.rule in ("parity", "at_least", "ratio") else None,
                "seeds": effect.seeds if effect and claim.seeds else None,
                "protocol_seeds": claim.seeds or None,
                "datasets": outcome.strata[0],
                "protocol_datasets": outcome.strata[1],
                "physics": outcome.physics,
                "falls_short": "; ".join(outcome.limits),
                "note": effect.note if effect else "",
                "of_experiment": claim.experiment,
                "budget": claim.budget,
                "status": claim.status,
                "provenance": claim.provenance,
            }
        )
    spec = court.spec
    frame = pd.DataFrame(records).assign(experiment=spec.name, preset=spec.preset)
    frame = frame.reindex(columns=list(CSV_COLUMNS))
    return frame.astype({"seeds": "Int64", "protocol_seeds": "Int64"})
