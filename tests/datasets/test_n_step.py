"""Rows of n steps: what they hold, and that what is learned from them has the values of a step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from synther.agents.td3_bc import TD3BCSettings
from synther.cli import main
from synther.datasets.subset import mix, n_step, subset, trajectory_ids
from synther.errors import SyntherError
from synther.fidelity.measure import measure
from synther.generators import draw, make_generator
from synther.jobs.resumable import TransitionsWriter
from synther.training.offline import learning_table
from synther.transitions import ONE_STEP, Span, Transitions

GAMMA = 0.9
RING = 7
"""States of a chain that ends nowhere; one that ends has as many."""


def chain(lengths: list[int], is_ring: bool) -> Transitions:
    """Walks of so many steps over states 0, 1, ...; a step's reward is its state's, plus 1.

    On a ring they are cut by a time limit; else they end in a terminal after state 6.
    """
    states = np.concatenate([np.arange(length) % RING for length in lengths]).astype(float)
    following = states + 1
    terminals = np.zeros(len(states)) if is_ring else (following == RING).astype(float)
    following = following % RING if is_ring else following
    one = np.zeros((len(states), 1))
    return Transitions(states[:, None], one, states + 1, following[:, None], terminals)


def true_values(is_ring: bool) -> np.ndarray:
    """The discounted sums of rewards from every state, in closed form."""
    rewards = np.arange(RING) + 1.0
    powers = GAMMA ** np.arange(RING)
    if is_ring:
        sums = np.array([(powers * np.roll(rewards, -s)).sum() for s in range(RING)])
        return sums / (1 - GAMMA**RING)
    return np.array([(powers[: RING - s] * rewards[s:]).sum() for s in range(RING)])


@pytest.mark.parametrize("is_ring", [True, False])
@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_values_are_those_of_a_step(n: int, is_ring: bool) -> None:
    """Bootstrapped by the agents' own backup to its fixed point, every row has the true value."""
    data = chain([25, 18, 30], is_ring) if is_ring else chain([RING] * 4, is_ring)
    rows = data if n == 1 else n_step(data, n, GAMMA)
    settings = TD3BCSettings(normalise_states=False, discount=GAMMA)
    table, _ = learning_table(settings, rows, data, 100)
    batch = table.gather(torch.arange(len(rows))[None])
    value = torch.zeros(RING + 1)
    for _ in range(300):
        target = batch.bellman(GAMMA, value[batch.next_observations[..., 0].long()])
        value[batch.observations[..., 0].long()] = target
    np.testing.assert_allclose(value[:RING], true_values(is_ring), rtol=1e-5)


def test_rows_cut_by_a_time_limit_are_left_out_and_those_before_a_terminal_kept() -> None:
    cut = n_step(chain([10, 4], is_ring=True), 3, GAMMA)
    assert cut.observations[:, 0].tolist() == [*(s % RING for s in range(8)), 0, 1]
    assert cut.next_observations[:, 0].tolist() == [*((s + 3) % RING for s in range(8)), 3, 4]
    assert not cut.terminals.any()
    ended = n_step(chain([RING], is_ring=False), 3, GAMMA)
    assert ended.observations[:, 0].tolist() == list(range(RING))
    assert ended.next_observations[:, 0].tolist() == [3, 4, 5, 6, 7, 7, 7]
    assert ended.terminals.tolist() == [0, 0, 0, 0, 1, 1, 1]
    expected = [5 + 6 * GAMMA + 7 * GAMMA**2, 6 + 7 * GAMMA, 7]
    np.testing.assert_allclose(ended.rewards[-3:], expected, rtol=1e-6)


def test_what_they_span_goes_with_them(tmp_path: Path) -> None:
    rows, span = n_step(chain([60], is_ring=True), 3, GAMMA), Span(3, GAMMA)
    rows.save(tmp_path / "rows.npz", "hopper")
    for kept in (rows[:5], Transitions.concatenate([rows, rows]), subset(rows, 50)):
        assert kept.span == span
    assert Transitions.load(tmp_path / "rows.npz").span == span
    chain([9], is_ring=True).save(tmp_path / "plain.npz")
    assert Transitions.load(tmp_path / "plain.npz").span == ONE_STEP
    small = {"width": 8, "depth": 1, "dim_t": 8, "steps": 2, "batch_size": 8, "sampling_steps": 2}
    for name, settings in (("diffusion", small), ("noise", {})):
        model = make_generator(name, settings).fit(rows, progress=False)
        model.save(tmp_path / name)
        assert model.sample(4).span == draw(tmp_path / name, 4, 0, (1, 1)).span == span
    assert mix(rows, model.sample(40), 0.5).span == span
    with TransitionsWriter(tmp_path / "parts.npz") as writer:
        writer.append(model.sample(4))
    assert Transitions.load(tmp_path / "parts.npz").span == span


def test_no_step_of_the_simulator_is_held_against_several() -> None:
    states = np.cumsum(np.ones((30, 11)), axis=0)
    data = Transitions(states, np.zeros((30, 3)), np.ones(30), states + 1, np.zeros(30))
    rows = n_step(data, 3, GAMMA)
    assert "dynamics" not in measure(rows, rows, "hopper", 10).record
    assert "dynamics" in measure(data, data, "hopper", 10).record


def test_what_can_not_be_made_or_learned_from_is_refused() -> None:
    data = chain([30], is_ring=True)
    rows = n_step(data, 3, GAMMA)
    with pytest.raises(SyntherError, match=r"1 steps \(discount 0.9\) a row"):
        n_step(data, 1, GAMMA)
    with pytest.raises(SyntherError, match="no trajectory of the 30 rows has 31 steps"):
        n_step(data, 31, GAMMA)
    with pytest.raises(SyntherError, match="have no trajectories"):
        trajectory_ids(rows)
    with pytest.raises(SyntherError, match="can't be one set"):
        Transitions.concatenate([rows, data])
    for changes in ({"discount": 0.99}, {"reward_shift": -1.0}, {"scale_rewards": True}):
        settings = TD3BCSettings(**{"discount": GAMMA} | changes)
        with pytest.raises(SyntherError, match=r"rows of 3 steps \(discount 0.9\)"):
            learning_table(settings, rows, rows, 100)


def test_the_command_makes_them(tmp_path: Path) -> None:
    data, out = tmp_path / "hopper-rows.npz", tmp_path / "3step.npz"
    chain([30], is_ring=True).save(data)
    assert main(["subset", "--data", str(data), "--n-step", "3", "--out", str(out)]) == 0
    made = Transitions.load(out)
    assert (len(made), made.span) == (28, Span(3, 0.99))
