"""Trainings of online generators after the first: fresh, or of the last model; and their drift."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from test_online import SYNTHER, job

from synther.agents.sac import SACSettings
from synther.errors import SyntherError
from synther.fidelity.dynamics import mean_squared_errors, simulate
from synther.generators.diffusion import DiffusionSettings
from synther.generators.diffusion.stacked import StackedDiffusion
from synther.training.online import OnlineTrainer
from synther.transitions import Transitions


@pytest.mark.parametrize("tuned", [0, 7])
def test_a_training_begins_with_the_last_weights_where_that_is_asked(tuned, monkeypatch) -> None:
    begun, left, steps, inner = [], [], [], StackedDiffusion.fit

    def fit(self, rows, seeds, checkpoint=None, title="", weights=None):
        begun.append({name: value.clone() for name, value in (weights or {}).items()})
        steps.append(self.settings.steps)
        inner(self, rows, seeds, checkpoint, title, weights)
        left.append({name: value.clone() for name, value in self.weights().items()})

    monkeypatch.setattr(StackedDiffusion, "fit", fit)
    OnlineTrainer(job(steps=70, fine_tune_steps=tuned, **SYNTHER)).train()
    assert steps == [20, tuned or 20, tuned or 20]
    assert not begun[0]
    for before, after, last in zip(begun[1:], left[:-1], left[1:], strict=True):
        assert before.keys() == (after.keys() if tuned else set())
        assert all(torch.equal(before[name], after[name]) for name in before)
        assert torch.equal(after["frequencies"], last["frequencies"]) == (tuned > 0)
        assert not torch.equal(after["flat"], last["flat"])


def test_a_rate_of_nothing_leaves_the_weights_that_it_begins_with() -> None:
    small = {"width": 8, "depth": 1, "dim_t": 8, "steps": 30, "batch_size": 8}
    rows = torch.randn(2, 40, 7)
    first, then = (
        StackedDiffusion(DiffusionSettings(**small, learning_rate=rate), (2, 1))
        for rate in (1e-2, 1e-30)
    )
    first.fit(rows, [0, 1])
    then.fit(rows + 1, [2, 3], weights=first.weights())
    assert all(torch.equal(first.weights()[name], then.weights()[name]) for name in first.weights())


def test_drift_is_the_error_of_the_samples_that_were_drawn() -> None:
    trainer = OnlineTrainer(job(steps=45, **SYNTHER))
    trainer.train()
    assert [found["step"] for found in trainer.drift] == [20, 40]
    drawn = trainer.synthesiser.buffer.rows()
    for k in range(2):
        own, real = (
            Transitions.unpack(t[k].numpy(), 11, 3) for t in (drawn, trainer.replay.rows())
        )
        errors = mean_squared_errors(own, simulate("hopper", own), real[:40])
        found = trainer.drift[-1]
        assert found["mse"][k] == pytest.approx(np.nanmean(errors[0]), rel=1e-4)
        assert found["scaled_mse"][k] == pytest.approx(np.nanmean(errors[1]), rel=1e-4)


@pytest.mark.parametrize("changes", [{"task": "dmc-pendulum-swingup"}, {"n_step": 2}])
def test_there_is_none_where_the_simulator_has_no_answer(changes) -> None:
    trainer = OnlineTrainer(job(steps=45, **changes, **SYNTHER))
    trainer.train()
    assert trainer.drift == []
    assert trainer.synthesiser.refreshes == 2


def test_fewer_steps_than_none_are_refused() -> None:
    with pytest.raises(SyntherError, match="'fine_tune_steps' of sac is -1"):
        SACSettings(fine_tune_steps=-1)
