"""The verdict on the paper's claims as text: tidy rows, Markdown, and LaTeX with booktabs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from synther.analysis import paper, verdicts
from synther.analysis.claims import UNITS, Outcome
from synther.analysis.claims_spec import ClaimsSpec
from synther.analysis.text import (
    MISSING,
    escape_tex,
    markdown_head,
    markdown_notes,
    markdown_table,
    number,
    tex_foot,
    tex_head,
)
from synther.analysis.verdicts import Verdict

CSV_COLUMNS = (
    *("experiment", "preset", "claim", "statement", "verdict", "measure", "unit"),
    *("effect", "low", "high", "against", "expected", "rule", "margin", "seeds", "protocol_seeds"),
    *("datasets", "protocol_datasets", "physics", "falls_short", "note", "of_experiment", "budget"),
    *("status", "provenance"),
)
DIGITS = {"marginal": 3, "correlation": 3, "dynamics": 2}
SIGNED = ("score", "percent", "marginal", "correlation")


@dataclass(frozen=True)
class Court:
    """All outcomes, ready to be printed in any format."""

    spec: ClaimsSpec
    outcomes: list[Outcome]


def effect_words(measure: str, value: float, low: float, high: float) -> str:
    """Return an effect with its interval and unit, signed where it is a difference."""
    digits, unit = DIGITS.get(measure, 1), UNITS[measure]

    def text(value: float) -> str:
        shown = number(value, digits)
        positive = measure in SIGNED and value > 0 and float(shown) != 0
        return f"+{shown}" if positive else shown

    if math.isnan(value):
        return "undefined"
    space = "" if unit in ("%", "x") else " "
    found = text(value)
    if not math.isnan(low):
        found += f" [{text(low)}, {text(high)}]"
    return f"{found}{space}{unit}".rstrip()


def effect_text(outcome: Outcome) -> str:
    """Return an outcome's effect in words."""
    if outcome.effect is None:
        return MISSING
    estimate = outcome.effect.estimate
    return effect_words(outcome.claim.measure, estimate.value, estimate.low, estimate.high)


def rule_text(outcome: Outcome) -> str:
    """Return the rule that decided a claim, in words."""
    claim = outcome.claim
    unit = "points" if claim.measure in ("score", "compression") else UNITS[claim.measure]
    return verdicts.in_words(
        claim.rule, claim.margin, claim.expected, unit, majority=claim.majority
    )


def seeds_text(outcome: Outcome) -> str:
    """Return how many seeds there are, of how many."""
    claim, effect = outcome.claim, outcome.effect
    if effect is None:
        return MISSING
    return f"{effect.seeds} of {claim.seeds}" if claim.seeds else "one fit"


def datasets_text(outcome: Outcome) -> str:
    """Return how many datasets (or shares of them) there are, of how many."""
    return "{} of {}".format(*outcome.strata) if outcome.effect else MISSING


def mark(outcome: Outcome) -> str:
    """Return the sign of where the claim is known from."""
    return paper.mark(outcome.claim.status)


def counts(outcomes: Sequence[Outcome]) -> str:
    """Return how many claims have which verdict, in words."""
    found = Counter(outcome.verdict for outcome in outcomes)
    listed = ", ".join(f"{found[verdict]} {verdict.value}" for verdict in Verdict if found[verdict])
    return f"Of {len(outcomes)} claims: {listed}."


def rows(court: Court) -> list[list[str]]:
    """Return the verdicts as text, a head first; the first column is words."""
    table = [
        [
            *("Claim", "Verdict", "Effect [95% interval]", "Against", "Rule"),
            *("Seeds", "Datasets", "Physics", "Falls short in"),
        ]
    ]
    for outcome in court.outcomes:
        table.append(
            [
                outcome.claim.statement + mark(outcome),
                outcome.verdict.value,
                effect_text(outcome),
                outcome.effect.label if outcome.effect else MISSING,
                rule_text(outcome),
                seeds_text(outcome),
                datasets_text(outcome),
                outcome.physics or MISSING,
                "; ".join(outcome.limits) or "nothing",
            ]
        )
    return table


def footnotes(court: Court) -> list[str]:
    """Return the footnotes: how verdicts are made, and where claims are known from."""
    spec = court.spec
    lines = [
        counts(court.outcomes),
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
    found = {outcome.claim.status for outcome in court.outcomes}
    lines += [f"{line}." for line in paper.footnotes(found)]
    return [*lines, *spec.notes]


def tidy(court: Court) -> pd.DataFrame:
    """Return a row a claim, for machines; columns `CSV_COLUMNS`.

    Effect, low and high are in `unit`: normalised score points, percent, scores of marginals and
    correlations (0 to 1), times lower, or ratios of bytes.
    """
    records = []
    for outcome in court.outcomes:
        claim, effect = outcome.claim, outcome.effect
        records.append(
            {
                "claim": claim.name,
                "statement": claim.statement,
                "verdict": outcome.verdict.value,
                "measure": claim.measure,
                "unit": UNITS[claim.measure],
                "effect": effect.estimate.value if effect else math.nan,
                "low": effect.estimate.low if effect else math.nan,
                "high": effect.estimate.high if effect else math.nan,
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


def markdown(court: Court) -> str:
    """Return the verdicts as a table in GitHub's Markdown."""
    table = [[cell.replace("*", "\\*") for cell in row] for row in rows(court)]
    lines = [*markdown_head(court.spec), "", *markdown_table(table, len(table[0]))]
    return "\n".join([*lines, "", *markdown_notes(footnotes(court))]) + "\n"


def latex(court: Court) -> str:
    """Return the verdicts as a LaTeX `table` that needs the packages booktabs and xcolor."""
    lines = [
        *tex_head(court.spec),
        r"\begin{tabular}{p{0.34\linewidth}p{0.15\linewidth}p{0.45\linewidth}}",
    ]
    lines += [r"\toprule", r"Claim & Verdict & Evidence \\", r"\midrule"]
    for outcome in court.outcomes:
        cells = [outcome.claim.statement, outcome.verdict.value, "; ".join(evidence(outcome))]
        texts = [escape_tex(cell) for cell in cells]
        texts[0] += rf"\textsuperscript{{{escape_tex(mark(outcome))}}}" if mark(outcome) else ""
        lines.append(" & ".join(texts) + r" \\")
    lines += [r"\bottomrule", r"\end{tabular}"]
    return "\n".join([*lines, *tex_foot(footnotes(court))]) + "\n"


def evidence(outcome: Outcome) -> list[str]:
    """Return what a verdict rests on, in words: effect, rule, seeds, budget, what falls short."""
    claim, effect = outcome.claim, outcome.effect
    if effect is None:
        return [*outcome.limits, rule_text(outcome)]
    found = [f"{effect_text(outcome)} over {effect.label}", rule_text(outcome)]
    if claim.seeds:
        found.append(f"seeds {seeds_text(outcome)}")
    found.append(f"datasets {datasets_text(outcome)}")
    if effect.note:
        found.append(effect.note)
    if outcome.physics:
        found.append(f"physics {outcome.physics}")
    found.append(f"budget of {claim.experiment}: {claim.budget}")
    if outcome.limits:
        found.append(f"falls short: {', '.join(outcome.limits)}")
    return found
