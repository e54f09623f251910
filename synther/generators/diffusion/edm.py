"""Elucidated diffusion: Karras et al. 2022, arXiv 2206.00364 ("EDM").

Symbols and equation numbers are the paper's. x is a noised row, y a clean one, sigma the standard
deviation of the noise; everything is in the units of the normalised data. Functions of sigma are
elementwise and take any shape.
"""

import itertools
import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from synther.generators.diffusion.settings import DiffusionSettings

Denoiser = Callable[[Tensor, Tensor], Tensor]
"""D(x; sigma): x (..., B, D), sigma (..., B) or broadcast to it -> (..., B, D)."""

MAX_GAMMA = math.sqrt(2) - 1
"""Cap of a step's churn (algorithm 2): no step adds more new noise than is there."""


def c_skip(sigma: Tensor, sigma_data: float) -> Tensor:
    """Scale of the skip connection (table 1)."""
    return sigma_data**2 / (sigma**2 + sigma_data**2)


def c_out(sigma: Tensor, sigma_data: float) -> Tensor:
    """Scale of the network's output (table 1)."""
    return sigma * sigma_data * (sigma**2 + sigma_data**2).rsqrt()


def c_in(sigma: Tensor, sigma_data: float) -> Tensor:
    """Scale of the network's input, which makes its variance 1 (table 1)."""
    return (sigma**2 + sigma_data**2).rsqrt()


def c_noise(sigma: Tensor) -> Tensor:
    """What the network is told of the noise level: ln(sigma) / 4 (table 1)."""
    return sigma.log() / 4


def precondition(network: Denoiser, x: Tensor, sigma: Tensor, sigma_data: float) -> Tensor:
    """Return D(x; sigma) (eq. 7) of a network F(c_in x; c_noise).

    Args:
        network: F; takes (..., B, D) and (..., B).
        x: (..., B, D) noised rows.
        sigma: (..., B) noise levels, or (..., 1) for one level of all rows.
        sigma_data: standard deviation of the clean data.
    """
    s = sigma[..., None]
    raw = network(c_in(s, sigma_data) * x, c_noise(sigma))
    return c_skip(s, sigma_data) * x + c_out(s, sigma_data) * raw


def loss_weight(sigma: Tensor, sigma_data: float) -> Tensor:
    """lambda(sigma) = 1 / c_out^2 (table 1): every noise level weighs the same at the start."""
    return (sigma**2 + sigma_data**2) / (sigma * sigma_data) ** 2


def denoising_loss(denoise: Denoiser, y: Tensor, sigma: Tensor, n: Tensor, sd: float) -> Tensor:
    """Return (..., B): lambda(sigma) times the mean over D of (D(y + sigma n; sigma) - y)^2.

    The expectation of it over sigma, y and n is eq. 8, but for a mean over D in place of a sum.

    Args:
        denoise: D.
        y: (..., B, D) clean rows.
        sigma: (..., B) noise levels.
        n: (..., B, D) standard normal noise.
        sd: sigma_data.
    """
    error = denoise(y + sigma[..., None] * n, sigma) - y
    return loss_weight(sigma, sd) * error.square().mean(dim=-1)


def training_sigma(standard_normal: Tensor, p_mean: float, p_std: float) -> Tensor:
    """Return noise levels with ln(sigma) ~ N(p_mean, p_std^2) (table 1) from N(0, 1) draws."""
    return (p_mean + p_std * standard_normal).exp()


def time_steps(steps: int, sigma_min: float, sigma_max: float, rho: float) -> list[float]:
    """Return t_0 = sigma_max > ... > t_{N-1} = sigma_min > t_N = 0 (eq. 5), N + 1 numbers."""
    first, last = sigma_max ** (1 / rho), sigma_min ** (1 / rho)
    return [(first + i / (steps - 1) * (last - first)) ** rho for i in range(steps)] + [0.0]


def gamma(settings: DiffusionSettings, t: float) -> float:
    """Return gamma_i: by which share the noise level t is raised before the step from it."""
    if settings.s_tmin <= t <= settings.s_tmax:
        return min(settings.s_churn / settings.sampling_steps, MAX_GAMMA)
    return 0.0


def sample(
    denoise: Denoiser,
    shape: tuple[int, ...],
    generator: torch.Generator | Sequence[torch.Generator],
    settings: DiffusionSettings,
) -> Tensor:
    """Return rows drawn from the distribution that `denoise` belongs to.

    The stochastic sampler (algorithm 2): Heun's method with fresh noise between the steps, and
    deterministic with `s_churn` of 0. `denoise` is called 2 N - 1 times: the last step, to t_N = 0,
    has no second-order correction.

    Args:
        denoise: D(x; sigma), called with x of `shape` and sigma of shape (1,).
        shape: (..., B, D).
        generator: source of all noise; its device is where the rows are made. One each for
            shape (K, B, D): model k's rows are those that it would draw alone.
        settings: N = `sampling_steps`, noise levels and churn.

    Returns:
        (..., B, D) float32 on the generator's device.
    """
    alone = isinstance(generator, torch.Generator)
    sources = [generator] if isinstance(generator, torch.Generator) else list(generator)
    part, device = shape if alone else shape[1:], sources[0].device

    def noise() -> Tensor:
        drawn = [torch.randn(part, generator=source, device=device) for source in sources]
        return drawn[0] if alone else torch.stack(drawn)

    def slope(x: Tensor, t: float) -> Tensor:
        return (x - denoise(x, torch.full((1,), t, device=device))) / t

    s = settings
    t = time_steps(s.sampling_steps, s.sigma_min, s.sigma_max, s.rho)
    x = t[0] * noise()
    for t_i, t_next in itertools.pairwise(t):
        t_hat = (1 + gamma(s, t_i)) * t_i
        if t_hat > t_i:
            x = x + (math.sqrt(t_hat**2 - t_i**2) * s.s_noise) * noise()
        d_i = slope(x, t_hat)
        x_next = x + (t_next - t_hat) * d_i
        if t_next > 0:
            d_prime = slope(x_next, t_next)
            x_next = x + (t_next - t_hat) / 2 * (d_i + d_prime)
        x = x_next
    return x
