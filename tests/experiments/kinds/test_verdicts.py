"""The rules by which claims are decided, with intervals whose verdict is known."""

from __future__ import annotations

import math

import pytest

from synther.config import load
from synther.experiments.kinds.claims import verdicts
from synther.experiments.kinds.claims.verdicts import Finding, Verdict
from synther.statistics import published
from synther.statistics.intervals import Estimate

FOR, AGAINST, UNDECIDED = Finding.FOR, Finding.AGAINST, Finding.UNDECIDED


@pytest.mark.parametrize(
    ("rule", "low", "high", "finding"),
    [
        ("parity", -4.9, 4.9, FOR),
        ("parity", 1.0, 2.0, FOR),  # different for sure, and by too little to matter
        ("parity", -6.0, 6.0, UNDECIDED),  # contains no difference: that is no parity
        ("parity", -1.0, 5.1, UNDECIDED),
        ("parity", -9.0, -5.1, AGAINST),
        ("parity", 5.1, 9.0, AGAINST),  # better is not the same
        ("at_least", -4.9, 60.0, FOR),
        ("at_least", 5.1, 9.0, FOR),
        ("at_least", -5.1, 9.0, UNDECIDED),
        ("at_least", -9.0, -5.1, AGAINST),
        ("better", 0.1, 0.2, FOR),
        ("better", -0.1, 9.0, UNDECIDED),
        ("better", 0.0, 0.0, UNDECIDED),
        ("better", -2.0, -0.1, AGAINST),
        ("gain", 1.0, 12.2, FOR),
        ("gain", 20.0, 30.0, FOR),
        ("gain", -1.0, 13.0, UNDECIDED),
        ("gain", 1.0, 12.1, AGAINST),  # a gain, not the one that is claimed
        ("gain", -9.0, -1.0, AGAINST),
    ],
)
def test_rules(rule: str, low: float, high: float, finding: Finding) -> None:
    effect = Estimate((low + high) / 2, low, high)
    assert verdicts.decide(rule, effect, margin=5.0, expected=12.2) is finding


def test_no_effect_may_be_another_number_than_zero() -> None:
    assert verdicts.decide("better", Estimate(1.5, 1.1, 2.0), no_effect=1.0) is FOR
    assert verdicts.decide("better", Estimate(0.7, 0.5, 0.9), no_effect=1.0) is AGAINST
    assert verdicts.decide("better", Estimate(1.0, 0.9, 1.1), no_effect=1.0) is UNDECIDED


@pytest.mark.parametrize("rule", ["parity", "at_least", "better", "gain"])
def test_one_seed_decides_nothing(rule: str) -> None:
    effect = Estimate(0.0, math.nan, math.nan)
    assert verdicts.decide(rule, effect, margin=5.0, expected=1.0) is UNDECIDED


def test_more_than_half_have_to_hold() -> None:
    assert verdicts.most_of([FOR, FOR, AGAINST]) is FOR
    assert verdicts.most_of([FOR, UNDECIDED, AGAINST]) is UNDECIDED
    assert verdicts.most_of([FOR, AGAINST]) is AGAINST  # half is not most


def test_below_the_protocol_nothing_is_more_than_indicative() -> None:
    strong = {Verdict.REPRODUCED, Verdict.NOT_REPRODUCED}
    for finding in Finding:
        assert verdicts.pronounce(finding, is_below_protocol=True) not in strong
    assert verdicts.pronounce(FOR, is_below_protocol=True) is Verdict.INDICATIVE_FOR
    assert verdicts.pronounce(AGAINST, is_below_protocol=True) is Verdict.INDICATIVE_AGAINST
    assert verdicts.pronounce(FOR, is_below_protocol=False) is Verdict.REPRODUCED
    assert verdicts.pronounce(AGAINST, is_below_protocol=False) is Verdict.NOT_REPRODUCED
    assert verdicts.pronounce(UNDECIDED, is_below_protocol=False) is Verdict.INCONCLUSIVE


def test_the_papers_own_averages_would_reproduce_what_it_claims() -> None:
    """As far as its numbers are known here, taken as if they had no spread."""
    claims, margin = load("claims")["claims"], load("claims")["margin"]
    titles = {"td3_bc": "TD3+BC", "iql": "IQL", "edac": "EDAC"}
    numbers = published.load()
    averages = numbers[(numbers["table"] == "d4rl") & (numbers["dataset"] == "AVERAGE")]
    found = averages.set_index(["family", "agent", "variant"])["mean"]
    for name in ("locomotion", "maze2d"):
        for agent in claims[name]["agents"]:
            gap = found[name, titles[agent], "SynthER"] - found[name, titles[agent], "Original"]
            effect = Estimate(gap, gap, gap)
            assert verdicts.decide(claims[name]["rule"], effect, margin=margin) is FOR


def test_numbers_in_claims_are_those_of_the_papers_file() -> None:
    claims = load("claims")["claims"]
    gain = published.claim("AVERAGE (scaled network)")
    ratio = published.claim("largest ratio")
    assert (claims["larger_networks"]["expected"], claims["larger_networks"]["status"]) == (
        gain.mean,
        gain.status,
    )
    assert (claims["compression"]["expected"], claims["compression"]["status"]) == (
        ratio.mean,
        ratio.status,
    )
    tenth = claims["small_data_tenth"]
    assert published.claim("small-data").status == tenth["status"]
    assert tenth["of"]["percent"] == 100 / published.claim("small-data").mean
    # nothing here was read in the paper
    assert {claim["status"] for claim in claims.values()} <= {"recalled", "quoted", "secondhand"}
