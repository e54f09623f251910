"""The probability-flow ODE's log-likelihood against Gaussians and mixtures that are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from synther.errors import SyntherError
from synther.generators import make_generator
from synther.generators.diffusion import edm
from synther.generators.likelihood import flow_log_density, log_likelihood
from synther.transitions import Transitions

LOW, HIGH = 0.002, 80.0
STD = torch.tensor([1.0, 0.3, 2.0], dtype=torch.float64)


def times(steps):
    return edm.time_steps(steps, LOW, HIGH, 7.0)[:-1][::-1]


def gaussian(x, sigma):
    """D of N(0, diag(STD^2)): the posterior mean."""
    return x * STD**2 / (STD**2 + sigma[..., None] ** 2)


def density(x, blur=LOW):
    std = (STD**2 + blur**2).sqrt()
    return torch.distributions.Normal(0.0, std).log_prob(x).sum(dim=1)


def test_a_gaussian_has_its_known_density():
    x = torch.randn(200, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * STD
    errors = {}
    for steps in (64, 128, 256):
        found = flow_log_density(gaussian, x, times(steps))
        errors[steps] = (found - density(x)).abs().max().item()
    # what is left is the variance of the data that the prior leaves out, and the steps
    assert errors[256] < 4e-3
    assert errors[64] / errors[128] > 3  # second order: a quarter for twice the steps


def test_a_mixture_has_its_known_density():
    centres = torch.tensor([[-2.0, -0.5], [2.0, 0.5]], dtype=torch.float64)

    def log_p(x, sigma):
        std = (0.25 + sigma**2) ** 0.5
        each = torch.distributions.Normal(centres, std).log_prob(x[:, None]).sum(dim=-1)
        return each.logsumexp(dim=1) - np.log(2)

    def denoise(x, sigma):
        # Tweedie: D = x + sigma^2 grad log p(x; sigma); the posterior mean in closed form
        s = sigma[0]
        std = (0.25 + s**2) ** 0.5
        each = torch.distributions.Normal(centres, std).log_prob(x[:, None]).sum(dim=-1)
        weights = each.softmax(dim=1)
        toward = (weights[..., None] * centres).sum(dim=1)
        return (x * 0.25 + toward * s**2) / (0.25 + s**2)

    x = torch.tensor([[-2.0, -0.5], [0.0, 0.2], [2.5, 0.7], [1.0, -1.0]], dtype=torch.float64)
    found = flow_log_density(denoise, x, times(512))
    torch.testing.assert_close(found, log_p(x, LOW), atol=1e-2, rtol=0)


def test_random_probes_agree_with_the_trace():
    x = torch.randn(50, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    exact = flow_log_density(gaussian, x, times(32))
    # the Jacobian is diagonal, for which one vector of signs is exact
    probed = flow_log_density(gaussian, x, times(32), 1, torch.Generator().manual_seed(2))
    torch.testing.assert_close(probed, exact)


@pytest.mark.slow
def test_a_fitted_model_knows_its_gaussian_in_the_units_of_the_data():
    rng = np.random.default_rng(0)
    n = 6000
    s, a = 5 + 3 * rng.normal(size=(n, 1)), rng.normal(size=(n, 1))
    data = Transitions(s, a, 0.1 * rng.normal(size=n), rng.normal(size=(n, 1)) - 4, np.zeros(n))
    settings = {"width": 64, "depth": 2, "dim_t": 32, "steps": 1000, "batch_size": 256}
    settings |= {"model_terminals": False, "learning_rate": 1e-3}
    model = make_generator("diffusion", settings).fit(data, seed=0, progress=False)
    found = log_likelihood(model, data[:200], steps=32).mean().item()
    expected = -0.5 * 4 * (1 + np.log(2 * np.pi)) - np.log(3 * 1 * 0.1 * 1)  # the entropy
    assert found == pytest.approx(expected, abs=0.3)
    far = data[:200]
    far = Transitions(
        far.observations + 30, far.actions, far.rewards, far.next_observations, far.terminals
    )
    assert log_likelihood(model, far, steps=16).mean().item() < found - 5


def test_levels_that_do_not_rise_are_refused():
    with pytest.raises(SyntherError, match="ascending"):
        flow_log_density(gaussian, torch.zeros(1, 3), [1.0, 0.5])
