"""Flow matching: the solver's order, a Gaussian mixture, and the protocol."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from synther.errors import SyntherError
from synther.generators import Generator, change_sampling, make_generator
from synther.generators.flow import Flow, FlowSettings, FlowTrainer
from synther.transitions import Transitions

TINY = {"width": 16, "depth": 1, "dim_t": 8, "steps": 20, "batch_size": 32}


def mixture(n, seed=0):
    """s is -3 or 3 and a little noise, s' = s + a: width 2 + 1 + 2."""
    rng = np.random.default_rng(seed)
    s = (np.where(rng.random(n) < 0.5, -3.0, 3.0) + 0.3 * rng.normal(size=n))[:, None]
    a = rng.uniform(-1, 1, (n, 1))
    return Transitions(s, a, rng.normal(size=n), s + a, rng.random(n) < 0.1)


class GaussianFlow(Flow):
    """The exact velocity towards N(m, s^2) from N(0, 1), both independent a column."""

    mean, std = 2.0, 0.5

    def velocity(self, x, t):
        variance = (1 - t) ** 2 + (t * self.std) ** 2
        gain = (t * self.std**2 - (1 - t)) / variance
        return self.mean + gain * (x - t * self.mean)


def test_the_solver_carries_noise_to_the_gaussian_it_knows():
    shape, ends = (4000, 2), {}
    for steps in (4, 8, 16, 64):
        flow = GaussianFlow(FlowSettings(sampling_steps=steps))
        ends[steps] = flow._draw(shape, torch.Generator().manual_seed(0))
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    exact = 2.0 + 0.5 * noise  # the transport map between Gaussians
    errors = {steps: (end - exact).abs().max().item() for steps, end in ends.items()}
    assert errors[64] < 2e-3
    assert errors[8] / errors[16] > 3  # second order: a quarter for twice the steps


def test_the_loss_is_least_at_the_mean_velocity():
    y, draws = torch.randn(1, 50, 3), torch.randn(1, 50, 4)
    expected = (y - draws[..., 1:]).square().mean()

    def loss(velocity):
        return FlowTrainer.loss(lambda x, t: velocity, FlowSettings(), y, draws).item()

    assert loss(0.0) == pytest.approx(expected.item())
    # told y and n, the velocity is y - n at every t: no loss at all
    assert loss(y - draws[..., 1:]) == 0.0


def test_protocol_save_and_other_sampling(tmp_path):
    flow = make_generator("flow", TINY).fit(mixture(200), progress=False)
    assert isinstance(flow, Generator)
    flow.save(tmp_path)
    again = Flow.load(tmp_path)
    np.testing.assert_array_equal(again.sample(9).packed(), flow.sample(9).packed())
    change_sampling(again, {"sampling_steps": 2})
    assert not np.array_equal(again.sample(9).packed(), flow.sample(9).packed())
    with pytest.raises(SyntherError, match="'width' is fixed in a fitted generator"):
        change_sampling(again, {"width": 8})
    with pytest.raises(SyntherError, match="no denoiser"):
        flow.denoise(torch.zeros(1, 5), torch.ones(1))
    with pytest.raises(SyntherError, match="'s_churn' does nothing in a flow"):
        FlowSettings(s_churn=1.0)


@pytest.mark.slow
def test_it_learns_both_modes_and_the_dynamics():
    data = mixture(4000)
    settings = {"width": 64, "depth": 2, "dim_t": 32, "steps": 1000, "batch_size": 256}
    settings |= {"learning_rate": 1e-3}
    drawn = make_generator("flow", settings).fit(data, seed=0, progress=False).sample(2000)
    s = drawn.observations[:, 0]
    assert (s > 0).mean() == pytest.approx(0.5, abs=0.08)
    assert (np.abs(np.abs(s) - 3) < 1.2).mean() > 0.8
    error = drawn.next_observations - drawn.observations - drawn.actions
    assert np.median(np.abs(error)) < 0.4
    assert drawn.terminals.mean() == pytest.approx(0.1, abs=0.05)
