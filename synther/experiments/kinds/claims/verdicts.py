"""The rules by which a claim is decided from an interval, and what budgets allow to be said."""

import math
from collections.abc import Sequence
from enum import IntEnum, StrEnum

from synther.statistics.intervals import Estimate


class Finding(IntEnum):
    """What an interval says of a claim, from the worst for it to the best."""

    AGAINST = 0
    UNDECIDED = 1
    FOR = 2


class Verdict(StrEnum):
    """What is said of a claim."""

    REPRODUCED = "reproduced"
    NOT_REPRODUCED = "not reproduced"
    INCONCLUSIVE = "inconclusive"
    INDICATIVE_FOR = "indicative: in favour"
    INDICATIVE_AGAINST = "indicative: against"
    PIPELINE_CHECK = "pipeline check"
    NOT_RUN = "not run"


def decide(
    rule: str,
    effect: Estimate,
    *,
    no_effect: float = 0.0,
    margin: float = 0.0,
    expected: float | None = None,
) -> Finding:
    """Hold an effect's interval against a rule.

    An interval with an undefined end (one seed) decides nothing. Parity is shown by an interval
    within the margins (two one-sided tests, each at half of what the interval leaves out), never
    by one that contains no difference.

    Args:
        rule: parity, at_least, better or gain, as config/claims.yaml explains them.
        effect: of what the claim is about, over what it is held against.
        no_effect: the effect's value where both are the same.
        margin: of parity and at_least, in the effect's unit.
        expected: of gain, the claimed effect.
    """
    least = no_effect - (margin if rule in ("parity", "at_least") else 0.0)
    most = no_effect + margin if rule == "parity" else math.inf
    reaches = rule != "gain" or (expected is not None and effect.high >= expected)
    if math.isnan(effect.low) or math.isnan(effect.high):
        return Finding.UNDECIDED
    if effect.high < least or effect.low > most or not reaches:
        return Finding.AGAINST
    return Finding.FOR if least < effect.low and effect.high < most else Finding.UNDECIDED


def most_of(findings: Sequence[Finding]) -> Finding:
    """Return what several findings say of a claim that has to hold on more than half of them."""
    half = len(findings) / 2
    if findings.count(Finding.FOR) > half:
        return Finding.FOR
    return Finding.AGAINST if findings.count(Finding.AGAINST) >= half else Finding.UNDECIDED


def pronounce(finding: Finding, is_below_protocol: bool, is_evidence: bool = True) -> Verdict:
    """Return the verdict: below the protocol's budget it is never more than indicative.

    Args:
        finding: what the intervals say.
        is_below_protocol: whether anything of the evidence falls short of the protocol.
        is_evidence: False where the preset checks the pipeline: whatever was found decides nothing.
    """
    if not is_evidence:
        return Verdict.PIPELINE_CHECK
    if finding is Finding.UNDECIDED:
        return Verdict.INCONCLUSIVE
    if finding is Finding.FOR:
        return Verdict.INDICATIVE_FOR if is_below_protocol else Verdict.REPRODUCED
    return Verdict.INDICATIVE_AGAINST if is_below_protocol else Verdict.NOT_REPRODUCED
