"""The paper's claims, each with its effect, interval and verdict."""

import functools
import math
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from synther.errors import SyntherError
from synther.experiments.kinds.claims import samples, verdicts
from synther.experiments.kinds.claims.plan import OF_SAMPLES, Cell, Claim, ClaimsSpec, Side
from synther.experiments.kinds.claims.verdicts import Finding, Verdict
from synther.experiments.kinds.spec import Numbers
from synther.jobs.files import read_json
from synther.statistics import evaluations, intervals, measures, scores
from synther.statistics.intervals import CONFIDENCE, Estimate

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
Pair = tuple[Cell, Cell]
"""Ours and theirs, in one stratum."""
Found = dict[str, Any]
"""Of strata: the effect's `value`, `low` and `high`, and its `finding`, `seeds` and `note`."""


def read(paths: Sequence[str | Path]) -> pd.DataFrame:
    """Read result files, a row a seed's last evaluation; there may be none, and nothing was run."""
    if not paths:
        return pd.DataFrame(columns=[*scores.COLUMNS, "episodes"])
    return scores.read_results(paths, evaluations.finals)


class _Court:
    """All scores and measures that claims are decided from."""

    def __init__(self, spec: ClaimsSpec, finals: pd.DataFrame) -> None:
        self.spec = spec
        self.scores = finals.pivot(index="seed", columns=scores.RUN, values="score")
        self.steps = finals.groupby(scores.RUN)["step"].min()
        self._fidelity = functools.cache(measures.read_fidelity)

    def measured(self, cell: Cell) -> measures.Measured:
        """Return what `synther fidelity` left of a cell, read once."""
        return self._fidelity(Path(cell.files["fidelity"]), self.spec.preset)

    def _has(self, cell: Cell, measure: str) -> bool:
        if measure in OF_SAMPLES:
            return Path(cell.files.get("fidelity", "")).is_file()
        # the data themselves have no denoiser whose size is measured
        files = [path for name, path in cell.files.items() if name in ("fit", "fidelity")]
        return cell.run in self.scores and all(Path(path).is_file() for path in files)

    def _by_scores(
        self, claim: Claim, other: Side, pairs: Sequence[Pair], confidence: float = CONFIDENCE
    ) -> Found:
        """Decide strata together, by the mean scores of the seeds that all of a side's have."""
        sides = []
        for cells in zip(*pairs, strict=True):
            table = self.scores[[cell.run for cell in cells]].dropna()
            if table.empty:
                raise SyntherError(
                    f"the results of {cells[0].agent} on {cells[0].dataset} and others have no "
                    "seed in common; run the missing ones"
                )
            sides.append(table.to_numpy(dtype=float))
        combine = intervals.relative_change if claim.measure == "percent" else np.subtract
        gap = intervals.bootstrap(
            intervals.versus(intervals.mean, combine),
            intervals.columns(*sides),
            self.spec.bootstrap_reps,
            confidence=confidence,
        )
        found = {"seeds": min(map(len, sides)), "note": "", **vars(gap)}
        rule, level = "at_least" if claim.rule == "ratio" else claim.rule, float(sides[1].mean())
        if rule in ("parity", "at_least") and level <= claim.margin:  # with next to nothing
            note = (
                f"{other.label} scores {level:.1f} on average, not above the margin of "
                f"{claim.margin:g}: whoever learnt nothing would be at parity"
            )
            return found | {"finding": Finding.UNDECIDED, "note": note}
        finding = verdicts.decide(rule, gap, margin=claim.margin, expected=claim.expected)
        return found | {"finding": finding}

    def _by_samples(self, claim: Claim, pairs: Sequence[Pair]) -> Found:
        both = [(self.measured(ours), self.measured(theirs)) for ours, theirs in pairs]
        found, note = samples.compare(claim.measure, both, self.spec.bootstrap_reps)
        same = 1.0 if claim.measure == "dynamics" else 0.0
        finding = verdicts.decide(
            claim.rule, found, no_effect=same, margin=claim.margin, expected=claim.expected
        )
        return {"finding": finding, "seeds": 0, "note": note, **vars(found)}

    def _by_majority(self, claim: Claim, other: Side, pairs: Sequence[Pair]) -> Found:
        each = [self._by_scores(claim, other, [pair])["finding"] for pair in pairs]
        holds, fails = each.count(Finding.FOR), each.count(Finding.AGAINST)
        note = f"it holds on {holds} of {len(each)}, fails on {fails}"
        whole = self._by_scores(claim, other, pairs)
        return whole | {"finding": verdicts.most_of(each), "note": note}

    def _by_ratio(self, claim: Claim, other: Side, pairs: Sequence[Pair]) -> Found:
        """Find the largest ratio whose score is at least that of the data, or the largest.

        One of those as large as claimed has to keep the score: their intervals share 5%
        (Bonferroni), as one of many would do so by chance.
        """
        assert claim.expected is not None
        ratios = []
        for ours, _ in pairs:
            columns = len(self.measured(ours)[0]["columns"])
            ratios.append(measures.compression(Path(ours.files["fit"]), columns))
        are_large = [round(ratio, 1) >= claim.expected for ratio in ratios]
        tried = sum(are_large)
        confidence = 1 - (1 - CONFIDENCE) / max(tried, 1)
        found = [self._by_scores(claim, other, [pair], confidence) for pair in pairs]
        best = max(range(len(pairs)), key=lambda i: (are_large[i], found[i]["finding"], ratios[i]))
        own, cell = found[best], pairs[best][0]
        note = (
            f"{cell.source} on {cell.dataset}: score {own['value']:+.1f} "
            f"[{own['low']:+.1f}, {own['high']:+.1f}] points over the data"
        )
        own |= vars(Estimate(ratios[best]))
        if not tried:
            note = f"no ratio of {claim.expected:g} was tried; {note}"
            return own | {"finding": Finding.UNDECIDED, "note": note}
        share = f", at {100 * confidence:.2f}% for one of {tried}" if tried > 1 else ""
        return own | {"note": f"{note}{share}"}

    def effect(self, claim: Claim, other: Side) -> Found | None:
        """Return the effect over one other side, or None where nothing was run."""
        pairs = [
            (ours, theirs)
            for ours, theirs in zip(claim.of.cells, other.cells, strict=True)
            if ours and theirs and all(self._has(cell, claim.measure) for cell in (ours, theirs))
        ]
        if not pairs:
            return None
        if claim.measure in OF_SAMPLES:
            found = self._by_samples(claim, pairs)
        elif claim.rule == "ratio":
            found = self._by_ratio(claim, other, pairs)
        else:
            decide = self._by_majority if claim.majority else self._by_scores
            found = decide(claim, other, pairs)
        return {"against": other.label, "pairs": pairs, "effect": found["value"], **found}

    def _limits(
        self, claim: Claim, effects: pd.DataFrame, cells: list[Cell], physics: list[str]
    ) -> list[str]:
        """Return in what the evidence falls short of the protocol."""
        limits = []
        if not self.spec.is_evidence:
            limits.append(f"preset {self.spec.preset} checks the pipeline")
        elif not self.spec.is_paper_protocol:
            limits.append(f"preset {self.spec.preset} is below the protocol")
        if any(cell.dataset != cell.paper_name for cell in cells):
            limits.append("datasets stand in for the paper's")
        strata, whole = effects["pairs"].map(len).min(), len(claim.of.cells)
        # a ratio that is reached anywhere is reached, whatever else was left out
        if strata < whole and (claim.rule != "ratio" or effects["finding"].min() < Finding.FOR):
            limits.append(f"{strata} of {whole} datasets")
        if claim.measure in OF_SAMPLES:  # whose intervals leave out what another fit would change
            limits.append("one fit of each generator")
        if effects["seeds"].min() < claim.seeds:
            limits.append(f"{effects['seeds'].min()} of {claim.seeds} seeds")
        if others := [name for name in physics if not name.startswith(EXACT_PHYSICS)]:
            limits.append(f"physics {', '.join(others)}")
        ends = [(self.steps[c.run], c.steps) for c in cells if c.run in self.steps.index]
        end, wanted = min(ends, key=lambda pair: pair[0] / pair[1], default=(0, 0))
        if end < wanted:
            limits.append(f"{end:,} of {wanted:,} steps")
        return limits

    def judge(self, claim: Claim) -> dict[str, Any]:
        """Decide a claim, from the effect that was the hardest to be better than."""
        effects = [self.effect(claim, other) for other in claim.against]
        there = pd.DataFrame([effect for effect in effects if effect])
        lacking = [s.label for s, e in zip(claim.against, effects, strict=True) if not e]
        if there.empty:
            why = f"no results to hold against {', '.join(lacking)}"
            return {"verdict": Verdict.NOT_RUN, "datasets": 0, "limits": [why]}
        cells = [cell for pairs in there["pairs"] for pair in pairs for cell in pair]
        physics = physics_of(cells)
        limits = self._limits(claim, there, cells, physics)
        if lacking:
            limits.append(f"not held against {', '.join(lacking)}")
        hardest = there.sort_values(["finding", "low"], na_position="first", kind="stable").iloc[0]
        finding = Finding(hardest["finding"])
        verdict = verdicts.pronounce(finding, bool(limits), self.spec.is_evidence)
        return {
            **hardest,
            **{"verdict": verdict, "datasets": there["pairs"].map(len).min()},
            **{"seeds": hardest["seeds"] if claim.seeds else math.nan},
            **{"physics": ", ".join(physics), "limits": limits},
        }


def physics_of(cells: Sequence[Cell]) -> list[str]:
    """Return the physics of the records beside all results."""
    found = set()
    for path in {path for cell in cells for path in cell.results}:
        physics = "unknown"
        with suppress(SyntherError, KeyError):
            physics = str(read_json(Path(path).with_suffix(".json"))["physics"])
        found.add(physics.partition(",")[0])
    return sorted(found)


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
    court, rows = _Court(spec, finals), []
    for claim in spec.claims:
        has_margin = claim.rule in ("parity", "at_least", "ratio")
        said = vars(claim) | {
            **{"claim": claim.name, "of_experiment": claim.experiment, "about": claim},
            **{"unit": UNITS[claim.measure], "margin": claim.margin if has_margin else None},
            **{"seeds": math.nan, "protocol_seeds": claim.seeds or None},
            "protocol_datasets": len(claim.of.cells),
            **{"against": "", "note": "", "physics": ""},
        }
        rows.append(said | court.judge(claim))
    frame = pd.DataFrame(rows, columns=[*CSV_COLUMNS[2:], "limits", "finding", "about"])
    frame = frame.assign(falls_short=frame["limits"].map("; ".join))
    return Numbers(spec, frame, CSV_COLUMNS)
