"""How relevant a transition is to an agent: what prioritised generation is conditioned on."""

import numpy as np
import torch
from scipy import stats

from synther.datasets.subset import trajectory_ids
from synther.errors import unknown_name
from synther.jobs.threads import mathematics
from synther.tensors.optimizer import Adam
from synther.transitions import Transitions

KINDS = ("reward", "return", "td_error")
DISCOUNT = 0.99
VALUE_STEPS, VALUE_BATCH, VALUE_WIDTH = 2000, 256, 64
"""Of the value function behind the TD error: a stand-in for a learning agent's own."""


def relevance(transitions: Transitions, kind: str, seed: int = 0) -> np.ndarray:
    """Return how relevant each transition is: (N,), higher is more.

    Args:
        transitions: N of them, in their recorded order.
        kind: "reward", its own; "return", the sum of its whole trajectory's rewards; "td_error",
            |r + gamma V(s') - V(s)| under a value function fitted to the data by TD(0).
        seed: of that value function.

    Raises:
        SyntherError: the kind is unknown.
    """
    if kind not in KINDS:
        raise unknown_name("kind of relevance", kind, KINDS)
    if kind == "reward":
        return transitions.rewards.astype(np.float64)
    if kind == "return":
        ids = trajectory_ids(transitions)
        returns = np.bincount(ids, weights=transitions.rewards.astype(np.float64))
        return returns[ids]
    return _td_errors(transitions, seed)


def ranks(values: np.ndarray) -> np.ndarray:
    """Return the share of values below each, ties in the middle: (N,) float32 in (0, 1)."""
    found: np.ndarray = (stats.rankdata(values) - 0.5) / len(values)
    return found.astype(np.float32)


@mathematics()
def _td_errors(transitions: Transitions, seed: int) -> np.ndarray:
    generator = torch.Generator().manual_seed(seed)
    mean, std = transitions.observations.mean(axis=0), transitions.observations.std(axis=0) + 1e-3
    states = torch.from_numpy((transitions.observations - mean) / std)
    following = torch.from_numpy((transitions.next_observations - mean) / std)
    rewards = torch.from_numpy(transitions.rewards)
    discount = DISCOUNT**transitions.span.n_step
    going_on = 1 - torch.from_numpy(transitions.terminals)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        value = torch.nn.Sequential(
            torch.nn.Linear(states.shape[1], VALUE_WIDTH),
            torch.nn.ReLU(),
            torch.nn.Linear(VALUE_WIDTH, VALUE_WIDTH),
            torch.nn.ReLU(),
            torch.nn.Linear(VALUE_WIDTH, 1),
        )
    optimizer = Adam(list(value.parameters()), 1e-3)

    def errors(rows: torch.Tensor | slice) -> torch.Tensor:
        with torch.no_grad():
            target = rewards[rows] + discount * going_on[rows] * value(following[rows])[:, 0]
        return target - value(states[rows])[:, 0]

    for _ in range(VALUE_STEPS):
        rows = torch.randint(len(rewards), (VALUE_BATCH,), generator=generator)
        loss = errors(rows).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        parts = [errors(slice(i, i + 65_536)) for i in range(0, len(rewards), 65_536)]
    return torch.cat(parts).abs().double().numpy()
