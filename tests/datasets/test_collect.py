"""Collected datasets: D4RL's format and recipes, and rows that the simulator confirms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from synther import SyntherError, make_env
from synther.datasets import collect as module
from synther.datasets.collect import collect, roll_out
from synther.datasets.d4rl import load_transitions
from synther.datasets.levels import choose_policies, mean_returns
from synther.datasets.policies import Policy, load_policies, load_policy
from synther.jobs.checkpoint import Checkpoint
from synther.jobs.progress import Progress

ROWS = 300
LEVELS = ("random", "medium", "medium-replay", "full-replay", "medium-expert", "expert")


def read(path: Path) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, node: found.__setitem__(name, node[()]) if hasattr(node, "dtype") else None
        )
    return found


@pytest.fixture(scope="module")
def random_hopper(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    path = tmp_path_factory.mktemp("collected") / "hopper.hdf5"
    collect("hopper", "random", ROWS, path, seed=3, threads=1)
    return read(path)


def test_keys_shapes_and_types_are_d4rls(random_hopper: dict[str, np.ndarray]) -> None:
    rows = {key: v for key, v in random_hopper.items() if not key.startswith("metadata/")}
    assert {key: (v.shape, str(v.dtype)) for key, v in rows.items()} == {
        "observations": ((ROWS, 11), "float32"),
        "actions": ((ROWS, 3), "float32"),
        "rewards": ((ROWS,), "float32"),
        "next_observations": ((ROWS, 11), "float32"),
        "terminals": ((ROWS,), "bool"),
        "timeouts": ((ROWS,), "bool"),
        "infos/qpos": ((ROWS, 6), "float64"),
        "infos/qvel": ((ROWS, 6), "float64"),
        "infos/action_log_probs": ((ROWS,), "float32"),
    }
    assert random_hopper["metadata/level"] == b"random"
    assert random_hopper["metadata/physics"] == b"d4rl"
    assert random_hopper["metadata/seed"] == 3


def test_a_collected_file_has_the_keys_of_a_d4rl_slice(
    shared: Path, tmp_path: Path, tiny_policies: Path
) -> None:
    slices = sorted((shared / "d4rl/slices").rglob("hopper*medium*v2*.hdf5"))
    if not slices:
        pytest.skip("the slices are not here")
    collect("hopper", "medium", 50, tmp_path / "x.hdf5", tiny_policies, threads=1)
    theirs, ours = read(slices[0]), read(tmp_path / "x.hdf5")
    for key in theirs:
        if "slice" not in key:
            assert key in ours, key
            assert ours[key].dtype.kind == theirs[key].dtype.kind, key


def test_random_actions_are_uniform(random_hopper: dict[str, np.ndarray]) -> None:
    actions = random_hopper["actions"]
    assert np.abs(actions).max() <= 1
    assert abs(actions.mean()) < 0.07
    np.testing.assert_allclose(actions.var(), 1 / 3, rtol=0.1)
    np.testing.assert_allclose(random_hopper["infos/action_log_probs"], -3 * np.log(2), rtol=1e-6)


def test_rows_chain_within_an_episode_and_the_last_is_cut(
    random_hopper: dict[str, np.ndarray],
) -> None:
    ends = random_hopper["terminals"] | random_hopper["timeouts"]
    inner = np.flatnonzero(~ends[:-1])
    assert len(inner) > ROWS / 2
    np.testing.assert_array_equal(
        random_hopper["next_observations"][inner], random_hopper["observations"][inner + 1]
    )
    assert ends[-1]
    assert not (random_hopper["terminals"] & random_hopper["timeouts"]).any()
    starts = np.flatnonzero(ends[:-1]) + 1
    assert len(starts) > 3
    # A new episode begins at the model's own pose, within the noise of a reset.
    assert np.abs(random_hopper["infos/qvel"][starts]).max() <= 0.005


def replay(task: str, rows: dict[str, np.ndarray]) -> None:
    env = make_env(task, len(rows["rewards"]), threads=1)
    observations = env.set_state(rows["infos/qpos"], rows["infos/qvel"])
    np.testing.assert_allclose(observations, rows["observations"], rtol=1e-6, atol=1e-6)
    following, rewards, terminated, _ = env.step(rows["actions"])
    np.testing.assert_allclose(following, rows["next_observations"], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(rewards, rows["rewards"], rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(terminated, rows["terminals"])


def test_every_row_is_what_the_simulator_does(random_hopper: dict[str, np.ndarray]) -> None:
    replay("hopper", random_hopper)


@pytest.mark.parametrize("task", ["halfcheetah", "walker2d"])
def test_other_tasks_too(task: str, tmp_path: Path) -> None:
    collect(task, "random", 60, tmp_path / "x.hdf5", threads=1)
    replay(task, read(tmp_path / "x.hdf5"))
    assert len(load_transitions(tmp_path / "x.hdf5")) <= 59


def test_same_seed_same_bytes_other_seed_other_rows(tmp_path: Path, tiny_policies: Path) -> None:
    def made(name: str, seed: int, threads: int) -> bytes:
        path = tmp_path / f"{name}.hdf5"
        collect("hopper", "medium-expert", 120, path, tiny_policies, seed=seed, threads=threads)
        return path.read_bytes()

    assert made("a", 1, 1) == made("b", 1, 2)
    assert made("c", 2, 1) != made("a", 1, 1)


@pytest.mark.parametrize("rows", [2, 61, 100])
@pytest.mark.parametrize("level", LEVELS)
def test_rows_are_exact_at_every_level(
    tmp_path: Path, tiny_policies: Path, level: str, rows: int
) -> None:
    metadata = collect("hopper", level, rows, tmp_path / "x.hdf5", tiny_policies, threads=1)
    found = read(tmp_path / "x.hdf5")
    assert len(found["rewards"]) == len(found["observations"]) == rows
    expected = {
        "random": "random",
        "medium": "p_2",
        "expert": "p_9",
        "medium-replay": "p_1,p_2",
        "full-replay": "p_1,p_2,p_9,p_10",
        "medium-expert": "p_2,p_9",
    }
    assert metadata["behaviour_policies"] == expected[level]
    assert ("metadata/policy/fc0/weight" in found) == (level != "random")


def named(*names: str) -> list[Policy]:
    return [Policy(name, {}, "relu", True) for name in names]


def chosen(level: str, returns: dict[str, float]) -> list[str]:
    return [p.name if p else "random" for p in choose_policies(level, named(*returns), returns)]


def test_the_recipes() -> None:
    returns = {"a": 10.0, "b": 800.0, "c": 1100.0, "d": 3000.0, "e": 2900.0}
    assert chosen("expert", returns) == ["d"]
    assert chosen("medium", returns) == ["c"]  # 1100 is nearest to 3000 / 3
    assert chosen("medium-expert", returns) == ["c", "d"]
    assert chosen("medium-replay", returns) == ["a", "b", "c"]  # in the order of training
    assert chosen("full-replay", returns) == list(returns)
    assert chosen("random", returns) == ["random"]


def test_recipes_that_need_a_history_refuse_a_single_policy() -> None:
    assert chosen("medium", {"a": 900.0}) == ["a"]
    for level in ("medium-replay", "full-replay", "medium-expert"):
        with pytest.raises(SyntherError, match="needs policies of several stages"):
            chosen(level, {"a": 900.0})
    with pytest.raises(SyntherError, match="unknown level 'medum'; did you mean medium"):
        chosen("medum", {"a": 900.0})


def test_medium_expert_is_half_and_half(
    tmp_path: Path, tiny_policies: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Any, int]] = []

    def spy(task: str, policy: Policy, rows: int, *rest: Any) -> Any:
        asked.append((policy.name, rows))
        return roll_out(task, policy, rows, *rest)

    monkeypatch.setattr(module, "roll_out", spy)
    collect("hopper", "medium-expert", 101, tmp_path / "x.hdf5", tiny_policies, threads=1)
    assert [name for name, _ in asked] == ["p_2", "p_9"]
    assert sorted(rows for _, rows in asked) == [50, 51]
    cut = asked[0][1] - 1
    found = read(tmp_path / "x.hdf5")
    assert found["timeouts"][cut] or found["terminals"][cut]


def test_a_level_that_would_be_worse_than_random_is_refused(
    tmp_path: Path, tiny_policies: Path
) -> None:
    table = tiny_policies / "hopper/returns.json"
    text = table.read_text().replace("900.0", "-5000.0").replace("600.0", "-5000.0")
    first = table.read_text().replace("10.0", "-9000.0")
    table.write_text(first)
    collect("hopper", "full-replay", 60, tmp_path / "x.hdf5", tiny_policies, threads=1)
    table.write_text(text.replace("350.0", "-873.0").replace("10.0", "-9000.0"))
    for level in ("medium", "expert"):
        with pytest.raises(SyntherError, match=r"p_2 has a mean return of -873\.0, .* have -20\.3"):
            collect("hopper", level, 60, tmp_path / "y.hdf5", tiny_policies, threads=1)
    assert not (tmp_path / "y.hdf5").exists()


def test_what_was_collected_counts_whatever_is_recorded(
    tmp_path: Path, tiny_policies: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def worse(*arguments: Any) -> Any:
        columns, returns = roll_out(*arguments)
        return columns, returns - 900.0

    monkeypatch.setattr(module, "roll_out", worse)
    with pytest.raises(SyntherError, match=r"what was collected has a mean return of -8"):
        collect("hopper", "medium", 60, tmp_path / "x.hdf5", tiny_policies, threads=1)
    assert not (tmp_path / "x.hdf5").exists()


def test_an_expert_below_medium_is_refused_or_said_loudly(
    tmp_path: Path, tiny_policies: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    with pytest.raises(SyntherError, match=r"'b', has a mean return of 500\.0, the medium one 900"):
        chosen("expert", {"medium": 900.0, "a": 10.0, "b": 500.0})
    shifts = iter((900.0, 0.0))

    def shifted(*arguments: Any) -> Any:
        columns, returns = roll_out(*arguments)
        return columns, returns + next(shifts)

    monkeypatch.setattr(module, "roll_out", shifted)
    collect("hopper", "medium-expert", 60, tmp_path / "x.hdf5", tiny_policies, threads=1)
    assert "WARNING: the expert's episodes have a mean return of" in capsys.readouterr().err


def test_the_right_robots_policy_is_taken(shared: Path, tmp_path: Path) -> None:
    folder = shared / "d4rl/policies/medium-v2"
    if not (folder / "walker2d-medium-v2.npz").is_file():
        pytest.skip("the policies are not here")
    about = collect("halfcheetah", "medium", 3000, tmp_path / "x.hdf5", folder, threads=1)
    assert about["behaviour_policies"] == "halfcheetah-medium-v2"
    assert 4000 < float(about["mean_return"]) < 5500
    lying = tmp_path / "halfcheetah"
    lying.mkdir()
    (lying / "p.npz").write_bytes((folder / "walker2d-medium-v2.npz").read_bytes())
    with pytest.raises(SyntherError, match=r"p has a mean return of -[0-9.]+, uniformly random"):
        collect("halfcheetah", "medium", 3000, tmp_path / "y.hdf5", lying, threads=1)


def test_returns_that_are_not_recorded_are_measured(tiny_policies: Path) -> None:
    policies = load_policies(tiny_policies, "hopper", 11, 3)[:2]
    returns = mean_returns(policies, "hopper", "d4rl")
    assert list(returns) == ["p_1", "p_2"]
    assert 0 < returns["p_2"] < 500
    assert returns == mean_returns(policies, "hopper", "d4rl")


def test_log_probabilities_are_of_the_actions_taken(tmp_path: Path, tiny_policies: Path) -> None:
    collect("hopper", "medium", 80, tmp_path / "x.hdf5", tiny_policies, threads=1)
    rows = read(tmp_path / "x.hdf5")
    policy = load_policy(tiny_policies / "hopper/p_2.npz")
    w = policy.arrays
    hidden = rows["observations"].astype(np.float64)
    for layer in ("fc0", "fc1"):
        hidden = np.maximum(hidden @ w[f"{layer}/weight"].T + w[f"{layer}/bias"], 0)
    mean = hidden @ w["last_fc/weight"].T + w["last_fc/bias"]
    log_std = hidden @ w["last_fc_log_std/weight"].T + w["last_fc_log_std/bias"]
    actions = rows["actions"].astype(np.float64)
    inside = np.abs(actions).max(axis=1) < 0.98
    assert inside.sum() > 30
    z = (np.arctanh(np.clip(actions, -0.999, 0.999)) - mean) / np.exp(log_std)
    density = -0.5 * z**2 - log_std - 0.5 * np.log(2 * np.pi)
    density -= np.log1p(-np.minimum(actions**2, 0.999))
    np.testing.assert_allclose(
        rows["infos/action_log_probs"][inside], density.sum(axis=1)[inside], atol=5e-3
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rows": 1}, "--rows is 1"),
        ({"rows": -5}, "--rows is -5"),
        ({"task": "hoper"}, "unknown task 'hoper'; did you mean hopper"),
        ({"level": "medum"}, "unknown level 'medum'"),
        ({"task": "walker2d"}, "takes 17 observations"),
        ({"physics": "stok"}, "unknown physics 'stok'; did you mean stock"),
    ],
)
def test_bad_requests_are_refused(
    tmp_path: Path, tiny_policies: Path, change: dict[str, Any], words: str
) -> None:
    request = {"task": "hopper", "level": "medium", "rows": 50, "policies": tiny_policies}
    with pytest.raises(SyntherError, match=words):
        collect(out=tmp_path / "x.hdf5", threads=1, **(request | change))
    assert not (tmp_path / "x.hdf5").exists()


@pytest.mark.parametrize("level", LEVELS)
def test_the_published_snapshots_collect(shared: Path, tmp_path: Path, level: str) -> None:
    folder = shared / "d4rl/policies/snapshots"
    if not folder.is_dir():
        pytest.skip("the policies are not here")
    metadata = collect("hopper", level, 60, tmp_path / "x.hdf5", folder, threads=1)
    assert len(read(tmp_path / "x.hdf5")["rewards"]) == 60
    names = metadata["behaviour_policies"].split(",")
    assert all(name == "random" or name.startswith("hopper_online_") for name in names)


@pytest.mark.slow
def test_the_published_medium_policy_is_as_good_as_its_dataset(
    shared: Path, tmp_path: Path
) -> None:
    path = shared / "d4rl/policies/medium-v2/hopper-medium-v2.npz"
    if not path.is_file():
        pytest.skip("the policy is not here")
    # About 90 episodes; 727 of them (8 seeds) have a mean of 1413 +- 15, D4RL's own file 1422.
    progress, checkpoint = Progress(40_000, "", "row"), Checkpoint(tmp_path / "x.ckpt", {})
    how: Any = ("hopper", load_policy(path), 40_000, (0, 0), "d4rl", 1, progress, checkpoint)
    _, returns = roll_out(*how)
    assert len(returns) >= 30
    assert 1150 <= returns.mean() <= 1500
