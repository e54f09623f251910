"""Training in Python: as the command line trains, without files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from synther import SyntherError, Transitions, make_agent, make_env
from synther.training.direct import evaluate, learn
from synther.training.offline import OfflineJob, train_offline

SMALL = {"hidden": (16, 16), "batch_size": 32, "eval_episodes": 2, "eval_every": 30}


@pytest.fixture(scope="module")
def data() -> Transitions:
    rng = np.random.default_rng(0)
    s, following = rng.normal(size=(2, 300, 11))
    terminals = np.arange(300) % 50 == 49
    return Transitions(s, rng.uniform(-1, 1, (300, 3)), rng.normal(size=300), following, terminals)


@pytest.mark.parametrize("name", ["td3_bc", "iql"])
def test_it_learns_what_the_command_line_learns(
    name: str, data: Transitions, tmp_path: Path
) -> None:
    samples = data[::2]
    agent = make_agent(name, 11, 3, seeds=(0, 5), scale_rewards=True, steps=30, **SMALL)
    standardiser = learn(agent, samples, statistics=data, time_limit=40, progress=False)
    assert agent.updates == 30
    env = make_env("hopper", num_envs=4, threads=1)
    env.time_limit = 40
    found = evaluate(agent, env, standardiser)

    data.save(tmp_path / "data.npz")
    samples.save(tmp_path / "samples.npz")
    job = OfflineJob(
        task="hopper",
        data=tmp_path / "samples.npz",
        statistics_from=tmp_path / "data.npz",
        agent=name,
        module=type(agent).__module__,
        settings=agent.settings,
        seeds=(0, 5),
        out=tmp_path / "result.parquet",
        reference=(0.0, 100.0),
        time_limit=40,
    )
    rows = train_offline(job).table().to_pandas()
    np.testing.assert_array_equal(found.returns.reshape(-1), rows["return"])
    np.testing.assert_array_equal(found.lengths.reshape(-1), rows["length"])


def test_seeds_and_settings(data: Transitions) -> None:
    def trained(seeds: tuple[int, ...]) -> torch.Tensor:
        agent = make_agent("td3_bc", 11, 3, seeds=seeds, **SMALL)
        standardiser = learn(agent, data, updates=20, progress=False)
        seen = torch.as_tensor(standardiser(data.observations[:7]), dtype=torch.float32)
        return agent.act(seen.expand(len(seeds), -1, -1)).detach()

    pair, alone = trained((3, 4)), trained((4,))
    torch.testing.assert_close(pair[1], alone[0], rtol=1e-4, atol=1e-5)
    assert not torch.allclose(pair[0], pair[1], atol=1e-2)
    agent = make_agent("iql", 11, 3, dataset="hopper-medium-expert-v2")
    assert agent.settings.expectile == 0.5  # config/agents.yaml's for that dataset
    assert make_agent("iql", 11, 3, expectile=0.8).settings.expectile == 0.8
    assert make_agent("sac", 11, 3, seeds=(1, 2)).act(torch.zeros(2, 5, 11)).shape == (2, 5, 3)


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("td3bc", {}, "did you mean td3_bc"),
        ("td3_bc", {"alhpa": 1.0}, "did you mean alpha"),
        ("td3_bc", {"dataset": "hopper-medum-v2"}, "did you mean hopper-medium-v2"),
        ("td3_bc", {"seeds": ()}, "needs a seed"),
        ("drq_bc", {}, "sees pixels"),
    ],
)
def test_agents_that_are_not_made(name: str, given: dict, words: str) -> None:
    with pytest.raises(SyntherError, match=words):
        make_agent(name, 11, 3, **given)


def test_what_does_not_learn(data: Transitions) -> None:
    with pytest.raises(SyntherError, match="learns online"):
        learn(make_agent("sac", 11, 3), data)
    with pytest.raises(SyntherError, match="widths 11 and 3 for an agent of 17 and 6"):
        learn(make_agent("td3_bc", 17, 6), data)
    wild = Transitions(
        data.observations, data.actions, data.rewards * 1e30, data.observations, 0 * data.terminals
    )
    with pytest.raises(SyntherError, match="NaN or infinite by update 40"):
        learn(make_agent("td3_bc", 11, 3, **SMALL), wild, updates=40, progress=False)


def test_rewards_are_scaled_by_the_tasks_own_episodes(data: Transitions) -> None:
    agent = make_agent("iql", 11, 3, seeds=(0,), scale_rewards=True, **SMALL)
    with pytest.raises(SyntherError, match="give learn the task's time_limit"):
        learn(agent, data, updates=2, progress=False)
    assert agent.updates == 0
