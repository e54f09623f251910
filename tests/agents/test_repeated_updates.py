"""What jobs learn does not depend on whether their updates are repeated from a recording."""

import pytest
import torch
from stacks import KINDS, make, table
from test_goals import KINDS as GOAL_KINDS
from test_goals import A, trajectories
from test_goals import make as make_for_goals

from synther.agents import load_agent_class
from synther.agents.sac import SAC
from synther.generators.diffusion import DiffusionSettings
from synther.generators.diffusion.trainer import Trainer
from synther.tensors.graphed import GraphedCall
from synther.training.goals import GoalTable
from synther.training.online import OnlineJob, OnlineTrainer
from synther.training.updates import GraphedUpdates, learning_streams

UPDATES = 14


@pytest.fixture
def both(monkeypatch):
    """Calls a function twice: with calls that are repeated, and with calls as they are."""

    def run(function):
        found = function()
        monkeypatch.setattr(GraphedCall, "_on_cpu", lambda self, call, inputs: call(inputs))
        return found, function()

    return run


def state(agent):
    return [value.clone() for value in agent.state_dict().values()]


def same(found, expected):
    assert len(found) == len(expected) > 0
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


def learned(agent, rows):
    """What an agent has learned from a table, what it logs, and whether updates are repeated."""
    update, drawn = GraphedUpdates(agent, rows), learning_streams(agent, rows, "cpu")
    for _ in range(UPDATES):
        info = update(drawn.next())
    return [*state(agent), *info.values()], {call.repeats for call in update.calls.values()}


@pytest.mark.parametrize("name", [name for name, (kind, _) in KINDS.items() if kind is not SAC])
def test_offline(name, both):
    rows = table(torch.float32)
    (found, repeats), (expected, _) = both(
        lambda: learned(make(name, (0, 5), dtype=torch.float32), rows)
    )
    same(found, expected)
    assert repeats == {True}


@pytest.mark.parametrize("name", GOAL_KINDS)
def test_towards_goals(name, both):
    def learn():
        agent = make_for_goals(name, (0, 5))
        rows = GoalTable(agent.settings, trajectories(), A, dtype=torch.float64)
        return learned(agent, rows)

    (found, repeats), (expected, _) = both(learn)
    same(found, expected)
    assert repeats == {True}


@pytest.mark.parametrize("agent", ["sac", "redq"])
def test_online_with_samples(agent, both, tmp_path):
    module = f"synther.agents.{agent}"
    small = {"width": 8, "depth": 1, "dim_t": 8, "steps": 20, "batch_size": 16}
    settings = load_agent_class(module).Settings(
        **{"steps": 60, "random_steps": 10, "batch_size": 8, "hidden": (8, 8), "eval_every": 30},
        **{"eval_episodes": 2, "retrain_every": 20, "synthetic_samples": 30},
        **{"synthetic_share": 0.5, "updates_per_step": 3, "diffusion": small},
    )
    job = OnlineJob(
        task="hopper",
        agent=agent,
        module=module,
        settings=settings,
        seeds=(0, 4),
        out=tmp_path / "x.parquet",
        reference=(0.0, 1000.0),
        time_limit=12,
    )

    def learn():
        trainer = OnlineTrainer(job)
        trainer.train()
        repeats = [call.repeats for call in trainer.learner.calls.values()]
        rows = trainer.replay.rows(), trainer.synthesiser.buffer.rows()
        return [*state(trainer.agent), *rows], repeats

    (found, repeats), (expected, _) = both(learn)
    same(found, expected)
    assert repeats == [True, True]


def test_a_denoiser(both):
    settings = DiffusionSettings(width=8, depth=1, dim_t=8, steps=UPDATES, batch_size=4)
    data = torch.randn(40, 5, generator=torch.Generator().manual_seed(0))

    def learn():
        return [Trainer(data, settings, seed=3).run().flat]

    same(*both(learn))
