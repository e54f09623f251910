"""Prioritised generation: relevances by hand, guidance's arithmetic, and a shifted distribution."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from synther.errors import SyntherError
from synther.generators import Generator, make_generator
from synther.generators import relevance as relevances
from synther.generators.prioritised import Prioritised, PrioritisedSettings
from synther.generators.relevance import ranks, relevance
from synther.transitions import Transitions

TINY = {"width": 16, "depth": 1, "dim_t": 8, "steps": 20, "batch_size": 32, "sampling_steps": 4}


def walk(rewards, ends):
    """One state a step on a line; a trajectory ends where `ends` is 1."""
    n = len(rewards)
    s = np.arange(n, dtype=float)[:, None]
    return Transitions(s, np.zeros((n, 1)), np.array(rewards, float), s + 1, np.array(ends, float))


def test_relevances_by_hand():
    rows = walk([1, 2, 3, 4, 5], [0, 0, 1, 0, 0])
    np.testing.assert_array_equal(relevance(rows, "reward"), [1, 2, 3, 4, 5])
    np.testing.assert_array_equal(relevance(rows, "return"), [6, 6, 6, 9, 9])
    np.testing.assert_allclose(ranks(np.array([6, 6, 6, 9, 9])), [0.3, 0.3, 0.3, 0.8, 0.8])
    with pytest.raises(SyntherError, match="did you mean td_error"):
        relevance(rows, "tderror")


def test_td_errors_are_large_where_rewards_surprise(monkeypatch):
    monkeypatch.setattr(relevances, "VALUE_STEPS", 500)
    rng = np.random.default_rng(0)
    s = rng.normal(size=(600, 1))
    surprise = rng.random(600) < 0.05
    rows = Transitions(s, s, np.where(surprise, 10.0, 0.0), s, np.ones(600))
    errors = relevance(rows, "td_error")
    assert np.median(errors[surprise]) > 5 * np.quantile(errors[~surprise], 0.9)
    np.testing.assert_array_equal(errors, relevance(rows, "td_error"))


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(0)
    s = rng.normal(size=(300, 1))
    rows = Transitions(s, s, s[:, 0], s, np.zeros(300))
    settings = TINY | {"relevance": "reward"}
    return make_generator("prioritised", settings).fit(rows, progress=False)


def test_protocol_and_save(fitted, tmp_path):
    assert isinstance(fitted, Generator)
    fitted.save(tmp_path)
    again = Prioritised.load(tmp_path)
    np.testing.assert_array_equal(again.sample(9).packed(), fitted.sample(9).packed())
    assert again.settings.relevance == "reward"


def test_guidance_goes_along_the_line_between_told_and_untold(fitted):
    x, level, wanted = torch.randn(6, 5), torch.tensor([0.7]), torch.linspace(-1, 1, 6)
    answers = {}
    for w in (0.0, 1.0, 3.0):
        fitted.settings = PrioritisedSettings(**TINY, relevance="reward", guidance=w)
        answers[w] = fitted.guided(x, level, wanted)
    torch.testing.assert_close(answers[0.0], fitted.denoise(x, level))
    torch.testing.assert_close(answers[3.0] - answers[0.0], 3 * (answers[1.0] - answers[0.0]))
    assert not torch.allclose(answers[1.0], answers[0.0])


@pytest.mark.slow
def test_what_is_asked_for_is_what_is_sampled():
    rng = np.random.default_rng(1)
    s = rng.normal(size=(4000, 1))
    rows = Transitions(s, s, s[:, 0], s, np.zeros(4000))
    settings = {"width": 64, "depth": 2, "dim_t": 32, "steps": 1000, "batch_size": 256}
    settings |= {"learning_rate": 1e-3}
    settings |= {"sampling_steps": 16, "relevance": "reward", "guidance": 1.0, "top": 0.1}
    drawn = make_generator("prioritised", settings).fit(rows, seed=0, progress=False).sample(1000)
    # the mean of the top tenth of N(0, 1) is 1.755
    assert drawn.rewards.mean() == pytest.approx(1.755, abs=0.25)


def test_unfit_settings_are_refused():
    with pytest.raises(SyntherError, match="did you mean return"):
        PrioritisedSettings(relevance="returns")
    with pytest.raises(SyntherError, match="'top' of prioritised"):
        PrioritisedSettings(top=0.0)
