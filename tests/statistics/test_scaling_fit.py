"""Scaling laws, on losses that follow one."""

from __future__ import annotations

import numpy as np
import pytest

from synther.statistics.scaling import COEFFICIENTS, ScalingLaw

SIZES = np.meshgrid([1e4, 4e4, 1e5, 5e5, 2e6], [300, 1000, 3000, 10_000, 40_000])
N, D = (size.ravel() for size in SIZES)
FLOOR, ALPHA, BETA = 0.3, 0.4, 0.3
LOSSES = FLOOR + 5 * N**-ALPHA + 2 * D**-BETA


def test_the_law_behind_losses_is_found() -> None:
    law = ScalingLaw(N, D, LOSSES)
    found = dict(zip(COEFFICIENTS, law.values, strict=True))
    assert (found["E"], found["alpha"], found["beta"]) == pytest.approx(
        (FLOOR, ALPHA, BETA), rel=1e-3
    )
    middle = [np.exp(np.log(size).mean()) for size in (N, D)]
    assert found["A"] == pytest.approx(5 * middle[0] ** -ALPHA, rel=1e-3)
    assert found["B"] == pytest.approx(2 * middle[1] ** -BETA, rel=1e-3)
    assert law(1e9, 1e9) == pytest.approx(FLOOR + 5 * 1e9**-ALPHA + 2 * 1e9**-BETA, rel=1e-3)


def test_intervals_of_noisy_losses_hold_the_truth_and_grow_with_the_noise() -> None:
    noise = np.random.default_rng(1).normal(size=len(N))
    widths = []
    for size in (0.002, 0.01):
        found = ScalingLaw(N, D, LOSSES * np.exp(size * noise)).estimates(100)
        for name, truth in (("E", FLOOR), ("alpha", ALPHA), ("beta", BETA)):
            assert found[name].low <= truth <= found[name].high
            assert found[name].low <= found[name].value <= found[name].high
        widths.append(found["alpha"].high - found["alpha"].low)
    assert 2 * widths[0] < widths[1]


def test_few_sizes_determine_no_law() -> None:
    assert ScalingLaw.is_determined(N, D)
    assert not ScalingLaw.is_determined(N[:5], D[:5])  # one number of transitions
    few = (D == 300) | (D == 1000)
    assert not ScalingLaw.is_determined(N[few], D[few])
    assert not ScalingLaw.is_determined([1, 2, 3, 1, 1], [1, 1, 1, 2, 3])  # five coefficients
