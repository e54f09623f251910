"""The released code's network in plain PyTorch, and checkpoints as its trainer saves them.

Written from its description; modules bear the names that its state dicts have.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

D, A = 3, 2
WIDTH, DEPTH, DIM_T = 24, 3, 12


Change = Callable[[dict], Any]


class Features(nn.Module):
    """The noise level itself, then sines and cosines of it at fixed random frequencies."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.randn(number), requires_grad=False)

    def forward(self, level: Tensor) -> Tensor:
        angles = 2 * math.pi * torch.outer(level, self.weights)
        return torch.cat([level[:, None], torch.sin(angles), torch.cos(angles)], dim=1)


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(WIDTH, WIDTH)

    def forward(self, hidden: Tensor) -> Tensor:
        return hidden + self.linear(torch.relu(hidden))


class Body(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        blocks = [Block() for _ in range(DEPTH)]
        self.network = nn.Sequential(nn.Linear(DIM_T, WIDTH), *blocks, nn.Identity())
        self.final_linear = nn.Linear(WIDTH, dim)

    def forward(self, hidden: Tensor) -> Tensor:
        return self.final_linear(torch.relu(self.network(hidden)))


class Net(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.residual_mlp = Body(dim)
        self.proj = nn.Linear(dim, DIM_T)
        layers = [nn.Linear(17, DIM_T), nn.SiLU(), nn.Linear(DIM_T, DIM_T)]
        self.time_mlp = nn.Sequential(Features(8), *layers)

    def forward(self, x: Tensor, level: Tensor) -> Tensor:
        return self.residual_mlp(self.proj(x) + self.time_mlp(level))


class Standardise(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.randn(dim))
        self.register_buffer("std", torch.rand(dim) + 0.5)
        self.mean[-1], self.std[-1] = 0.0, 1.0


class Plain(nn.Module):
    """What the released code calls ElucidatedDiffusion, with sigma_data 1."""

    def __init__(self, dim: int = 2 * D + A + 2) -> None:
        super().__init__()
        self.net, self.normalizer = Net(dim), Standardise(dim)

    def denoise(self, x: Tensor, sigma: Tensor) -> Tensor:
        variance = sigma[:, None] ** 2 + 1
        raw = self.net(x / variance.sqrt(), torch.log(sigma) / 4)
        return x / variance + sigma[:, None] / variance.sqrt() * raw


def checkpoint(averaged: nn.Module, path: Path, change: Change | None = None) -> Path:
    online = Plain(averaged.net.proj.in_features)  # other weights, which must not be taken
    optimizer = torch.optim.AdamW(online.net.parameters())
    online.net(torch.zeros(1, online.net.proj.in_features), torch.zeros(1)).sum().backward()
    optimizer.step()
    average = {"initted": torch.tensor([True]), "step": torch.tensor([1000])}
    for prefix, model in (("online_model.", online), ("ema_model.", averaged)):
        average |= {prefix + name: value for name, value in model.state_dict().items()}
    content = {
        "step": 1000,
        "model": online.state_dict(),
        "opt": optimizer.state_dict(),
        "ema": average,
        "scaler": None,
    }
    torch.save(change(content) or content if change else content, path)
    return path
