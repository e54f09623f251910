"""The model of the dynamics, held against a linear system whose mean and noise are known."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from synther.config import load
from synther.config.settings import resolve
from synther.errors import SyntherError
from synther.generators import Generator, change_sampling, make_generator
from synther.generators.dynamics import Dynamics
from synther.generators.members import BOUNDS, DynamicsSettings, DynamicsTrainer, Members
from synther.jobs.checkpoint import Checkpoint
from synther.transitions import Transitions

TINY = {"members": 3, "elites": 2, "width": 8, "depth": 1, "steps": 40, "batch_size": 16}
STEP = np.array([[0.9, 0.1], [-0.1, 0.9]])
PUSH = np.array([[1.0, -0.6]])
NOISE = np.array([0.2, 0.1, 0.3])  # of r and s'


def linear(n: int, seed: int = 0) -> Transitions:
    """s' = s A + a B and r = s_0, all with noise; a = 0.5 s_0 cut to [-1, 1], with noise of 0.2."""
    rng = np.random.default_rng(seed)
    s = rng.normal(size=(n, 2))
    a = (0.5 * s[:, :1] + 0.2 * rng.normal(size=(n, 1))).clip(-1, 1)
    noise = NOISE * rng.normal(size=(n, 3))
    following = s @ STEP + a @ PUSH + noise[:, 1:]
    return Transitions(s, a, s[:, 0] + noise[:, 0], following, rng.random(n) < 0.1)


@pytest.fixture(scope="module")
def fitted() -> Dynamics:
    settings = TINY | {"width": 32, "depth": 2, "steps": 500, "batch_size": 128}
    model = make_generator("dynamics", settings | {"evaluate_every": 100})
    return model.fit(linear(4000), seed=1, progress=False)


@pytest.fixture(scope="module")
def tiny() -> Dynamics:
    return make_generator("dynamics", TINY).fit(linear(60), seed=1, progress=False)


def test_means_and_standard_deviations_are_those_of_the_system(fitted: Dynamics) -> None:
    s = torch.tensor([[0.0, 0.0], [1.0, -1.0], [-0.5, 0.5]])
    a = torch.tensor([[0.0], [0.5], [-0.2]])
    mean, std, terminal = fitted.predict(s, a)
    change = s.numpy() @ (STEP - np.eye(2)) + a.numpy() @ PUSH
    exact = np.concatenate([s.numpy()[:, :1], change], axis=1)
    for member in range(3):
        np.testing.assert_allclose(mean[member], exact, atol=0.12)
        np.testing.assert_allclose(std[member], np.broadcast_to(NOISE, (3, 3)), rtol=0.25)
    np.testing.assert_allclose(terminal, 0.1, atol=0.06)


def test_rollouts_are_of_the_system_and_act_as_the_data(fitted: Dynamics) -> None:
    fitted.settings = dataclasses.replace(fitted.settings, penalty=0.0)
    made = fitted.sample(8000, seed=2)
    s, a = made.observations.astype(float), made.actions.astype(float)
    missed = made.next_observations - s @ STEP - a @ PUSH
    np.testing.assert_allclose(missed.std(axis=0), NOISE[1:], rtol=0.15)
    np.testing.assert_allclose((made.rewards - s[:, 0]).std(), NOISE[0], rtol=0.15)
    imitated = a[:, 0] - (0.5 * s[:, 0]).clip(-1, 1)
    assert abs(imitated.mean()) < 0.05
    assert imitated.std() == pytest.approx(0.2, abs=0.05)
    assert np.abs(a).max() <= 1 + 1e-6
    assert made.terminals.mean() == pytest.approx(0.1, abs=0.02)


@pytest.mark.parametrize("kind", ["std", "disagreement"])
def test_what_is_uncertain_costs_reward_and_lies_away_from_the_data(
    fitted: Dynamics, kind: str
) -> None:
    fitted.settings = dataclasses.replace(fitted.settings, uncertainty=kind, penalty=0.0)
    s = torch.tensor([[0.0, 0.0], [6.0, 6.0], [-6.0, 6.0]])
    on, *off = fitted.uncertainty(*fitted.predict(s, torch.zeros(3, 1))[:2]).tolist()
    assert min(off) > 1.2 * on
    free = fitted.sample(400, seed=3)
    fitted.settings = dataclasses.replace(fitted.settings, penalty=2.0)
    paid = fitted.sample(400, seed=3)
    np.testing.assert_array_equal(paid.next_observations, free.next_observations)
    states, actions = (torch.tensor(x) for x in (free.observations, free.actions))
    u = fitted.uncertainty(*fitted.predict(states, actions)[:2]).numpy()
    np.testing.assert_allclose(free.rewards - paid.rewards, 2 * u, rtol=1e-3, atol=1e-5)


def test_uncertainty_by_hand(tiny: Dynamics) -> None:
    std = torch.tensor([[[3.0, 4.0, 0.0]], [[0.0, 0.0, 1.0]]])
    assert tiny.uncertainty(torch.zeros(2, 1, 3), std).tolist() == [5.0]
    change_sampling(tiny, {"uncertainty": "disagreement"})
    mean = torch.tensor([[[9.0, 6.0, 8.0]], [[0.0, 0.0, 0.0]]])  # the reward's does not count
    assert tiny.uncertainty(mean, std).tolist() == [5.0]
    change_sampling(tiny, {"uncertainty": "std"})


def test_a_rollout_goes_on_from_where_it_was_and_stops_at_its_terminal(tiny: Dynamics) -> None:
    change_sampling(tiny, {"horizon": 4})
    made = tiny.sample(400, seed=5)
    s, following, over = (
        array.reshape(4, 100, *array.shape[1:])
        for array in (made.observations, made.next_observations, made.terminals.astype(bool))
    )
    going = ~over[:-1]
    np.testing.assert_array_equal(s[1:][going], following[:-1][going])
    assert over[:-1].any()
    starts = {tuple(row) for row in tiny.starts.numpy()}
    assert {tuple(row) for row in s[0]} <= starts
    assert {tuple(row) for row in s[1:][over[:-1]]} <= starts
    change_sampling(tiny, {"horizon": 5})


def test_it_may_start_elsewhere(tmp_path: Path) -> None:
    model = make_generator("dynamics", TINY).fit(linear(60), progress=False, horizon=1)
    elsewhere = linear(30, seed=9)
    model.start_from(elsewhere)
    there = {tuple(row) for row in elsewhere.observations}
    assert {tuple(row) for row in model.sample(200).observations} <= there
    narrow, flat = np.zeros((5, 1)), np.zeros(5)
    with pytest.raises(SyntherError, match=r"the states have 1 dimensions, .* fitted to 2"):
        model.start_from(Transitions(narrow, narrow, flat, narrow, flat))


def test_protocol_seeds_and_parts(tiny: Dynamics) -> None:
    assert isinstance(tiny, Generator)
    assert tiny.num_parameters == 3 * (
        (3 * 8 + 8 + 8 * 7 + 7) + (2 * 8 + 8 + 8 * 2 + 2) + 2 * (3 + 1)
    )
    one, other = tiny.sample(50, seed=3), tiny.sample(50, seed=4)
    np.testing.assert_array_equal(one.packed(), tiny.sample(50, seed=3).packed())
    assert not np.array_equal(one.packed(), other.packed())
    again = make_generator("dynamics", TINY).fit(linear(60), seed=1, progress=False)
    np.testing.assert_array_equal(again.sample(50, seed=3).packed(), one.packed())
    parts = list(tiny.sample_chunks(25, seed=5, chunk=10))
    assert [len(part) for part in parts] == [10, 10, 5]
    (last,) = tiny.sample_chunks(25, seed=5, chunk=10, first=2)
    np.testing.assert_array_equal(last.packed(), parts[2].packed())


def test_global_random_state_is_left_alone() -> None:
    before = torch.get_rng_state()
    make_generator("dynamics", TINY).fit(linear(60), progress=False, steps=2).sample(3)
    assert torch.equal(before, torch.get_rng_state())


def test_save_and_load(tiny: Dynamics, tmp_path: Path) -> None:
    tiny.save(tmp_path)
    loaded = Dynamics.load(tmp_path)
    assert loaded.settings == tiny.settings
    np.testing.assert_array_equal(loaded.sample(40).packed(), tiny.sample(40).packed())
    (tmp_path / "model.pt").write_bytes((tmp_path / "model.pt").read_bytes()[:900])
    with pytest.raises(SyntherError, match=r"model\.pt is damaged"):
        Dynamics.load(tmp_path)
    with pytest.raises(SyntherError, match="fit and save a model of the dynamics there first"):
        Dynamics.load(tmp_path / "nowhere")


class Killed(Checkpoint):
    """Saves after every 15 steps, and kills the job at the second save."""

    kill = True

    def __init__(self, path: Path) -> None:
        super().__init__(path, {"seed": 1})
        self.asked = self.saves = 0

    def due(self) -> bool:
        self.asked += 1
        return self.asked % 15 == 0

    def save(self, state: dict) -> None:
        super().save(state)
        self.saves += 1
        if self.kill and self.saves == 2:
            raise KeyboardInterrupt


def test_an_interrupted_fit_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    settings = TINY | {"evaluate_every": 10, "learning_rate": 0.05}  # so that weights get worse
    straight = make_generator("dynamics", settings).fit(linear(60), seed=1, progress=False)
    checkpoint = Killed(tmp_path / "fit.ckpt")
    model = make_generator("dynamics", settings)
    with pytest.raises(KeyboardInterrupt):
        model.fit(linear(60), seed=1, progress=False, checkpoint=checkpoint)
    checkpoint.kill = False
    model.fit(linear(60), seed=1, progress=False, checkpoint=checkpoint)
    assert checkpoint.asked == 40  # 30 before, 10 after
    np.testing.assert_array_equal(model.sample(30).packed(), straight.sample(30).packed())


def test_the_best_weights_of_each_member_are_kept() -> None:
    rows, settings = torch.randn(100, 7), DynamicsSettings(**TINY | {"evaluate_every": 1})
    rows[:, -1] = 0.0
    trainer = DynamicsTrainer(rows, (2, 1), settings, seed=0)
    held_out, seen = trainer.ema._rows, []
    for _ in range(15):
        trainer.step()
        with torch.no_grad():
            seen.append((trainer.network.losses(held_out), trainer.network.flat.detach().clone()))
    losses = torch.stack([loss for loss, _ in seen])
    for member, step in enumerate(losses.argmin(dim=0).tolist()):
        assert trainer.ema.losses[member] == losses[step, member]
        assert torch.equal(trainer.ema.average[member], seen[step][1][member])


def test_members_learn_from_bootstraps_without_what_is_held_out() -> None:
    rows = torch.arange(100.0)[:, None].repeat(1, 7) / 100
    trainer = DynamicsTrainer(rows, (2, 1), DynamicsSettings(**TINY), seed=0)
    held_out = set(trainer.ema._rows[0, :, 0].tolist())
    drawn = rows[trainer._drawn, 0]
    assert len(held_out) == 20
    assert not held_out & set(drawn.flatten().tolist())
    assert len({tuple(sorted(member)) for member in drawn.tolist()}) == 3
    assert all(len(set(member)) < 70 for member in drawn.tolist())  # 63% of 80 are expected


def test_log_variances_stay_within_soft_bounds() -> None:
    network = Members((2, 1), DynamicsSettings(**TINY))
    with torch.no_grad():
        _, log_variance, _ = network.dynamics(1e6 * torch.randn(1, 50, 3))
    assert log_variance.max() <= BOUNDS[0] + 1e-3
    assert log_variance.min() >= BOUNDS[1] - 1e-3


def test_losses_are_the_likelihood() -> None:
    network, rows = Members((2, 1), DynamicsSettings(**TINY)), torch.randn(3, 20, 7)
    rows[..., -1] = (rows[..., -1] > 0).float()
    mean, log_variance, logit = network.dynamics(rows[..., :3])
    action, spread = network.policy(rows[..., :2])

    def negative(mean: torch.Tensor, log_variance: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        normal = torch.distributions.Normal(mean, (log_variance / 2).exp())
        return -2 * normal.log_prob(x).mean(dim=(1, 2)) - np.log(2 * np.pi)

    flags = torch.distributions.Bernoulli(logits=logit).log_prob(rows[..., -1:]).mean(dim=(1, 2))
    expected = negative(mean, log_variance, rows[..., 3:6]) - flags
    expected += negative(action, spread, rows[..., 2:3])
    torch.testing.assert_close(network.losses(rows), expected)


def test_constant_columns_are_harmless() -> None:
    still = Transitions(
        np.ones((20, 2)), np.zeros((20, 1)), np.full(20, 7), np.ones((20, 2)), np.zeros(20)
    )
    made = make_generator("dynamics", TINY).fit(still, progress=False, penalty=0.0).sample(40)
    np.testing.assert_allclose(made.rewards, 7, atol=1e-3)
    np.testing.assert_allclose(made.next_observations, 1, atol=1e-3)
    np.testing.assert_allclose(made.actions, 0, atol=1e-4)


def test_what_is_unfit_is_refused() -> None:
    for wrong, says in (
        ({"members": 0}, "'members' of dynamics is 0; it must be at least 1"),
        ({"penalty": -1.0}, r"'penalty' of dynamics is -1\.0; it must be at least 0"),
        ({"elites": 8}, "8 elites of 7 members"),
        ({"uncertainty": "sdt"}, "did you mean std"),
    ):
        with pytest.raises(SyntherError, match=says):
            DynamicsSettings(**wrong)
    model = make_generator("dynamics", TINY)
    with pytest.raises(SyntherError, match="this model of the dynamics is not fitted"):
        model.sample(3)
    with pytest.raises(SyntherError, match="9 transitions are too few"):
        model.fit(linear(9), progress=False)
    with pytest.raises(SyntherError, match=r"model of the dynamics is (nan|inf) at step \d+"):
        model.fit(linear(60), progress=False, learning_rate=1e30)


def test_configured_settings_are_complete_and_the_defaults() -> None:
    settings = load("sources")["sources"]["dynamics"]["settings"]
    assert set(settings) == {field.name for field in dataclasses.fields(DynamicsSettings)}
    assert resolve(DynamicsSettings, settings, where="sources.yaml") == DynamicsSettings()
