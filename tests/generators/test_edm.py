"""The formulas of Karras et al. 2022 against values worked out by hand, and the network."""

import itertools
import math

import pytest
import torch

from synther.generators.diffusion import edm
from synther.generators.diffusion.denoiser import ResidualMLP
from synther.generators.diffusion.settings import DiffusionSettings


def test_preconditioning_by_hand():
    # sigma 3, sigma_data 4: sigma^2 + sigma_data^2 = 25
    sigma = torch.tensor([3.0])
    assert edm.c_skip(sigma, 4.0).item() == pytest.approx(16 / 25)
    assert edm.c_out(sigma, 4.0).item() == pytest.approx(12 / 5)
    assert edm.c_in(sigma, 4.0).item() == pytest.approx(1 / 5)
    assert edm.c_noise(sigma).item() == pytest.approx(math.log(3) / 4)
    assert edm.loss_weight(sigma, 4.0).item() == pytest.approx(25 / 144)


def test_precondition_is_equation_7():
    seen = []

    def network(x, c_noise):
        seen.extend([x, c_noise])
        return torch.full_like(x, 10.0)

    x = torch.tensor([[5.0, -10.0]])
    out = edm.precondition(network, x, torch.tensor([3.0]), sigma_data=4.0)
    torch.testing.assert_close(seen[0], torch.tensor([[1.0, -2.0]]))
    torch.testing.assert_close(seen[1], torch.tensor([math.log(3) / 4]))
    torch.testing.assert_close(out, torch.tensor([[3.2 + 24.0, -6.4 + 24.0]]))


def test_one_noise_level_serves_all_rows():
    net, x = ResidualMLP(3, DiffusionSettings(width=8, depth=1)), torch.randn(1, 5, 3)
    one = edm.precondition(net, x, torch.tensor([[0.7]]), 1.0)
    each = edm.precondition(net, x, torch.full((1, 5), 0.7), 1.0)
    torch.testing.assert_close(one, each)


def test_loss_by_hand():
    y, n = torch.tensor([[1.0, 2.0]]), torch.tensor([[1.0, -1.0]])
    loss = edm.denoising_loss(lambda x, sigma: x, y, torch.tensor([3.0]), n, 4.0)
    # D(x) = x errs by the noise itself: 9 in every dimension, weighted with 25/144
    torch.testing.assert_close(loss, torch.tensor([9 * 25 / 144]))


def test_training_sigma_is_log_normal():
    g = torch.Generator().manual_seed(0)
    log_sigma = edm.training_sigma(torch.randn(100_000, generator=g), -1.2, 1.2).log()
    assert log_sigma.mean().item() == pytest.approx(-1.2, abs=0.02)
    assert log_sigma.std().item() == pytest.approx(1.2, abs=0.02)


def test_time_steps_are_equation_5():
    t = edm.time_steps(128, 0.002, 80.0, 7.0)
    assert len(t) == 129
    assert t[0] == pytest.approx(80)
    assert t[127] == pytest.approx(0.002)
    assert t[128] == 0
    assert all(a > b for a, b in itertools.pairwise(t))
    expected = (80 ** (1 / 7) + 64 / 127 * (0.002 ** (1 / 7) - 80 ** (1 / 7))) ** 7
    assert t[64] == pytest.approx(expected)
    # rho = 1 spaces them evenly
    assert edm.time_steps(3, 1.0, 5.0, 1.0) == pytest.approx([5, 3, 1, 0])


def test_churn_is_capped_and_confined():
    def gamma(t, **settings):
        return edm.gamma(DiffusionSettings(**settings), t)

    assert gamma(1.0) == pytest.approx(math.sqrt(2) - 1)  # 80/128 is above the cap
    assert gamma(0.05) == gamma(50.0) == gamma(1.0)
    assert gamma(0.049) == gamma(50.1) == 0
    assert gamma(1.0, sampling_steps=100, s_churn=10.0) == pytest.approx(0.1)
    assert gamma(1.0, s_churn=0.0) == 0


@pytest.mark.parametrize("steps", [2, 7, 128])
def test_network_calls(steps):
    levels = []

    def denoise(x, sigma):
        levels.append(sigma.item())
        return torch.zeros_like(x)

    settings = DiffusionSettings(sampling_steps=steps)
    edm.sample(denoise, (4, 2), torch.Generator().manual_seed(0), settings)
    assert len(levels) == 2 * steps - 1
    assert all(level > 0 for level in levels)


def test_noise_is_raised_by_gamma_before_a_step():
    levels = []

    def denoise(x, sigma):
        levels.append(sigma.item())
        return torch.zeros_like(x)

    edm.sample(denoise, (1, 1), torch.Generator().manual_seed(0), DiffusionSettings())
    t = edm.time_steps(128, 0.002, 80.0, 7.0)
    assert levels[0] == pytest.approx(80)  # above s_tmax
    assert levels[128] == pytest.approx(math.sqrt(2) * t[64], rel=1e-5)
    assert levels[129] == pytest.approx(t[65], rel=1e-5)


@pytest.mark.parametrize(("width", "expected"), [(1024, 6_497_066), (2048, 25_552_682)])
def test_parameters_on_halfcheetah(width, expected):
    # 2M rows x 42 floats over 6.497M parameters are the 12.9-fold compression of the paper
    net = ResidualMLP(17 + 6 + 1 + 17 + 1, DiffusionSettings(width))
    assert net.flat.numel() == expected


def _reference(net: ResidualMLP, k: int, x: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
    parts = [part[k] for part in net.flat.split(net._sizes, dim=1)]
    layers = [
        (w.view(shape).T, b)
        for shape, w, b in zip(net.layers, parts[::2], parts[1::2], strict=True)
    ]

    def linear(h, i):
        return torch.nn.functional.linear(h, *layers[i])

    angles = 2 * math.pi * c[:, None] * net.frequencies[k]
    features = torch.cat([c[:, None], angles.sin(), angles.cos()], dim=1)
    time = linear(torch.nn.functional.silu(linear(features, 0)), 1)
    h = linear(linear(x, 2) + time, 3)
    for i in range(4, len(layers) - 1):
        h = h + linear(torch.relu(h), i)
    return linear(torch.relu(h), len(layers) - 1)


@pytest.mark.parametrize("models", [1, 3])
def test_stacked_network_equals_single_ones(models):
    net = ResidualMLP(5, DiffusionSettings(16, depth=2, dim_t=8), models)
    x, c = torch.randn(models, 7, 5), torch.randn(models, 7)
    out = net(x, c)
    expected = torch.stack([_reference(net, k, x[k], c[k]) for k in range(models)])
    torch.testing.assert_close(out, expected, rtol=1e-5, atol=1e-5)
    gradient = torch.autograd.grad(out.square().sum(), net.flat)[0]
    wanted = torch.autograd.grad(expected.square().sum(), net.flat)[0]
    torch.testing.assert_close(gradient, wanted, rtol=1e-4, atol=1e-4)


def test_initial_values_are_those_of_linear_layers():
    settings = DiffusionSettings(64)
    net = ResidualMLP(10, settings, generator=torch.Generator().manual_seed(3))
    width_layer = net.weights()[4]
    assert width_layer.abs().max() <= 1 / 8
    assert width_layer.std().item() == pytest.approx(1 / 8 / math.sqrt(3), rel=0.05)
    again = ResidualMLP(10, settings, generator=torch.Generator().manual_seed(3))
    assert torch.equal(net.flat, again.flat)
