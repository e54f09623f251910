"""What decides on an agent's next update is its phase: a graph on a GPU, a recording on a CPU."""

import numpy as np
import pytest

from synther.agents.cql import CQL
from synther.agents.iql import IQL
from synther.agents.td3_bc import TD3BC
from synther.training.evaluate import Standardiser
from synther.training.offline import TransitionTable
from synther.training.streams import RandomStreams
from synther.training.updates import GraphedUpdates
from synther.transitions import Transitions


def updates(kind, **settings):
    """An agent's updates from a small table, and the draws of each."""
    rng = np.random.default_rng(0)
    n, d, a = 64, 4, 2
    s = rng.normal(size=(n, d))
    rows = Transitions(s, np.tanh(rng.normal(size=(n, a))), s[:, 0], s, np.zeros(n))
    table = TransitionTable(rows, Standardiser(np.zeros(d), np.ones(d)), 0.0, "cpu")
    agent = kind(d, a, [0, 1], kind.Settings(hidden=(8,), batch_size=16, **settings))
    streams = RandomStreams([0, 1], agent.noise(), indices=(n, 16))
    return agent, GraphedUpdates(agent, table), streams


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
    for _ in range(30):  # every phase comes by often enough
        agent.updates %= len(phases)
        assert agent.phase() == phases[agent.updates]
        before = agent.updates
        update(streams.next())
        assert agent.updates == before + 1
    assert [call.repeats for call in update.calls.values()] == [True] * len(set(phases))
