"""Rows of n steps made while environments step are those made of the whole recording."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from test_online import SYNTHER, job

from synther.agents.sac import SACSettings
from synther.datasets.subset import n_step
from synther.errors import SyntherError
from synther.jobs.checkpoint import Checkpoint
from synther.training.n_step import NStepRows
from synther.training.online import OnlineTrainer
from synther.training.replay import Replay
from synther.transitions import Transitions

K, GAMMA, LIMIT, STEPS = 3, 0.8, 8, 60


def recording() -> tuple[np.ndarray, np.ndarray]:
    """Steps (K, T, 2 d + a + 2) of seeds whose episodes end or are cut, and which are cut."""
    generator = np.random.default_rng(0)
    steps, cut = np.zeros((K, STEPS, 5)), np.zeros((K, STEPS), dtype=bool)
    for k in range(K):
        state, age = 0.0, 0
        for t in range(STEPS):
            age += 1
            ends = k < 2 and generator.random() < 0.15  # the last seed's episodes never end
            cut[k, t] = age == LIMIT and not ends
            steps[k, t] = [state, 0.5, generator.normal(), state + 1, ends]
            state, age = (1000.0 * (t + 1), 0) if ends or cut[k, t] else (state + 1, age)
    return steps, cut


@pytest.mark.parametrize("n", [2, 3, 5])
def test_they_are_the_rows_of_the_recording(n: int) -> None:
    steps, cut = recording()
    replay = Replay(K, STEPS, 1, 1, dtype=torch.float64, n_step=NStepRows(K, n, GAMMA, (1, 1)))
    for t in range(STEPS):
        if t == 31:  # another job goes on
            other = NStepRows(K, n, GAMMA, (1, 1))
            killed, replay = replay, Replay(K, STEPS, 1, 1, dtype=torch.float64, n_step=other)
            replay.restore(killed.snapshot())
        columns = (steps[:, t, 0:1], steps[:, t, 1:2], steps[:, t, 2], steps[:, t, 3:4])
        replay.add(*columns, steps[:, t, 4] > 0, cut[:, t])
    assert replay.size == STEPS - n + 1
    for k, rows in enumerate(replay.rows().numpy()):
        whole = n_step(Transitions.unpack(steps[k], 1, 1), n, GAMMA).packed()
        assert len(whole) > 20
        found, first = np.unique(rows, axis=0, return_index=True)
        order = np.argsort(first)
        np.testing.assert_allclose(found[order], whole[: len(found)], rtol=1e-5, atol=1e-6)
        assert len(whole) - len(found) < n  # what is whole and waits
        again = len(rows) - len(found)
        assert again <= (n - 1) * cut[k].sum()
        assert (again > 0) == bool(cut[k].any())


def test_agents_and_generators_learn_from_them(tmp_path: Path) -> None:
    """Both kinds of rows are bootstrapped with gamma^n, and a job that was cut goes on the same."""
    asked = job(n_step=3, steps=40, **SYNTHER)
    whole = OnlineTrainer(asked)
    rows = whole.train().table().to_pandas()
    assert whole.replay.size == 38
    places = {"real": torch.full((2, 8), 0.5), "synthetic": torch.full((2, 4), 0.5)}
    left = 1 - whole.learner.batch(places).terminals
    assert whole.learner.mixed
    assert set(left.unique().tolist()) <= {0.0, float(np.float32(0.99**2))}
    assert left.any()
    cut, file = OnlineTrainer(asked), Checkpoint(tmp_path / "cut.ckpt", {})
    for _ in range(17):
        cut.advance()
    file.save(cut.snapshot())
    again = OnlineTrainer(asked)
    pd.testing.assert_frame_equal(again.train(file).table().to_pandas(), rows)


def test_no_row_is_learned_from_before_there_is_one() -> None:
    with pytest.raises(SyntherError, match="'random_steps' of sac is 1; it must be 2 or more"):
        SACSettings(n_step=3, random_steps=1)
