"""The paper's claims, each with its effect, interval and verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from synther.errors import SyntherError
from synther.experiments.kinds.claims import verdicts
from synther.experiments.kinds.claims.evidence import Evidence, Pair, physics_of
from synther.experiments.kinds.claims.spec import OF_SAMPLES, Claim, ClaimsSpec, Side
from synther.experiments.kinds.claims.verdicts import Finding, Verdict
from synther.experiments.kinds.spec import Numbers
from synther.statistics import evaluations, intervals, measures, scores
from synther.statistics.intervals import Estimate

NO_EFFECT = {"dynamics": 1.0}
"""What the effect is where both sides are the same, if not 0."""
EXACT_PHYSICS = ("d4rl", "dm_control")
"""How the physics of records begin that are the protocol's."""


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


@dataclass(frozen=True)
class Effect:
    """One side over another: the estimate, and what it is from.

    Attributes:
        label: of what it is held against.
        estimate: in the measure's unit.
        finding: what that says of the claim.
        pairs: the strata behind it.
        seeds: the least that a stratum has on a side; 0 where nothing has seeds.
        note: what else there is to say.
    """

    label: str
    estimate: Estimate
    finding: Finding
    pairs: list[Pair]
    seeds: int = 0
    note: str = ""


def read(paths: Sequence[str | Path]) -> pd.DataFrame:
    """Read result files, a row a seed's last evaluation; there may be none, and nothing was run."""
    if not paths:
        return pd.DataFrame(columns=[*scores.COLUMNS, "episodes"])
    return scores.read_results(paths, evaluations.finals)


class _Judge:
    def __init__(self, evidence: Evidence) -> None:
        self.evidence, self.spec = evidence, evidence.spec

    def effect(self, claim: Claim, other: Side) -> Effect | None:
        """Return the effect over one other side, or None where nothing was run."""
        if not (pairs := self.evidence.pairs(claim, other)):
            return None
        if claim.rule == "ratio":
            return self._ratio(claim, other, pairs)
        if claim.measure in OF_SAMPLES:
            (estimate, note), seeds = self.evidence.of_samples(claim.measure, pairs), 0
        else:
            combine = intervals.relative_change if claim.measure == "percent" else np.subtract
            (estimate, seeds, floor), note = self.evidence.compare(pairs, combine), ""
            if _is_at_floor(claim.rule, floor, claim.margin) and not claim.majority:
                note = floor_note(other.label, floor, claim.margin)
                return Effect(other.label, estimate, Finding.UNDECIDED, pairs, seeds, note)
        if claim.majority:
            found = [self._stratum(claim.rule, claim.margin, pair)[0] for pair in pairs]
            holds, fails = found.count(Finding.FOR), found.count(Finding.AGAINST)
            note = f"it holds on {holds} of {len(found)}, fails on {fails}"
            return Effect(other.label, estimate, verdicts.most_of(found), pairs, seeds, note)
        finding = verdicts.decide(
            claim.rule,
            estimate,
            no_effect=NO_EFFECT.get(claim.measure, 0.0),
            margin=claim.margin,
            expected=claim.expected,
        )
        return Effect(other.label, estimate, finding, pairs, seeds, note)

    def _stratum(
        self, rule: str, margin: float, pair: Pair, confidence: float = intervals.CONFIDENCE
    ) -> tuple[Finding, Estimate, int]:
        """Decide one stratum by its scores: finding, difference, seeds."""
        gap, seeds, floor = self.evidence.compare([pair], confidence=confidence)
        if _is_at_floor(rule, floor, margin):
            return Finding.UNDECIDED, gap, seeds
        return verdicts.decide(rule, gap, margin=margin), gap, seeds

    def _ratio(self, claim: Claim, other: Side, pairs: list[Pair]) -> Effect:
        """Return the largest ratio whose score is at least that of the data, or the largest.

        One of those as large as claimed has to keep the score: their intervals share 5%
        (Bonferroni), as one of many would do so by chance.
        """
        assert claim.expected is not None
        ratios = [
            measures.compression(
                Path(ours.files["fit"]), len(self.evidence.measured(ours)[0]["columns"])
            )
            for ours, _ in pairs
        ]
        tried = sum(round(ratio, 1) >= claim.expected for ratio in ratios)
        confidence = 1 - (1 - intervals.CONFIDENCE) / max(tried, 1)
        found = []
        for ratio, pair in zip(ratios, pairs, strict=True):
            kept, gap, seeds = self._stratum("at_least", claim.margin, pair, confidence)
            found.append((kept, ratio, gap, seeds, pair[0]))
        large = [entry for entry in found if round(entry[1], 1) >= claim.expected]
        kept, ratio, gap, seeds, cell = max(large or found, key=lambda entry: entry[:2])
        note = (
            f"{cell.source} on {cell.dataset}: score {gap.value:+.1f} "
            f"[{gap.low:+.1f}, {gap.high:+.1f}] points over the data"
        )
        if not large:
            note = f"no ratio of {claim.expected:g} was tried; {note}"
        elif tried > 1:
            note += f", at {100 * confidence:.2f}% for one of {tried}"
        finding = max((entry[0] for entry in large), default=Finding.UNDECIDED)
        return Effect(other.label, Estimate(ratio), finding, pairs, seeds, note)

    def _limits(
        self, claim: Claim, effects: Sequence[Effect], finding: Finding
    ) -> tuple[list[str], str]:
        """Return in what the evidence falls short of the protocol, and its physics."""
        cells = list({id(c): c for e in effects for pair in e.pairs for c in pair}.values())
        limits = []
        if not self.spec.is_evidence:
            limits.append(f"preset {self.spec.preset} checks the pipeline")
        elif not self.spec.is_paper_protocol:
            limits.append(f"preset {self.spec.preset} is below the protocol")
        if any(cell.dataset != cell.paper_name for cell in cells):
            limits.append("datasets stand in for the paper's")
        strata, whole = min(len(effect.pairs) for effect in effects), len(claim.of.cells)
        # a ratio that is reached anywhere is reached, whatever else was left out
        if strata < whole and (claim.rule != "ratio" or finding is not Finding.FOR):
            limits.append(f"{strata} of {whole} datasets")
        if claim.measure in OF_SAMPLES:  # whose intervals leave out what another fit would change
            limits.append("one fit of each generator")
        if claim.seeds and (seeds := min(effect.seeds for effect in effects)) < claim.seeds:
            limits.append(f"{seeds} of {claim.seeds} seeds")
        physics = physics_of(cells)
        if others := [name for name in physics if not name.startswith(EXACT_PHYSICS)]:
            limits.append(f"physics {', '.join(others)}")
        ends = [
            (self.evidence.steps[key], c.steps)
            for c in cells
            if (key := c.run) in self.evidence.steps
        ]
        if short := [(end, wanted) for end, wanted in ends if end < wanted]:
            end, wanted = min(short, key=lambda pair: pair[0] / pair[1])
            limits.append(f"{end:,} of {wanted:,} steps")
        return limits, ", ".join(physics)

    def judge(self, claim: Claim) -> dict[str, Any]:
        """Decide a claim, from the effect that was the hardest to be better than."""
        effects = [self.effect(claim, other) for other in claim.against]
        there = [effect for effect in effects if effect]
        lacking = [s.label for s, e in zip(claim.against, effects, strict=True) if not e]
        if not there:
            why = f"no results to hold against {', '.join(lacking)}"
            return {"verdict": Verdict.NOT_RUN, "datasets": 0, "limits": [why]}
        finding = min(effect.finding for effect in there)  # all have to hold
        limits, physics = self._limits(claim, there, finding)
        if lacking:
            limits.append(f"not held against {', '.join(lacking)}")
        shown = min(there, key=lambda e: (e.finding, np.nan_to_num(e.estimate.low, nan=-np.inf)))
        return {
            "verdict": verdicts.pronounce(finding, bool(limits), self.spec.is_evidence),
            **{"effect": shown.estimate.value, "low": shown.estimate.low},
            **{"high": shown.estimate.high, "against": shown.label, "note": shown.note},
            "seeds": shown.seeds if claim.seeds else None,
            "datasets": min(len(effect.pairs) for effect in there),
            **{"physics": physics, "limits": limits, "finding": shown.finding},
        }


def _described(claim: Claim) -> dict[str, Any]:
    """Return what a claim's row says of it, whatever was found."""
    return {
        **{"claim": claim.name, "statement": claim.statement, "of_experiment": claim.experiment},
        **{"measure": claim.measure, "unit": UNITS[claim.measure], "rule": claim.rule},
        "margin": claim.margin if claim.rule in ("parity", "at_least", "ratio") else None,
        **{"expected": claim.expected, "protocol_seeds": claim.seeds or None},
        **{"protocol_datasets": len(claim.of.cells), "budget": claim.budget},
        **{"status": claim.status, "provenance": claim.provenance, "about": claim},
        **{"against": "", "note": "", "physics": ""},
    }


def _is_at_floor(rule: str, score: float, margin: float) -> bool:
    """Return whether parity with a score would say nothing."""
    return rule in ("parity", "at_least") and score <= margin


def floor_note(label: str, score: float, margin: float) -> str:
    """Say why parity with next to nothing decides nothing."""
    return (
        f"{label} scores {score:.1f} on average, not above the margin of {margin:g}: whoever "
        "learnt nothing would be at parity"
    )


def measure(spec: ClaimsSpec, finals: pd.DataFrame) -> Numbers:
    """Decide every claim.

    Args:
        spec: the claims.
        finals: a row a seed's last evaluation, as `read` returns them; may be empty.

    Returns:
        A row a claim. Effect, low and high are of the one that decided it, in `unit`: normalised
        score points, percent, scores of marginals and correlations (0 to 1), times lower, or ratios
        of bytes; `limits` is in what the evidence falls short of the protocol, and `about` the
        claim.

    Raises:
        SyntherError: results are of another preset, or a file is damaged.
    """
    if others := sorted(set(finals["preset"]) - {spec.preset}):
        raise SyntherError(
            f"the claims are of preset {spec.preset}, but results of preset {', '.join(others)} "
            "were given; give only its own"
        )
    court = _Judge(Evidence(spec, finals))
    rows = [_described(claim) | court.judge(claim) for claim in spec.claims]
    frame = pd.DataFrame(rows, columns=[*CSV_COLUMNS[2:], "limits", "finding", "about"])
    return Numbers(spec, frame.assign(falls_short=frame["limits"].map("; ".join)))
