"""The offline loop: data, statistics, evaluation rows, resuming, and what it says when it fails."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch

from synther.agents.base import Agent
from synther.agents.td3_bc import TD3BCSettings
from synther.datasets.collect import collect
from synther.datasets.d4rl import load_transitions
from synther.envs import make_env
from synther.errors import SyntherError
from synther.jobs import checkpoint
from synther.training.evaluate import Standardiser, episode_seeds, evaluate
from synther.training.job import parse_seeds
from synther.training.offline import (
    OfflineJob,
    OfflineTrainer,
    TransitionTable,
    return_range,
    state_statistics,
    train_offline,
)
from synther.training.updates import GraphedUpdates
from synther.transitions import Transitions

TINY = TD3BCSettings(steps=24, eval_every=10, eval_episodes=3, hidden=(16, 16), batch_size=32)


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """A small re-collected hopper dataset."""
    path = tmp_path_factory.mktemp("data") / "hopper.hdf5"
    collect("hopper", "random", 600, path, threads=1)
    return path


@pytest.fixture
def job(real, tmp_path):
    return OfflineJob(
        task="hopper",
        data=real,
        statistics_from=real,
        agent="td3_bc",
        module="synther.agents.td3_bc",
        settings=TINY,
        seeds=(0, 1),
        out=tmp_path / "out.parquet",
        reference=(-20.0, 3200.0),
        time_limit=1000,
        preset="test",
        dataset="hopper-random-local",
        source="real",
    )


def trainer_of(job):
    return OfflineTrainer(
        job, load_transitions(job.data, 1000), load_transitions(job.statistics_from, 1000)
    )


# --- data -------------------------------------------------------------------------------------


def test_gather_returns_the_rows_asked_for(real):
    data = load_transitions(real, 1000)
    statistics = state_statistics(data)
    table = TransitionTable(data, statistics, reward_shift=-1.0, device="cpu")
    indices = torch.tensor([[0, 5, 5], [len(data) - 1, 3, 7]])
    batch = table.gather(indices)
    rows = data[indices.numpy().reshape(-1)]

    def close(found, expected):
        found = found.reshape(6, -1).squeeze(-1).numpy()
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)

    assert len(table) == len(data)
    close(batch.observations, statistics(rows.observations))
    close(batch.next_observations, statistics(rows.next_observations))
    close(batch.actions, rows.actions)
    close(batch.rewards, rows.rewards - 1.0)
    close(batch.terminals, rows.terminals)


def test_state_statistics_are_mean_and_std_plus_a_thousandth():
    observations = np.array([[0.0, 5.0], [4.0, 5.0]])
    zeros = np.zeros((2, 1))
    data = Transitions(observations, zeros, zeros[:, 0], observations, zeros[:, 0])
    found = state_statistics(data)
    np.testing.assert_allclose(found.mean, [2.0, 5.0])
    np.testing.assert_allclose(found.std, [2.001, 0.001])


def test_statistics_come_from_the_real_dataset(job, tmp_path):
    real = load_transitions(job.data, 1000)
    synthetic = dataclasses.replace(real, observations=3.0 * real.observations + 7.0)
    synthetic.save(tmp_path / "samples.npz")
    trainer = trainer_of(dataclasses.replace(job, data=tmp_path / "samples.npz"))
    expected = state_statistics(real)
    np.testing.assert_array_equal(trainer.standardiser.mean, expected.mean)
    np.testing.assert_array_equal(trainer.standardiser.std, expected.std)
    batch = trainer.table.gather(torch.arange(len(real))[None])
    found = batch.observations[0].numpy()
    np.testing.assert_allclose(found, expected(synthetic.observations), rtol=1e-4, atol=1e-3)


def test_states_stay_as_they_are_where_normalisation_is_off(job):
    settings = dataclasses.replace(TINY, normalise_states=False)
    trainer = trainer_of(dataclasses.replace(job, settings=settings))
    batch = trainer.table.gather(torch.arange(5)[None])
    np.testing.assert_array_equal(
        batch.observations[0].numpy(), load_transitions(job.data, 1000).observations[:5]
    )


def plain_return_range(rewards, terminals, time_limit):
    """Row after row; what is open at the end does not count."""
    returns, total, length = [], 0.0, 0
    for reward, terminal in zip(rewards, terminals, strict=True):
        total, length = total + reward, length + 1
        if terminal or length == time_limit:
            returns.append(total)
            total, length = 0.0, 0
    return min(returns), max(returns)


def with_rewards(rewards, terminals):
    n = len(rewards)
    return Transitions(np.zeros((n, 1)), np.zeros((n, 1)), rewards, np.zeros((n, 1)), terminals)


@pytest.mark.parametrize("terminal_share", [0.0, 0.02, 0.3])
@pytest.mark.parametrize("time_limit", [1, 7, 20])
def test_return_range_counts_windows_as_the_released_code(terminal_share, time_limit):
    for seed in range(5):
        rng = np.random.default_rng(seed)
        n = int(rng.integers(60, 200))
        terminals = rng.random(n) < terminal_share
        data = with_rewards(rng.normal(size=n), terminals)
        found = return_range(data, time_limit)
        expected = plain_return_range(data.rewards.astype(np.float64), terminals, time_limit)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)


def test_return_range_ends_exactly_at_the_last_row():
    data = with_rewards(np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.0, 0.0, 0.0, 1.0]))
    assert return_range(data, 2) == (3.0, 7.0)
    assert return_range(data, 3) == (4.0, 6.0)


@pytest.mark.parametrize(("rewards", "time_limit"), [(np.ones(10), 2), (np.arange(5.0), 9)])
def test_a_dataset_without_a_range_of_returns_is_refused(rewards, time_limit):
    with pytest.raises(SyntherError, match="set scale_rewards to false"):
        return_range(with_rewards(rewards, np.zeros(len(rewards))), time_limit)


def test_rewards_are_scaled_by_the_real_datasets_returns(job, tmp_path):
    real = load_transitions(job.data, 1000)
    synthetic = dataclasses.replace(real, rewards=5.0 * real.rewards)
    synthetic.save(tmp_path / "samples.npz")
    settings = dataclasses.replace(TINY, scale_rewards=True, reward_shift=-1.0)
    job = dataclasses.replace(job, data=tmp_path / "samples.npz", settings=settings)
    low, high = return_range(real, 1000)
    rewards = trainer_of(job).table.gather(torch.arange(len(real))[None]).rewards[0]
    expected = (synthetic.rewards - 1.0) * 1000.0 / (high - low)
    np.testing.assert_allclose(rewards.numpy(), expected, rtol=1e-5, atol=1e-4)


# --- evaluation -------------------------------------------------------------------------------


class Linear(Agent):
    """A fixed policy tanh(s W), another W a seed."""

    Settings = TD3BCSettings
    title = "linear"

    def __init__(self, seeds):
        super().__init__(11, 3, seeds, TINY)
        generator = torch.Generator().manual_seed(0)
        matrices = torch.randn(len(seeds), 11, 3, generator=generator, dtype=torch.float64)
        self.matrices = torch.nn.Parameter(matrices)

    def update(self, batch, noise):
        raise NotImplementedError

    def act(self, observations):
        return torch.tanh(observations @ self.matrices)


def test_evaluation_equals_one_environment_at_a_time():
    seeds, episodes = [3, 1], 4
    agent = Linear(seeds)
    rng = np.random.default_rng(0)
    standardiser = Standardiser(rng.normal(size=11), 0.5 + rng.random(11))
    found = evaluate(agent, make_env("hopper", len(seeds) * episodes, threads=1), standardiser)
    env = make_env("hopper", 1, threads=1)
    for k, seed in enumerate(seeds):
        matrix = agent.matrices[k].detach().numpy()
        for episode, start in enumerate(episode_seeds(seed, episodes)):
            state, total, length, done = env.reset([start])[0], 0.0, 0, False
            while not done:
                action = np.tanh((state - standardiser.mean) / standardiser.std @ matrix)
                states, rewards, terminated, truncated = env.step(action[None])
                state, done = states[0], bool(terminated[0] or truncated[0])
                total, length = total + rewards[0], length + 1
            assert found.lengths[k, episode] == length
            np.testing.assert_allclose(found.returns[k, episode], total, rtol=1e-9)
    assert len(np.unique(found.returns)) == found.returns.size  # all starts differ


@pytest.mark.parametrize("episodes", [1, 2, 5])
def test_steps_beside_the_policy_change_nothing(episodes):
    standardiser = Standardiser(np.zeros(11), np.ones(11))
    alone, beside = (
        evaluate(Linear([0, 4]), make_env("hopper", 2 * episodes, threads=threads), standardiser)
        for threads in (1, 3)
    )
    np.testing.assert_array_equal(alone.returns, beside.returns)
    np.testing.assert_array_equal(alone.lengths, beside.lengths)


def test_an_error_of_a_step_beside_is_raised(monkeypatch):
    env = make_env("hopper", 4, threads=2)
    monkeypatch.setattr(env, "_advance", lambda rows, actions: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        evaluate(Linear([0]), env, Standardiser(np.zeros(11), np.ones(11)))


def test_an_episode_stops_counting_at_its_end_and_at_the_time_limit():
    env = make_env("hopper", 6, threads=1)
    env.time_limit = 9
    found = evaluate(Linear([0, 1]), env, Standardiser(np.zeros(11), np.ones(11)))
    assert found.lengths.max() == 9
    assert (found.returns <= 9 * 10).all()


def test_episode_seeds_are_a_seeds_own_and_stay_the_same():
    assert np.array_equal(episode_seeds(3, 5), episode_seeds(3, 5))
    assert np.array_equal(episode_seeds(3, 5)[:2], episode_seeds(3, 2))
    assert len(np.unique(np.concatenate([episode_seeds(s, 100) for s in range(20)]))) == 2000


def test_a_diverged_simulation_is_told(monkeypatch):
    env = make_env("hopper", 2, threads=1)
    monkeypatch.setattr(env.task, "observe", lambda qpos, *rest: np.full((len(qpos), 11), np.nan))
    monkeypatch.setattr(
        env.task, "terminated", lambda states: np.zeros(len(states.qpos), dtype=bool)
    )
    with pytest.raises(SyntherError, match="simulation diverged"):
        evaluate(Linear([0]), env, Standardiser(np.zeros(11), np.ones(11)))


# --- the job ----------------------------------------------------------------------------------


def test_rows(job):
    rows = train_offline(job).table().to_pandas()
    pd.testing.assert_frame_equal(rows, pd.read_parquet(job.out))
    labels = ["preset", "dataset", "source", "agent"]
    measured = ["seed", "step", "episode", "return", "length", "score"]
    assert list(rows.columns) == labels + measured
    assert set(rows[labels].itertuples(index=False, name=None)) == {
        ("test", "hopper-random-local", "real", "td3_bc")
    }
    assert list(rows["step"].unique()) == [10, 20, 24]  # every 10 updates, and the last
    assert (rows.groupby(["seed", "step"]).size() == 3).all()
    assert list(rows["episode"][:6]) == [0, 1, 2, 0, 1, 2]
    np.testing.assert_allclose(rows["score"], 100 * (rows["return"] + 20.0) / 3220.0)
    assert job.out.with_suffix(".json").exists()
    assert not job.out.with_suffix(".ckpt").exists()


def test_same_seeds_same_bytes(job, tmp_path):
    train_offline(job)
    again = dataclasses.replace(job, out=tmp_path / "again.parquet")
    train_offline(again)
    assert job.out.read_bytes() == again.out.read_bytes()


class KilledError(Exception):
    pass


def train_and_kill(job, killed_at, monkeypatch):
    """Train a job, which saves whenever it can, until so many updates are done."""
    update = GraphedUpdates.__call__

    def killed(self, draws):
        if self._agent.updates == killed_at:
            raise KilledError
        return update(self, draws)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "INTERVAL_S", 0.0)
        patch.setattr(GraphedUpdates, "__call__", killed)
        with pytest.raises(KilledError):
            train_offline(job)


@pytest.mark.parametrize("killed_at", [7, 10, 23])
def test_a_killed_job_goes_on_to_the_same_bytes(job, tmp_path, monkeypatch, killed_at):
    whole = dataclasses.replace(job, out=tmp_path / "whole.parquet")
    train_offline(whole)
    train_and_kill(job, killed_at, monkeypatch)
    assert not job.out.exists()
    assert job.out.with_suffix(".ckpt").exists()

    counts, update = [], GraphedUpdates.__call__
    monkeypatch.setattr(
        GraphedUpdates, "__call__", lambda self, draws: counts.append(0) or update(self, draws)
    )
    train_offline(job)
    assert len(counts) == TINY.steps - killed_at
    assert job.out.read_bytes() == whole.out.read_bytes()
    assert not job.out.with_suffix(".ckpt").exists()


def test_a_checkpoint_of_other_settings_is_refused(job, monkeypatch):
    def killed(self, batch, noise):
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "INTERVAL_S", 0.0)
        patch.setattr(OfflineTrainer, "_evaluate", lambda self: killed(self, None, None))
        with pytest.raises(KilledError):
            train_offline(job)
    other = dataclasses.replace(job, settings=dataclasses.replace(TINY, alpha=1.0))
    with pytest.raises(SyntherError, match="other settings"):
        train_offline(other)


def test_a_loss_that_is_not_a_number_ends_the_job(job):
    words = {24: r"critic_loss.* of td3_bc .* by update 24\b", 10: "action .* after 10 updates"}
    for eval_every, expected in words.items():
        settings = dataclasses.replace(TINY, eval_every=eval_every)
        trainer = trainer_of(dataclasses.replace(job, settings=settings))
        trainer.table._table[:, 11 + 3] = float("nan")  # rewards
        with pytest.raises(SyntherError, match=expected):
            trainer.train()


def test_data_of_another_task_is_refused(job):
    with pytest.raises(SyntherError, match="11 observation and 3 action dimensions"):
        trainer_of(dataclasses.replace(job, task="walker2d"))


def test_a_seed_of_a_block_gives_the_rows_that_it_gives_alone(job, tmp_path):
    """Batched products of another size round differently in float32, by about 1e-7; Adam's first
    steps can raise that to 1e-5 in an action, and a fall of 20 steps to 1e-3 in a return."""
    block = train_offline(job).table().to_pandas()
    alone = (
        train_offline(dataclasses.replace(job, seeds=(1,), out=tmp_path / "alone.parquet"))
        .table()
        .to_pandas()
    )
    shared = block[block["seed"] == 1].reset_index(drop=True)
    exact = ["preset", "dataset", "source", "agent", "seed", "step", "episode", "length"]
    pd.testing.assert_frame_equal(shared[exact], alone[exact])
    np.testing.assert_allclose(shared["return"], alone["return"], rtol=1e-3)


# --- names ------------------------------------------------------------------------------------


def test_parse_seeds():
    assert parse_seeds("0-3") == (0, 1, 2, 3)
    assert parse_seeds("5") == (5,)
    assert parse_seeds("0,2,5-6") == (0, 2, 5, 6)
    for wrong in ("", "a", "1,1", "3-1", "0-2,1"):
        with pytest.raises(SyntherError):
            parse_seeds(wrong)


def test_evaluation_beside_training_measures_the_same(job):
    data = load_transitions(job.data, 1000)
    alone, beside = (OfflineTrainer(job, data, data, overlap=overlap) for overlap in (False, True))
    pd.testing.assert_frame_equal(
        alone.train().table().to_pandas(), beside.train().table().to_pandas()
    )


def test_what_fails_beside_training_fails_the_job(job, monkeypatch):
    data = load_transitions(job.data, 1000)
    trainer = OfflineTrainer(job, data, data, overlap=True)

    def diverge(actions, active=None):
        raise SyntherError("the simulation diverged")

    monkeypatch.setattr(trainer.env, "step", diverge)
    with pytest.raises(SyntherError, match="diverged"):
        trainer.train()
