"""The log-likelihood of transitions under a diffusion model, by its probability-flow ODE.

Source: Song et al. 2021 (arXiv 2011.13456), section 4.3 and appendix D.2, in the time of Karras et
al. 2022 (EDM, arXiv 2206.00364): t = sigma, so that dx/dsigma = (x - D(x; sigma)) / sigma (eq. 1
and 3).
"""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor

from synther.errors import SyntherError
from synther.generators.diffusion import edm
from synther.generators.diffusion.model import Diffusion
from synther.transitions import Transitions

BATCH = 1024
"""Rows whose Jacobians are worked out together."""


def log_likelihood(
    model: Diffusion, transitions: Transitions, steps: int = 64, probes: int | None = None
) -> Tensor:
    """Return the log-density (N,), in nats, of transitions in the dataset's units.

    It is the density of the data blurred by noise of `sigma_min` (in normalised units). A terminal
    flag, where it is modelled, counts as a real number, so that only differences between rows of
    equal flags mean anything.

    Args:
        model: a fitted diffusion model.
        transitions: N of them, of the model's widths.
        steps: of the integration (Heun's method).
        probes: None takes the exact trace of the Jacobian, a backward pass a column; else an
            unbiased estimate from so many random vectors (Hutchinson).

    Raises:
        SyntherError: the widths are not the model's.
    """
    rows = model.normalised(transitions)
    s = model.settings
    times = edm.time_steps(steps, s.sigma_min, s.sigma_max, s.rho)[:-1][::-1]
    generator = torch.Generator(rows.device).manual_seed(0)
    parts = [
        flow_log_density(model.denoise, part, times, probes, generator)
        for part in rows.split(BATCH)
    ]
    return torch.cat(parts) - model.log_volume()


def flow_log_density(
    denoise: edm.Denoiser,
    x: Tensor,
    times: list[float],
    probes: int | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Return log p(x; sigma = times[0]) (B,) for rows x (B, D).

    p(.; sigma) is the data's distribution blurred by noise of that standard deviation. The flow
    carries x to times[-1], where the distribution is taken for N(0, times[-1]^2), and

        log p(x(t_0); t_0) = log N(x(T); 0, T^2 I) + integral of div (x - D(x; t)) / t over t.

    Args:
        denoise: D(x; sigma), called with x (B, D) and sigma (1,).
        x: (B, D).
        times: noise levels, ascending.
        probes: None for the exact divergence, else a number of random vectors.
        generator: of those.

    Raises:
        SyntherError: fewer than two noise levels, or not ascending.
    """
    if len(times) < 2 or any(a >= b for a, b in itertools.pairwise(times)):
        raise SyntherError("log-likelihood takes 2 or more noise levels, ascending")

    def slope(x: Tensor, t: float) -> tuple[Tensor, Tensor]:
        """Return (x - D(x; t)) / t and its divergence."""
        with torch.enable_grad():
            x = x.detach().requires_grad_(True)
            found = (x - denoise(x, torch.full((1,), t, dtype=x.dtype, device=x.device))) / t
            divergence = torch.zeros(len(x), dtype=x.dtype, device=x.device)
            for i in range(x.shape[1] if probes is None else probes):
                if probes is None:
                    vector = torch.zeros_like(x)
                    vector[:, i] = 1.0
                else:
                    bits = torch.randint(2, x.shape, generator=generator, device=x.device)
                    vector = 2.0 * bits.to(x.dtype) - 1.0
                (product,) = torch.autograd.grad(found, x, vector, retain_graph=True)
                divergence = divergence + (product * vector).sum(dim=1)
        return found.detach(), divergence / (1 if probes is None else probes)

    gained = torch.zeros(len(x), dtype=x.dtype, device=x.device)
    for t, t_next in itertools.pairwise(times):
        width = t_next - t
        d_1, div_1 = slope(x, t)
        d_2, div_2 = slope(x + width * d_1, t_next)
        x = x + width / 2 * (d_1 + d_2)
        # over ln t, in which t times the divergence is nearly constant at either end
        gained = gained + math.log(t_next / t) / 2 * (t * div_1 + t_next * div_2)
    prior = torch.distributions.Normal(0.0, times[-1])
    return prior.log_prob(x).sum(dim=-1) + gained
