"""What decides on an agent's next update is its phase: on a GPU a phase is one graph."""

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from synther.agents.cql import CQL
from synther.agents.iql import IQL
from synther.agents.td3_bc import TD3BC
from synther.training.evaluate import Standardiser
from synther.training.offline import TransitionTable
from synther.training.streams import RandomStreams
from synther.training.updates import GraphedUpdates
from synther.transitions import Transitions


class Operations(TorchDispatchMode):
    """Notes the name and shapes of every operation."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        shapes = tuple(tuple(a.shape) for a in args if isinstance(a, torch.Tensor))
        self.seen.append((str(function), shapes))
        return function(*args, **(kwargs or {}))


def updates(kind, **settings):
    """An agent's updates from a small table, and the draws of each."""
    rng = np.random.default_rng(0)
    n, d, a = 64, 4, 2
    s = rng.normal(size=(n, d))
    rows = Transitions(s, np.tanh(rng.normal(size=(n, a))), s[:, 0], s, np.zeros(n))
    table = TransitionTable(rows, Standardiser(np.zeros(d), np.ones(d)), 0.0, "cpu")
    agent = kind(d, a, [0, 1], kind.Settings(hidden=(8,), batch_size=16, **settings))
    streams = RandomStreams([0, 1], agent.noise(), indices=(n, 16))
    return agent, GraphedUpdates(agent, table.gather), streams


@pytest.mark.parametrize(
    ("kind", "settings", "phases"),
    [
        (TD3BC, {"policy_frequency": 2}, [False, True, False, True, False, True]),
        (TD3BC, {"policy_frequency": 3}, [False, False, True, False, False, True]),
        (IQL, {"steps": 6}, [0] * 6),
        (CQL, {"bc_steps": 3, "num_actions": 2}, [True, True, True, False, False, False]),
    ],
)
def test_updates_of_a_phase_are_the_same_operations(kind, settings, phases):
    agent, update, streams = updates(kind, **settings)
    for draws in (streams.next(), streams.next(), streams.next(), streams.next()):
        update(draws)  # optimizers make their state, and every phase comes by
    agent.updates = 0
    seen = {}
    for expected in phases:
        assert agent.phase() == expected
        draws = streams.next()
        with Operations() as operations:
            update(draws)
        assert seen.setdefault(expected, operations.seen) == operations.seen
    assert agent.updates == len(phases)
