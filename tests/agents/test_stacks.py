"""A seed learns in a stack what it learns alone, and goes on from a checkpoint as if never cut."""

import io

import pytest
import torch
from stacks import KINDS, make, same_parameters, streams, table, train

from synther.agents import load_agent_class
from synther.errors import SyntherError


def saved(state):
    """Through torch.save and the safe loader, as checkpoints go."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=True)


@pytest.mark.parametrize("name", KINDS)
def test_stacked_seeds_equal_single_runs(name):
    seeds, updates = [2, 0, 7], 200
    stack = train(make(name, seeds), updates)
    for k, seed in enumerate(seeds):
        assert same_parameters(stack, k, train(make(name, [seed]), updates)) < 1e-9


@pytest.mark.parametrize("name", KINDS)
def test_seeds_differ(name):
    stack = train(make(name, [0, 1]), 3)
    assert same_parameters(stack, 1, train(make(name, [0]), 3)) > 1e-3


@pytest.mark.parametrize("name", KINDS)
def test_a_restored_agent_goes_on_identically(name):
    rows = table(torch.float32)
    whole = make(name, [1, 2], torch.float32)
    draws = streams(whole, len(rows), torch.float32)
    train(whole, 7, draws, rows)
    state = saved({"agent": whole.snapshot(), "streams": draws.snapshot()})
    train(whole, 6, draws, rows)

    other = train(make(name, [1, 2], torch.float32), 2)
    others = streams(other, len(rows), torch.float32)
    other.restore(state["agent"])
    others.restore(state["streams"])
    train(other, 6, others, rows)
    assert other.updates == whole.updates == 13
    for key, value in whole.state_dict().items():
        assert torch.equal(value, other.state_dict()[key]), key


@pytest.mark.parametrize("name", KINDS)
def test_actions_are_bounded_and_each_seed_has_its_own(name):
    agent = train(make(name, [0, 1, 2]), 3)
    observations = 10 * torch.randn(1, 50, 5, dtype=torch.float64).expand(3, -1, -1)
    actions = agent.act(observations)
    assert actions.shape == (3, 50, 3)
    assert actions.abs().max() <= 1.0
    assert not torch.allclose(actions[0], actions[1])
    alone = train(make(name, [1]), 3).act(observations[:1])
    torch.testing.assert_close(alone[0], actions[1], rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", KINDS)
def test_info_has_a_number_a_seed(name):
    agent = make(name, [0, 1, 2])
    rows = table()
    draws = streams(agent, len(rows)).next()
    info = agent.update(rows.gather(draws.pop("indices")), draws)
    assert info
    for value in info.values():
        assert len(value) == 3
        assert not value.requires_grad


def test_load_agent_class():
    assert load_agent_class("synther.agents.td3_bc").title == "TD3+BC"
    with pytest.raises(SyntherError, match="can't be imported"):
        load_agent_class("synther.agents.nothing")
    with pytest.raises(SyntherError, match="defines 0 agents"):
        load_agent_class("synther.agents.networks")
