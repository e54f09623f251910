"""Agents on a GPU: what they learn is what they learn on a CPU, and no run differs from another."""

import pytest
import torch
from stacks import F64, KINDS, learn, make, table
from test_goals import KINDS as GOAL_KINDS
from test_goals import A, D, trajectories
from test_goals import make as make_for_goals
from test_pixel_agents import KINDS as PIXEL_KINDS
from test_pixel_agents import draws as pixel_draws
from test_pixel_agents import make as make_for_pixels

from synther.agents.base import Batch
from synther.agents.sac import SAC
from synther.tensors.graphed import WARM_UP, GraphedCall
from synther.training.goals import GoalTable
from synther.training.updates import GraphedUpdates, learning_streams

pytestmark = pytest.mark.gpu
GPU = "cuda"
UPDATES = 2 * WARM_UP + 10
"""Enough for graphs of both phases of an agent that has two."""


def state(agent):
    return {name: value.cpu().clone() for name, value in agent.state_dict().items()}


def moved(values):
    return {name: value.to(GPU) for name, value in values.items()}


def learner(agent, rows):
    """One update of an agent from a table, as the training loops make it."""
    if not isinstance(agent, SAC):
        return GraphedUpdates(agent, rows)

    def update(draws):
        noise = {name: value for name, value in draws.items() if name != "indices"}
        return learn(agent, rows.gather(draws["indices"]), noise)

    return GraphedCall(update)


def trained(agent, rows, draws, updates=UPDATES):
    """The agent's numbers after updates from these draws, and what the last one logs."""
    update = learner(agent, rows)
    for _ in range(updates):
        info = update(draws.next())
    return state(agent) | {f"logged {name}": value.cpu() for name, value in info.items()}


class Moved:
    """Draws that are made on a CPU, for both devices to take."""

    def __init__(self, draws):
        self._draws = draws

    def next(self):
        return moved(self._draws.next())


def close(found, expected, **tolerances):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(
            found[name], value, msg=lambda text, name=name: f"{name}: {text}", **tolerances
        )


@pytest.mark.parametrize("name", KINDS)
def test_updates_are_those_of_a_cpu(name):
    here, there = make(name, (0, 5)), make(name, (0, 5), device=GPU)
    close(state(there), state(here), rtol=0, atol=0)
    expected = trained(here, table(), learning_streams(here, table(), "cpu"))
    draws = Moved(learning_streams(here, table(), "cpu"))
    close(trained(there, table(device=GPU), draws), expected, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("name", GOAL_KINDS)
def test_updates_towards_goals_are_those_of_a_cpu(name):
    here = make_for_goals(name, (0, 5))
    there = type(here)(2 * D, A, (0, 5), here.settings, device=GPU, dtype=F64)
    tables = [
        GoalTable(here.settings, trajectories(), A, where, dtype=F64) for where in ("cpu", GPU)
    ]
    expected = trained(here, tables[0], learning_streams(here, tables[0], "cpu"))
    draws = Moved(learning_streams(here, tables[0], "cpu"))
    close(trained(there, tables[1], draws), expected, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("kind", PIXEL_KINDS)
def test_updates_from_pixels_are_those_of_a_cpu(kind):
    here, seeds = make_for_pixels(kind, [0, 4]), [0, 4]
    there = PIXEL_KINDS[kind][0]((9, 21, 21), 2, seeds, here.settings, device=GPU, dtype=F64)
    for step in range(4):
        batch, noise = pixel_draws(here, step, seeds)
        info = here.update(batch, noise)
        found = there.update(Batch(*(column.to(GPU) for column in batch)), moved(noise))
        close({name: v.cpu() for name, v in found.items()}, info, rtol=1e-7, atol=1e-8)
    close(state(there), state(here), rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("name", KINDS)
def test_a_seed_learns_in_a_stack_what_it_learns_alone(name):
    rows = table(device=GPU)
    stack, alone = (make(name, seeds, device=GPU) for seeds in ((0, 5, 2), (5,)))
    trained(stack, rows, learning_streams(stack, rows, GPU))
    trained(alone, rows, learning_streams(alone, rows, GPU))
    for key, value in state(alone).items():
        many = state(stack)[key]
        part = many if many.shape == value.shape == () else many[len(value) : 2 * len(value)]
        torch.testing.assert_close(part, value, rtol=1e-8, atol=1e-9, msg=key)


@pytest.mark.parametrize("name", KINDS)
def test_graphs_compute_what_calls_do_and_a_resumed_run_ends_in_the_same_bytes(name):
    def start():
        agent, rows = make(name, (0, 5), torch.float32, GPU), table(torch.float32, GPU)
        return agent, rows, learning_streams(agent, rows, GPU)

    agent, rows, draws = start()
    whole = trained(agent, rows, draws)

    agent, rows, draws = start()
    trained(agent, rows, draws, UPDATES // 2)
    saved = agent.snapshot(), draws.snapshot()
    agent, rows, draws = start()
    agent.restore(saved[0])
    draws.restore(saved[1])
    close(trained(agent, rows, draws, UPDATES - UPDATES // 2), whole, rtol=0, atol=0)
    plain, rows, draws = start()
    for _ in range(UPDATES):
        noise = draws.next()
        learn(plain, rows.gather(noise.pop("indices")), noise)
    close(state(plain), {name: whole[name] for name in state(plain)}, rtol=0, atol=0)
