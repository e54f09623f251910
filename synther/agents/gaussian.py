"""Gaussian policies squashed by tanh: samples and their log-densities."""

from __future__ import annotations

import math

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
    mean, log_std = outputs.chunk(2, dim=-1)
    log_std = log_std.clamp(*log_std_bounds)
    raw = mean + log_std.exp() * noise
    actions = torch.tanh(raw)
    gaussian = -0.5 * noise.square() - log_std - 0.5 * math.log(2 * math.pi)
    slope = (1.0 - actions.square() + edge).log() if edge else _log_slope(raw)
    return actions, (gaussian - slope).sum(dim=-1)


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
