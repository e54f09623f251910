"""Gaussian policies squashed by tanh: samples and their log-densities."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

LOG_STD_BOUNDS = (-20.0, 2.0)
"""What SAC clips the log standard deviation to (CQL too)."""
EDGE = 1e-6
"""What released code (REDQ's, EDAC's) adds within the logarithm, so that it stays finite."""


def squashed_gaussian(
    outputs: Tensor,
    noise: Tensor,
    log_std_bounds: tuple[float, float] = LOG_STD_BOUNDS,
    edge: float = 0.0,
) -> tuple[Tensor, Tensor]:
    """Sample tanh(mean + std * noise) and its log-density.

    Args:
        outputs: (..., 2 a): mean and log standard deviation.
        noise: (..., a), standard normal.
        log_std_bounds: the log standard deviation is clipped to them.
        edge: log(1 - action^2 + edge) is the change of variables, at most 13.8 an entry with
            `EDGE`; with 0 it is exact, and unbounded.

    Returns:
        actions (..., a), log-densities (...).
    """
    return _Squashed.apply(outputs, noise, log_std_bounds, edge)


class _Squashed(torch.autograd.Function):
    """`squashed_gaussian` in half as many calls as autograd would make, most of them back."""

    @staticmethod
    def forward(
        ctx: Any, outputs: Tensor, noise: Tensor, log_std_bounds: tuple[float, float], edge: float
    ) -> tuple[Tensor, Tensor]:
        mean, free = outputs.chunk(2, dim=-1)
        log_std = free.clamp(*log_std_bounds)
        deviation = log_std.exp() * noise
        raw = mean + deviation
        actions = torch.tanh(raw)
        slope = (1.0 - actions.square()).add_(edge).log_() if edge else _log_slope(raw)
        minus = torch.addcmul(log_std, noise, noise, value=0.5) + slope
        ctx.save_for_backward(free, log_std, deviation, actions)
        ctx.edge = edge
        return actions, -0.5 * noise.shape[-1] * math.log(2 * math.pi) - minus.sum(dim=-1)

    @staticmethod
    def backward(ctx: Any, by_actions: Tensor, by_density: Tensor) -> Any:
        free, log_std, deviation, actions = ctx.saved_tensors
        by_density, steep = by_density.unsqueeze(-1), 1.0 - actions.square()
        along = actions * (steep / (steep + ctx.edge)) if ctx.edge else actions
        by_mean = torch.addcmul(by_actions * steep, by_density, along, value=2.0)
        by_log_std = (by_mean * deviation).sub_(by_density).mul_(free == log_std)
        gradient = torch.cat([by_mean, by_log_std], dim=-1)
        return gradient.sum_to_size(*free.shape[:-1], gradient.shape[-1]), None, None, None


def log_density_of(outputs: Tensor, actions: Tensor) -> Tensor:
    """Return the exact log pi(a) (...) of given actions (..., a) under a squashed Gaussian."""
    mean, log_std = outputs.chunk(2, dim=-1)
    log_std = log_std.clamp(*LOG_STD_BOUNDS)
    edge = 1.0 - torch.finfo(actions.dtype).eps  # actions of exactly 1 have no inverse
    raw = actions.clamp(-edge, edge).atanh()
    deviations = (raw - mean) * (-log_std).exp()
    gaussian = -0.5 * deviations.square() - log_std - 0.5 * math.log(2 * math.pi)
    return (gaussian - _log_slope(raw)).sum(dim=-1)


def _log_slope(raw: Tensor) -> Tensor:
    """Return log(1 - tanh(u)^2) in a form that does not round to log(0)."""
    return 2.0 * (math.log(2.0) - raw - F.softplus(-2.0 * raw))
