"""The sampler on distributions whose denoiser D(x; sigma) is known in closed form.

Adding noise sigma to a Gaussian with covariance S gives one with covariance S + sigma^2 I, and the
expected clean row is m + S (S + sigma^2 I)^-1 (x - m); for a mixture, the components' answers are
weighted with their posterior probabilities.
"""

import numpy as np
import pytest
import torch

from synther.generators.diffusion import DiffusionSettings, edm

STOCHASTIC = {"sampling_steps": 128}
DETERMINISTIC = {"sampling_steps": 64, "s_churn": 0.0}
# s_noise above 1 inflates the spread on purpose; exact answers need 1
UNINFLATED = {"sampling_steps": 128, "s_noise": 1.0}


def mixture_denoiser(weights, means, covariances):
    weights, means, covariances = (torch.as_tensor(v) for v in (weights, means, covariances))
    values, vectors = torch.linalg.eigh(covariances)

    def denoise(x, sigma):
        noised = values + sigma.double() ** 2  # (C, D)
        centred = x.double()[:, None] - means  # (B, C, D)
        rotated = torch.einsum("bcd,cde->bce", centred, vectors)
        log_p = weights.log() - 0.5 * (rotated**2 / noised + noised.log()).sum(-1)
        clean = means + torch.einsum("bce,cde->bcd", rotated * values / noised, vectors)
        return (log_p.softmax(dim=1)[..., None] * clean).sum(dim=1).to(x.dtype)

    return denoise


def draw(denoise, n, dim, **settings):
    g = torch.Generator().manual_seed(1)
    return edm.sample(denoise, (n, dim), g, DiffusionSettings(**settings)).double().numpy()


@pytest.mark.parametrize("settings", [DETERMINISTIC, UNINFLATED])
def test_single_gaussian(settings):
    mean = np.array([1.0, -0.5, 0.2])
    root = np.array([[1.0, 0.0, 0.0], [0.7, 0.4, 0.0], [-0.3, 0.2, 0.1]])
    covariance = root @ root.T
    n = 20_000
    x = draw(mixture_denoiser([1.0], mean[None], covariance[None]), n, 3, **settings)
    # Whitened samples are standard normal up to the error of n draws
    z = np.linalg.solve(root, (x - mean).T)
    np.testing.assert_allclose(z.mean(axis=1), 0, atol=4 / np.sqrt(n))
    np.testing.assert_allclose(np.cov(z), np.eye(3), atol=0.04)


def test_single_gaussian_row_by_row():
    # Without churn a sample is the start moved along a curve of known end (the ODE's solution):
    # m + (x_0 - m) sqrt(v / (v + sigma_max^2)) along each principal axis
    mean, variance = np.array([0.4, -1.0]), np.array([1.0, 0.09])
    denoise = mixture_denoiser([1.0], mean[None], np.diag(variance)[None])
    x = draw(denoise, 1000, 2, sampling_steps=256, s_churn=0.0)
    start = 80 * torch.randn(1000, 2, generator=torch.Generator().manual_seed(1)).double().numpy()
    expected = mean + (start - mean) * np.sqrt(variance / (variance + 80**2))
    np.testing.assert_allclose(x, expected, atol=2e-3)


def test_order_of_convergence_is_two():
    # The correction makes the method second order: half the step, a quarter of the error
    denoise = mixture_denoiser([1.0], np.zeros((1, 1)), np.ones((1, 1, 1)))
    start = 80 * torch.randn(100, 1, generator=torch.Generator().manual_seed(1)).double().numpy()
    expected = start / np.sqrt(1 + 80**2)
    errors = [
        np.abs(draw(denoise, 100, 1, sampling_steps=steps, s_churn=0.0) - expected).max()
        for steps in (16, 32, 64)
    ]
    assert 3 < errors[0] / errors[1] < 5.5
    assert 3 < errors[1] / errors[2] < 5.5


@pytest.mark.parametrize("settings", [DETERMINISTIC, UNINFLATED, STOCHASTIC])
def test_mixture(settings):
    weights = np.array([0.5, 0.3, 0.2])
    means = np.array([[1.5, 0.0, 0.0, 1.0], [-1.5, 0.5, 0.0, -1.0], [0.0, -2.0, 1.0, 0.0]])
    rng = np.random.default_rng(0)
    roots = 0.2 * rng.normal(size=(3, 4, 4)) + 0.15 * np.eye(4)
    covariances = roots @ roots.transpose(0, 2, 1)
    n = 20_000
    x = draw(mixture_denoiser(weights, means, covariances), n, 4, **settings)
    offset = x[:, None] - means
    inverse = np.linalg.inv(covariances)
    distance = np.einsum("ncd,cde,nce->nc", offset, inverse, offset)
    score = np.log(weights) - 0.5 * (distance + np.linalg.slogdet(covariances)[1])
    component = score.argmax(axis=1)
    found = np.bincount(component, minlength=3) / n
    np.testing.assert_allclose(found, weights, atol=0.015)
    for c in range(3):
        rows = x[component == c]
        np.testing.assert_allclose(rows.mean(axis=0), means[c], atol=0.03)
        scale = np.sqrt(np.outer(np.diag(covariances[c]), np.diag(covariances[c])))
        np.testing.assert_allclose(np.cov(rows.T) / scale, covariances[c] / scale, atol=0.1)


def test_shape_seed_and_type():
    denoise = mixture_denoiser([1.0], np.zeros((1, 2)), np.eye(2)[None])

    def run(seed):
        settings = DiffusionSettings(sampling_steps=8)
        return edm.sample(denoise, (5, 2), torch.Generator().manual_seed(seed), settings)

    assert run(0).shape == (5, 2)
    assert run(0).dtype == torch.float32
    assert torch.equal(run(0), run(0))
    assert not torch.equal(run(0), run(1))
