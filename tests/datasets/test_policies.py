"""Behaviour policies: read, refused, and sampled as their formulas say."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from random_policies import random_policy
from scipy import stats

from synther import SyntherError
from synther.datasets.policies import (
    PACKAGED,
    Policy,
    load_policies,
    load_policy,
    policy_files,
    recorded_returns,
)


def make(tmp_path: Path, nonlinearity: str, distribution: str) -> Policy:
    np.savez(
        tmp_path / "p.npz",
        **random_policy(5, 2),  # type: ignore[arg-type]
        nonlinearity=nonlinearity,
        output_distribution=distribution,
    )
    return load_policy(tmp_path / "p.npz")


def mean_and_std(policy: Policy, observations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the Gaussian's parameters, computed apart from the code under test in float64."""
    w = {name: array.astype(np.float64) for name, array in policy.arrays.items()}
    bend = {"relu": lambda x: x * (x > 0), "tanh": np.tanh}[policy.nonlinearity]
    hidden = observations.astype(np.float64)
    for layer in ("fc0", "fc1"):
        hidden = bend(np.einsum("oi,ni->no", w[f"{layer}/weight"], hidden) + w[f"{layer}/bias"])
    mean, log_std = (
        np.einsum("oi,ni->no", w[f"{layer}/weight"], hidden) + w[f"{layer}/bias"]
        for layer in ("last_fc", "last_fc_log_std")
    )
    return mean, np.exp(log_std)


@pytest.mark.parametrize("nonlinearity", ["relu", "tanh"])
@pytest.mark.parametrize("distribution", ["tanh_gaussian", "gaussian"])
def test_densities_equal_an_independent_computation(
    tmp_path: Path, nonlinearity: str, distribution: str
) -> None:
    policy = make(tmp_path, nonlinearity, distribution)
    observations = np.random.default_rng(1).standard_normal((300, 5))
    actions, log_probs = policy.sample(observations, np.random.default_rng(2))
    assert actions.shape == (300, 2)
    assert log_probs.shape == (300,)
    mean, std = mean_and_std(policy, observations)
    exact = actions.astype(np.float64)
    if distribution == "gaussian":
        expected = stats.norm.logpdf(exact, mean, std).sum(axis=1)
    else:
        assert np.abs(actions).max() < 1
        density = stats.norm.logpdf(np.arctanh(exact), mean, std) - np.log1p(-(exact**2))
        expected = density.sum(axis=1)
    # The arctanh of a rounded action is far off near 1
    inside = np.abs(exact).max(axis=1) < 0.99 if policy.squashed else np.ones(300, dtype=bool)
    assert inside.sum() > 150
    np.testing.assert_allclose(log_probs[inside], expected[inside], atol=2e-3)


def test_samples_have_the_policys_mean_and_spread(tmp_path: Path) -> None:
    policy = make(tmp_path, "relu", "gaussian")
    observation = np.random.default_rng(1).standard_normal((1, 5))
    actions, _ = policy.sample(observation.repeat(40_000, axis=0), np.random.default_rng(2))
    mean, std = mean_and_std(policy, observation)
    np.testing.assert_allclose(actions.mean(axis=0), mean[0], atol=0.03)
    np.testing.assert_allclose(actions.std(axis=0), std[0], rtol=0.02)


def test_saturated_actions_have_finite_densities(tmp_path: Path) -> None:
    arrays = random_policy(5, 2)
    arrays["last_fc/bias"] += 40.0
    np.savez(tmp_path / "p.npz", **arrays)  # type: ignore[arg-type]
    actions, log_probs = load_policy(tmp_path / "p.npz").sample(
        np.zeros((10, 5)), np.random.default_rng(0)
    )
    assert (actions == 1.0).all()
    assert np.isfinite(log_probs).all()


def test_the_spread_is_bounded(tmp_path: Path) -> None:
    arrays = random_policy(5, 2)
    arrays["last_fc_log_std/bias"][:] = (100.0, -100.0)
    np.savez(tmp_path / "p.npz", **arrays, output_distribution="gaussian")  # type: ignore[arg-type]
    actions, _ = load_policy(tmp_path / "p.npz").sample(
        np.zeros((4000, 5)), np.random.default_rng(0)
    )
    np.testing.assert_allclose(actions[:, 0].std(), np.exp(2.0), rtol=0.05)
    assert actions[:, 1].std() < 1e-6


def test_float16_weights_and_byte_texts_are_read(tmp_path: Path) -> None:
    arrays = {name: array.astype(np.float16) for name, array in random_policy(5, 2).items()}
    np.savez(
        tmp_path / "p.npz",
        **arrays,  # type: ignore[arg-type]
        nonlinearity=np.bytes_(b"tanh"),
        output_distribution=np.bytes_(b"gaussian"),
        algorithm=np.bytes_(b"SAC"),
    )
    policy = load_policy(tmp_path / "p.npz")
    assert (policy.nonlinearity, policy.squashed, policy.widths) == ("tanh", False, (5, 2))
    assert {array.dtype for array in policy.arrays.values()} == {np.dtype(np.float32)}


def test_the_published_maze_policies_are_read(shared: Path) -> None:
    folder = shared / "d4rl/policies/snapshots/maze2d_umaze"
    if not folder.is_dir():
        pytest.skip("the policies are not here")
    policies = [load_policy(path) for path in policy_files(folder, "maze2d-umaze")]
    assert [policy.name.rpartition("_")[2] for policy in policies] == [str(n) for n in range(11)]
    for policy in policies:
        assert (policy.nonlinearity, policy.squashed, policy.widths) == ("tanh", False, (4, 2))


def test_the_packages_own_policies_are_whole() -> None:
    folders = [folder for folder in PACKAGED.iterdir() if folder.is_dir()]
    assert folders
    for folder in folders:
        policies = [load_policy(path) for path in policy_files(PACKAGED, folder.name)]
        returns = recorded_returns(PACKAGED, folder.name)
        assert {policy.name for policy in policies} == set(returns)


def test_what_another_system_leaves_beside_them_is_no_policy(tmp_path: Path) -> None:
    for name in ("a.npz", "._a.npz"):
        (tmp_path / name).touch()
    assert policy_files(tmp_path, "hopper") == [tmp_path / "a.npz"]


def broken(name: str, value: np.ndarray | None) -> dict[str, np.ndarray]:
    arrays = random_policy(5, 2)
    if value is None:
        del arrays[name]
    else:
        arrays[name] = value
    return arrays


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("fc1/bias", None, "lacks fc1/bias; a policy has"),
        ("fc0/weight", np.zeros(8), "fc0/weight has shape"),
        ("fc0/weight", np.zeros((7, 5)), "fc0/weight has shape"),
        ("fc1/weight", np.zeros((6, 9)), "fc1/weight has shape"),
        ("last_fc/weight", np.zeros((6, 2)), "last_fc/weight has shape"),
        ("fc1/bias", np.zeros((6, 1)), "fc1/weight has shape"),
        ("fc0/bias", np.full(8, np.nan), "fc0/bias are not finite"),
        ("fc0/bias", np.full(8, "a"), "fc0/bias are not finite"),
        ("nonlinearity", np.array("gelu"), "nonlinearity 'gelu'"),
        ("output_distribution", np.array("beta"), "output 'beta'"),
        ("nonlinearity", np.array(["relu", "relu"]), "nonlinearity is not one word"),
    ],
)
def test_files_that_are_no_policy_are_refused(
    tmp_path: Path, name: str, value: np.ndarray | None, words: str
) -> None:
    np.savez(tmp_path / "p.npz", **broken(name, value))  # type: ignore[arg-type]
    with pytest.raises(SyntherError, match=words) as caught:
        load_policy(tmp_path / "p.npz")
    assert "p.npz" in str(caught.value)


def test_heads_of_different_widths_are_refused(tmp_path: Path) -> None:
    arrays = random_policy(5, 2) | {
        "last_fc_log_std/weight": np.zeros((1, 6)),
        "last_fc_log_std/bias": np.zeros(1),
    }
    np.savez(tmp_path / "p.npz", **arrays)  # type: ignore[arg-type]
    with pytest.raises(SyntherError, match="differ in width"):
        load_policy(tmp_path / "p.npz")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_file_cut_short_is_refused(tmp_path: Path, share: float) -> None:
    np.savez_compressed(tmp_path / "p.npz", **random_policy(5, 2))  # type: ignore[arg-type]
    whole = (tmp_path / "p.npz").read_bytes()
    (tmp_path / "p.npz").write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(SyntherError, match=r"p\.npz is not a whole"):
        load_policy(tmp_path / "p.npz")


def test_policies_come_in_the_order_of_training(tiny_policies: Path) -> None:
    found = load_policies(tiny_policies, "hopper", 11, 3)
    assert [policy.name for policy in found] == ["p_1", "p_2", "p_9", "p_10"]
    inner = load_policies(tiny_policies / "hopper", "hopper", 11, 3)
    assert [policy.name for policy in inner] == [policy.name for policy in found]
    with pytest.raises(SyntherError, match="takes 17 observations and gives 6"):
        load_policies(tiny_policies, "hopper", 17, 6)
    with pytest.raises(SyntherError, match="is not a folder of policies"):
        load_policies(tiny_policies / "none", "hopper", 11, 3)


def save(path: Path, seed: int = 0, observations: int = 17, actions: int = 6) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **random_policy(observations, actions, seed))  # type: ignore[arg-type]


def names(folder: Path, task: str) -> list[str]:
    return [policy.name for policy in load_policies(folder, task, 17, 6)]


def test_a_policy_belongs_by_its_name_never_by_its_widths(tmp_path: Path) -> None:
    for name in ("halfcheetah-medium-v2", "walker2d-medium-v2", "walker_online_3", "HalfCheetah_7"):
        save(tmp_path / f"{name}.npz")
    save(tmp_path / "untold.npz", observations=11, actions=3)  # not of these widths: no matter
    assert names(tmp_path, "halfcheetah") == ["HalfCheetah_7", "halfcheetah-medium-v2"]
    assert names(tmp_path, "walker2d") == ["walker_online_3", "walker2d-medium-v2"]
    save(tmp_path / "untold.npz")
    for task in ("halfcheetah", "walker2d"):
        with pytest.raises(SyntherError, match=rf"untold\.npz may be .* name it {task}_unt"):
            names(tmp_path, task)


def test_a_policy_belongs_by_its_folder_or_the_table_beside_it(tmp_path: Path) -> None:
    save(tmp_path / "halfcheetah/p_1.npz")
    assert names(tmp_path, "halfcheetah") == names(tmp_path / "halfcheetah", "halfcheetah")
    with pytest.raises(SyntherError, match="is of task 'walker2d' and takes 17"):
        names(tmp_path / "halfcheetah", "walker2d")
    save(tmp_path / "run/p_1.npz")
    (tmp_path / "run/returns.json").write_text('{"task": "walker2d", "returns": {}}')
    assert names(tmp_path / "run", "walker2d") == ["p_1"]
    # A name says more than the folder that it lies in
    save(tmp_path / "halfcheetah/walker2d_5.npz")
    assert names(tmp_path, "halfcheetah") == ["p_1"]


def test_returns_of_another_task_are_not_taken(tmp_path: Path) -> None:
    save(tmp_path / "halfcheetah/p_1.npz")
    table = '{"task": "walker2d", "returns": {"p_1": {"return_mean": 5.0}}}'
    (tmp_path / "returns.json").write_text(table)
    assert recorded_returns(tmp_path, "halfcheetah") == {}
    assert recorded_returns(tmp_path, "walker2d") == {"p_1": 5.0}


def test_returns_are_found_in_both_forms(tiny_policies: Path) -> None:
    expected = {"p_1": 10.0, "p_2": 350.0, "p_9": 900.0, "p_10": 600.0}
    assert recorded_returns(tiny_policies, "hopper") == expected
    inner = tiny_policies / "hopper/returns.json"
    flat = json.loads(inner.read_text())["returns"]
    inner.unlink()
    assert recorded_returns(tiny_policies, "hopper") == {}
    (tiny_policies / "returns.json").write_text(json.dumps(flat))
    assert recorded_returns(tiny_policies, "hopper") == expected
    assert recorded_returns(tiny_policies / "hopper", "hopper") == expected


@pytest.mark.parametrize("content", ["[1]", "{", '{"p_1": 3}', '{"p_1": {"mean": 3}}'])
def test_a_damaged_table_of_returns_is_refused(tiny_policies: Path, content: str) -> None:
    (tiny_policies / "hopper/returns.json").write_text(content)
    with pytest.raises(SyntherError, match=r"returns\.json is not a table of returns"):
        recorded_returns(tiny_policies, "hopper")
