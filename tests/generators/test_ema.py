"""The moving average against numbers recorded from ema-pytorch 0.1.2, the authors' version."""

import pytest
import torch

from synther.generators.diffusion import DiffusionSettings
from synther.generators.diffusion.ema import EMA

# EMA(model, beta=0.995, update_every=10) of a single weight that is i at call i = 0, 1, 2, ...
RECORDED = {
    0: 0.0,
    5: 0.0,
    10: 10.0,
    99: 90.0,
    101: 100.0,
    110: 110.0,
    111: 110.0,
    120: 111.31377410888672,
    200: 132.95126342773438,
    1000: 506.6750793457031,
    2930: 1659.03125,
    3040: 1730.4583740234375,
    4000: 2430.550048828125,
}


def test_equals_ema_pytorch():
    ema = EMA(torch.tensor([7.0]), DiffusionSettings())
    for i in range(4001):
        ema.update(torch.tensor([float(i)]))
        if i in RECORDED:
            assert ema.average.item() == pytest.approx(RECORDED[i], rel=1e-5), i


def test_decay_rises_to_beta():
    ema = EMA(torch.zeros(1), DiffusionSettings())
    assert ema.decay(120) == pytest.approx(0.8686226582675657)
    assert ema.decay(2920) < 0.995
    assert ema.decay(2930) == 0.995


def test_the_weights_themselves_are_not_held():
    weights = torch.ones(2, 3)
    ema = EMA(weights, DiffusionSettings())
    weights.add_(1)
    assert torch.equal(ema.average, torch.ones(2, 3))


def test_restored_average_goes_on():
    one, other = (EMA(torch.zeros(4), DiffusionSettings()) for _ in range(2))
    for i in range(150):
        one.update(torch.full((4,), float(i)))
    other.restore(one.state())
    for ema in (one, other):
        for i in range(150, 200):
            ema.update(torch.full((4,), float(i)))
    assert torch.equal(one.average, other.average)
