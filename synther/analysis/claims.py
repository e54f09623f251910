"""The paper's claims, each with its effect, interval and verdict."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from synther.analysis import bootstrap, fidelity, scores, verdicts
from synther.analysis.bootstrap import Estimate
from synther.analysis.claims_spec import Cell, Claim, ClaimsSpec, Side
from synther.analysis.verdicts import Finding, Verdict
from synther.errors import SyntherError
from synther.experiments.claims_plan import OF_SAMPLES

UNITS = {
    "score": "points",
    "percent": "%",
    "marginal": "",
    "correlation": "",
    "dynamics": "times",
    "compression": "x",
}
NO_EFFECT = {"dynamics": 1.0}
"""What the effect is where both sides are the same, if not 0."""
EXACT_PHYSICS = ("d4rl", "dm_control")
"""How the physics of records begin that are the protocol's."""
BINS, LEAST, MOST = 10, 20, 500
"""Of distances to the data: bins, samples that one needs, and samples of one that are looked at."""


@dataclass(frozen=True)
class Effect:
    """One side over another: the estimate, and what it is from.

    Attributes:
        label: of what it is held against.
        estimate: in the measure's unit.
        finding: what that says of the claim.
        pairs: the strata behind it, (ours, theirs).
        seeds: the least that a stratum has on a side; 0 where nothing has seeds.
        note: what else there is to say.
    """

    label: str
    estimate: Estimate
    finding: Finding
    pairs: list[tuple[Cell, Cell]]
    seeds: int
    note: str = ""


@dataclass(frozen=True)
class Outcome:
    """A claim with its verdict; `effect` is the one that decided it, None where nothing was run.

    Attributes:
        strata: how many datasets (or shares of them) it is from, and of how many.
        limits: in what the evidence falls short of the protocol.
        physics: of the runs' records.
    """

    claim: Claim
    verdict: Verdict
    effect: Effect | None
    strata: tuple[int, int]
    limits: list[str]
    physics: str


class _Judge:
    def __init__(self, spec: ClaimsSpec, finals: pd.DataFrame) -> None:
        self.spec = spec
        self.scores: dict[tuple[str, str, str], pd.Series] = {
            (str(dataset), str(source), str(agent)): group.set_index("seed")["score"]
            for (dataset, source, agent), group in finals.groupby(scores.RUN)
        }
        self.steps = {
            (str(dataset), str(source), str(agent)): int(end)
            for (dataset, source, agent), end in finals.groupby(scores.RUN)["step"].min().items()
        }
        self.measures: dict[str, tuple[dict, pd.DataFrame]] = {}
        self.options = {"reps": spec.bootstrap_reps, "seed": spec.seed}

    @staticmethod
    def _key(cell: Cell) -> tuple[str, str, str]:
        return cell.dataset, cell.source, cell.agent

    def _has(self, cell: Cell | None, measure: str) -> bool:
        if cell is None:
            return False
        if measure in ("score", "percent"):
            return self._key(cell) in self.scores
        if measure == "compression":  # the data themselves have no denoiser
            files = [path for name, path in cell.files.items() if name in ("fit", "fidelity")]
            return self._key(cell) in self.scores and all(Path(path).is_file() for path in files)
        return Path(cell.files.get("fidelity", "")).is_file()

    def pairs(self, claim: Claim, other: Side) -> list[tuple[Cell, Cell]]:
        """Return the strata that both sides have."""
        return [
            (ours, theirs)
            for ours, theirs in zip(claim.of.cells, other.cells, strict=True)
            if ours and theirs and all(self._has(cell, claim.measure) for cell in (ours, theirs))
        ]

    def matrix(self, cells: Sequence[Cell]) -> np.ndarray:
        """Return (seeds, strata) final scores of the seeds that all strata have."""
        table = pd.concat([self.scores[self._key(cell)] for cell in cells], axis=1, join="inner")
        if table.empty:
            raise SyntherError(
                f"the results of {cells[0].agent} on {cells[0].dataset} and others have no seed in "
                "common; run the missing ones"
            )
        return table.sort_index().to_numpy(dtype=float)

    def _measured(self, cell: Cell) -> tuple[dict, pd.DataFrame]:
        path = cell.files["fidelity"]
        if path not in self.measures:
            self.measures[path] = fidelity.read_fidelity(Path(path), self.spec.preset)
        return self.measures[path]

    def _gap(self, entry: str, ours: Cell, theirs: Cell) -> np.ndarray:
        """Return how much higher our scores of columns, or of pairs of them, are (NaN: none)."""
        sides = [self._measured(cell)[0][entry] for cell in (ours, theirs)]
        return np.array(sides[0], dtype=float) - np.array(sides[1], dtype=float)

    def _columns(self, measure: str, pairs: Sequence[tuple[Cell, Cell]]) -> Estimate:
        if measure == "correlation":
            matrices = [self._gap("correlation_similarity", *pair) for pair in pairs]
            return bootstrap.of_pairs(matrices, **self.options)
        every = [self._gap("ks_complement", *pair) for pair in pairs]
        differences = [gap[~np.isnan(gap)] for gap in every]
        return bootstrap.stratified(
            lambda parts: np.mean([part[0] for part in parts], axis=0),
            [[gap] for gap in differences],
            **self.options,
        )

    def _dynamics(self, pairs: Sequence[tuple[Cell, Cell]]) -> tuple[Estimate, str]:
        """Return how many times lower the MSE is at equal distance, over bins of distance."""
        strata: list[list[np.ndarray]] = []
        for ours, theirs in pairs:
            strata += matched_bins(self._measured(ours)[1], self._measured(theirs)[1])
        if not strata:
            return Estimate(math.nan, math.nan, math.nan), "no distance that both have samples at"
        found = bootstrap.stratified(
            lambda parts: np.exp(np.mean([np.log(b) - np.log(a) for a, b in parts], axis=0)),
            strata,
            **self.options,
        )
        return found, f"{len(strata)} bins of distance"

    def effect(self, claim: Claim, other: Side) -> Effect | None:
        """Return the effect over one other side, or None where nothing was run."""
        if not (pairs := self.pairs(claim, other)):
            return None
        if claim.rule == "ratio":
            return self._ratio(claim, other, pairs)
        note, seeds = "", 0
        if claim.measure in ("score", "percent"):
            ours, theirs = (self.matrix([pair[side] for pair in pairs]) for side in (0, 1))
            is_score = claim.measure == "score"
            rule = bootstrap.mean_difference if is_score else bootstrap.relative_change
            estimate = bootstrap.estimate(rule, ours, theirs, **self.options)
            seeds = min(len(ours), len(theirs))
        elif claim.measure == "dynamics":
            estimate, note = self._dynamics(pairs)
        else:
            estimate = self._columns(claim.measure, pairs)
        near_nothing = claim.rule in ("parity", "at_least") and not claim.majority
        if near_nothing and (floor := float(theirs.mean())) <= claim.margin:
            note = floor_note(other.label, floor, claim.margin)
            return Effect(other.label, estimate, Finding.UNDECIDED, pairs, seeds, note)
        if claim.majority:
            finding, note = self._majority(claim, pairs)
        else:
            finding = verdicts.decide(
                claim.rule,
                estimate,
                no_effect=NO_EFFECT.get(claim.measure, 0.0),
                margin=claim.margin,
                expected=claim.expected,
            )
        return Effect(other.label, estimate, finding, pairs, seeds, note)

    def _stratum(
        self,
        rule: str,
        margin: float,
        ours: Cell,
        theirs: Cell,
        confidence: float = bootstrap.CONFIDENCE,
    ) -> tuple[Finding, Estimate, int]:
        """Decide one stratum by its scores: finding, difference, seeds."""
        mine, others = self.matrix([ours]), self.matrix([theirs])
        gap = bootstrap.estimate(
            bootstrap.mean_difference, mine, others, **self.options, confidence=confidence
        )
        at_floor = rule in ("parity", "at_least") and others.mean() <= margin
        decided = verdicts.decide(rule, gap, margin=margin)
        return Finding.UNDECIDED if at_floor else decided, gap, min(len(mine), len(others))

    def _majority(self, claim: Claim, pairs: Sequence[tuple[Cell, Cell]]) -> tuple[Finding, str]:
        """Decide each stratum by itself, and return what most of them say."""
        found = []
        for ours, theirs in pairs:
            found.append(self._stratum(claim.rule, claim.margin, ours, theirs)[0])
        holds, fails = found.count(Finding.FOR), found.count(Finding.AGAINST)
        note = f"it holds on {holds} of {len(found)}, fails on {fails}"
        return verdicts.most_of(found), note

    def _ratio(self, claim: Claim, other: Side, pairs: Sequence[tuple[Cell, Cell]]) -> Effect:
        """Return the largest ratio whose score is at least that of the data, or the largest.

        One of those as large as claimed has to keep the score: their intervals share 5%
        (Bonferroni), as one of many would do so by chance.
        """
        assert claim.expected is not None
        ratios = [
            fidelity.compression(Path(ours.files["fit"]), len(self._measured(ours)[0]["columns"]))
            for ours, _ in pairs
        ]
        tried = sum(round(ratio, 1) >= claim.expected for ratio in ratios)
        confidence = 1 - (1 - bootstrap.CONFIDENCE) / max(tried, 1)
        found = []
        for ratio, (ours, theirs) in zip(ratios, pairs, strict=True):
            kept, gap, seeds = self._stratum("at_least", claim.margin, ours, theirs, confidence)
            found.append((kept, ratio, gap, seeds, (ours, theirs)))
        large = [entry for entry in found if round(entry[1], 1) >= claim.expected]
        finding = verdicts.any_of(entry[0] for entry in large)
        kept, ratio, gap, seeds, pair = max(large or found, key=lambda entry: entry[:2])
        note = (
            f"{pair[0].source} on {pair[0].dataset}: score {gap.value:+.1f} "
            f"[{gap.low:+.1f}, {gap.high:+.1f}] points over the data"
        )
        if not large:
            note = f"no ratio of {claim.expected:g} was tried; {note}"
        elif tried > 1:
            note += f", at {100 * confidence:.2f}% for one of {tried}"
        return Effect(
            other.label, Estimate(ratio, math.nan, math.nan), finding, list(pairs), seeds, note
        )

    def _physics(self, cells: Sequence[Cell]) -> list[str]:
        found = set()
        for path in dict.fromkeys(path for cell in cells for path in cell.results):
            record = Path(path).with_suffix(".json")
            try:
                found.add(
                    str(json.loads(record.read_text(encoding="utf-8"))["physics"]).partition(",")[0]
                )
            except (OSError, ValueError, KeyError, TypeError):
                found.add("unknown")
        return sorted(found)

    def _limits(
        self, claim: Claim, effects: Sequence[Effect], finding: Finding
    ) -> tuple[list[str], str]:
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
        physics = self._physics(cells)
        if others := [name for name in physics if not name.startswith(EXACT_PHYSICS)]:
            limits.append(f"physics {', '.join(others)}")
        ends = [(self.steps[key], c.steps) for c in cells if (key := self._key(c)) in self.steps]
        if short := [(end, wanted) for end, wanted in ends if end < wanted]:
            end, wanted = min(short, key=lambda pair: pair[0] / pair[1])
            limits.append(f"{end:,} of {wanted:,} steps")
        return limits, ", ".join(physics)

    def judge(self, claim: Claim) -> Outcome:
        """Decide a claim."""
        effects = [self.effect(claim, other) for other in claim.against]
        there = [effect for effect in effects if effect]
        lacking = [s.label for s, e in zip(claim.against, effects, strict=True) if not e]
        if not there:
            why = [f"no results to hold against {', '.join(lacking)}"]
            return Outcome(claim, Verdict.NOT_RUN, None, (0, len(claim.of.cells)), why, "")
        finding = verdicts.together(effect.finding for effect in there)
        limits, physics = self._limits(claim, there, finding)
        if lacking:
            limits.append(f"not held against {', '.join(lacking)}")
        # the one that was the hardest to be better than
        shown = min(there, key=lambda e: (e.finding, np.nan_to_num(e.estimate.low, nan=-np.inf)))
        strata = min(len(effect.pairs) for effect in there), len(claim.of.cells)
        verdict = verdicts.pronounce(finding, bool(limits), self.spec.is_evidence)
        return Outcome(claim, verdict, shown, strata, limits, physics)


def floor_note(label: str, score: float, margin: float) -> str:
    """Say why parity with next to nothing decides nothing."""
    return (
        f"{label} scores {score:.1f} on average, not above the margin of {margin:g}: whoever "
        "learnt nothing would be at parity"
    )


def matched_bins(ours: pd.DataFrame, theirs: pd.DataFrame) -> list[list[np.ndarray]]:
    """Return squared errors of samples at equal distance to the data: a pair of arrays a bin.

    Bins hold equal numbers of both sides' samples between the distances that both have; those
    with fewer than `LEAST` of a side are left out, and of more than `MOST` an even choice is kept.

    Args:
        ours: rows of `synther fidelity` with `distance` and `mse`; NaN where no outcome is known.
        theirs: likewise.
    """
    sides = [rows[rows["mse"].notna()].sort_values("distance") for rows in (ours, theirs)]
    distances = [side["distance"].to_numpy() for side in sides]
    if not all(map(len, distances)):
        return []
    low, high = max(d[0] for d in distances), min(d[-1] for d in distances)
    common = np.concatenate([d[(d >= low) & (d <= high)] for d in distances])
    if low >= high or not len(common):
        return []
    edges = np.unique(np.quantile(common, np.linspace(0, 1, BINS + 1)))
    bins = []
    for start, end in pairwise(edges):
        parts = []
        for side, distance in zip(sides, distances, strict=True):
            errors = side["mse"].to_numpy()[(distance >= start) & (distance < end)]
            parts.append(errors[:: max(1, -(-len(errors) // MOST))])
        if all(len(part) >= LEAST and part.mean() > 0 for part in parts):
            bins.append(parts)
    return bins


def judge(spec: ClaimsSpec, finals: pd.DataFrame) -> list[Outcome]:
    """Decide every claim.

    Args:
        spec: the claims.
        finals: a row a seed's last evaluation, as `evaluations.finals` returns them; may be empty.

    Raises:
        SyntherError: results are of another preset, or a file is damaged.
    """
    if others := sorted(set(finals["preset"]) - {spec.preset}):
        raise SyntherError(
            f"the claims are of preset {spec.preset}, but results of preset {', '.join(others)} "
            "were given; give only its own"
        )
    court = _Judge(spec, finals)
    return [court.judge(claim) for claim in spec.claims]
