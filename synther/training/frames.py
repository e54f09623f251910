"""What pixel agents learn from: frames gathered by row number; and their encoding as latents."""

from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from synther.agents.base import Batch
from synther.agents.pixels import PixelAgent
from synther.datasets.vd4rl import PixelData
from synther.envs.pixels import STACK
from synther.errors import SyntherError
from synther.jobs.checkpoint import Checkpoint
from synther.jobs.threads import largest_product, mathematics
from synther.tensors import weights
from synther.transitions import Transitions

ENCODED_ROWS = 512
"""Frames encoded at once."""
WIDEST = 512
"""Pixels, channels or actions of a file of weights."""
GPU_SHARE = 0.5
"""Of a GPU's free memory that frames may take; where they are more, they stay in the computer's."""


def frames_device(data: PixelData, device: str) -> str:
    """Return where frames lie: on the GPU where there is room, else in memory."""
    if not device.startswith("cuda"):
        return "cpu"
    free, _ = torch.cuda.mem_get_info(device)
    return device if data.frames.nbytes <= GPU_SHARE * free else "cpu"


class FrameTable:
    """Stacked transitions of a pixel dataset, of which only row numbers are stored.

    Args:
        data: its frames are used as they are, without a copy (on a CPU).
        n_step: steps a transition spans.
        discount: gamma, of the n-step returns.
        device: where minibatches are wanted.

    Attributes:
        starts: rows (N,) where transitions begin.
        actions: (N, a).
        rewards: n-step returns (N,).
        terminals: (N,), 1 where the environment's discount is 0 after n steps.
    """

    def __init__(
        self,
        data: PixelData,
        n_step: int,
        discount: float,
        device: str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        place = frames_device(data, device)
        starts = data.starts(n_step)
        columns = (
            data.actions[starts + 1],
            data.returns(starts, n_step, discount),
            1.0 - data.discounts[starts + n_step],
        )
        self._frames = torch.from_numpy(data.frames).to(place)
        self._first = torch.from_numpy(data.first).to(place)
        self.starts = torch.from_numpy(starts).to(place)
        self.actions, self.rewards, self.terminals = (
            torch.as_tensor(column, dtype=dtype, device=device) for column in columns
        )
        self._back = torch.arange(1 - STACK, 1, device=place)
        self._n_step, self._device = n_step, device

    def __len__(self) -> int:
        return len(self.starts)

    def stacks(self, rows: Tensor) -> Tensor:
        """Return stacked frames (..., 3 STACK, H, W) at rows (...), on the frames' device."""
        wanted = torch.maximum(rows[..., None] + self._back, self._first[rows][..., None])
        found = self._frames.index_select(0, wanted.reshape(-1))
        return found.view(*rows.shape, -1, *self._frames.shape[2:])

    def gather(self, indices: Tensor) -> Batch:
        """Return minibatches for indices (K, B) of transitions."""
        rows = self.starts[indices.to(self.starts.device)]
        return Batch(
            observations=self.stacks(rows).to(self._device),
            actions=self.actions[indices],
            rewards=self.rewards[indices],
            next_observations=self.stacks(rows + self._n_step).to(self._device),
            terminals=self.terminals[indices],
        )


def encode(
    agent: PixelAgent,
    data: PixelData,
    device: str = "cpu",
    checkpoint: Checkpoint | None = None,
) -> Transitions:
    """Return a dataset's transitions in an agent's latents, every row encoded once, unshifted.

    Args:
        agent: a stack of one; its settings say n_step and discount.
        data: the frames.
        device: where they are encoded.
        checkpoint: where the latents so far are saved from time to time, and gone on from.
    """
    settings = agent.settings
    table = FrameTable(data, settings.n_step, settings.discount, device)
    latents = np.empty((len(data), agent.latent_dim), dtype=np.float32)
    done = 0
    if checkpoint and (saved := checkpoint.load()):
        done = len(saved["latents"])
        latents[:done] = saved["latents"].numpy()
    with checkpoint or nullcontext(), mathematics(largest_product(agent, ENCODED_ROWS), device):
        for first in range(done, len(data), ENCODED_ROWS):
            rows = torch.arange(first, min(first + ENCODED_ROWS, len(data)))
            stacks = table.stacks(rows.to(table._first.device)).to(device)
            latents[rows.numpy()] = agent.encode(stacks[None])[0].float().cpu().numpy()
            if checkpoint and checkpoint.due():
                checkpoint.save({"latents": torch.from_numpy(latents[: first + len(rows)])})
    columns = (table.starts, table.actions, table.rewards, table.terminals)
    starts, actions, rewards, terminals = (column.cpu().numpy() for column in columns)
    following = latents[starts + settings.n_step]
    found = Transitions(latents[starts], actions, rewards, following, terminals)
    return found.check_finite("the latents")


def save_body(agent: PixelAgent, path: Path, about: Mapping[str, Any]) -> None:
    """Write the weights that latents depend on, with their seeds and `about`, atomically."""
    content = {
        "seeds": list(agent.seeds),
        "observation_shape": list(agent.observation_shape),
        "action_dim": agent.action_dim,
        "about": dict(about),
        "body": {name: value.cpu() for name, value in agent.body().items()},
    }
    weights.save(path, content)


def load_body(path: str | Path) -> dict[str, Any]:
    """Read what `save_body` wrote.

    Raises:
        SyntherError: the file is missing or damaged.
    """
    content = weights.load(
        path,
        "train the agent anew",
        required=("seeds", "observation_shape", "action_dim", "about", "body"),
        missing="train an agent on pixels first: `synther pixels`",
    )
    numbers = [content["action_dim"], *content["observation_shape"]]
    whole = all(isinstance(number, int) and 0 < number <= WIDEST for number in numbers)
    if not whole or not all(isinstance(value, Tensor) for value in content["body"].values()):
        raise SyntherError(f"{path} is damaged: train the agent anew (its sizes make no sense)")
    return content


@torch.no_grad()
def take_body(agent: PixelAgent, content: Mapping[str, Any], seed: int, where: str | Path) -> None:
    """Give all of an agent's stack encoder and trunks of one seed of a file.

    Raises:
        SyntherError: the file has no such seed, or is of another kind of agent.
    """
    if seed not in content["seeds"]:
        raise SyntherError(f"{where} has seeds {content['seeds']}, not {seed}")
    mine, others = agent.body(), content["body"]
    if {n: v.shape[1:] for n, v in mine.items()} != {n: v.shape[1:] for n, v in others.items()}:
        raise SyntherError(f"{where} is of another agent or of other settings than this one")
    place = content["seeds"].index(seed)
    for name, own in mine.items():
        own.copy_(others[name][place].expand_as(own))
