"""The online part of the matrix: runs, settings, and what its tables are described by."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from synther import SyntherError
from synther.config.settings import resolve
from synther.config.specs import agent_spec, layered, online_settings
from synther.experiments import Experiments
from synther.experiments.kinds.online.plan import OnlineSpec
from synther.generators.diffusion import DiffusionSettings
from synther.planning.sizes import online_memory_mb

GYM = ("halfcheetah", "hopper", "walker2d")
DMC = ("dmc-cheetah-run", "dmc-quadruped-walk", "dmc-reacher-hard")


def test_the_paper_runs_three_agents_on_six_tasks() -> None:
    paper = Experiments("paper")
    assert paper.results("online") == [
        f"results/paper/online/{task}/{agent}/seeds-0-5.parquet"
        for task in (*DMC, *GYM)
        for agent in ("sac", "redq", "sac_synther")
    ]
    inputs = paper.plan("wall_time").inputs()
    assert {path.rpartition(".")[2] for path in inputs} == {"parquet", "json"}
    assert set(paper.results("wall_time")) == set(paper.results("online"))


def test_the_sweep_has_five_ratios_and_redq() -> None:
    spec = Experiments("paper").plan("utd_sweep").describe()
    assert isinstance(spec, OnlineSpec)
    assert sorted(spec.ratios.values()) == [1, 5, 10, 20, 40]
    assert spec.reference == ["redq"]
    assert "redq" in spec.agents


def test_quick_runs_the_same_at_a_small_budget() -> None:
    quick, paper = Experiments("quick"), Experiments("paper")
    for name in ("online", "utd_sweep", "wall_time"):
        ours, theirs = quick.plan(name).runs(), paper.plan(name).runs()
        assert {run.agent for run in ours} == {run.agent for run in theirs}
        assert {run.dataset for run in ours} <= {run.dataset for run in theirs}
    budget = quick.plan("online").describe().budget
    assert budget.startswith("2 seeds; 500 environment steps; diffusion: width 64, 200 steps")
    assert budget.endswith("2 of 6 tasks")
    assert paper.plan("online").describe().budget.endswith("; all 6 tasks")


def test_settings_are_the_released_ones() -> None:
    ratios = {"sac": (1, 2), "redq": (20, 10), "sac_synther": (20, 2)}
    for agent, (updates, critics) in ratios.items():
        for task, steps in (("hopper", 100_000), ("dmc-quadruped-walk", 200_000)):
            settings = online_settings(agent, task)
            assert (settings["updates_per_step"], settings["num_critics"]) == (updates, critics)
            assert (settings["steps"], settings["random_steps"]) == (steps, 5000)
    # every command that the authors published overrides the 200,000 of their configuration files
    assert online_settings("sac_synther", "hopper", "paper")["synthetic_samples"] == 1_000_000
    gym, dmc = (online_settings("sac_synther", t)["diffusion"] for t in ("hopper", DMC[0]))
    both = {"width": 1024, "depth": 6, "dim_t": 256, "steps": 100_000, "batch_size": 256}
    assert gym == both
    assert dmc == both | {"normalise_rewards": False, "model_terminals": False}
    for settings in (gym, dmc):
        found = resolve(DiffusionSettings, settings, where="test")
        assert found.threshold_terminals == 0.5
    sweep = online_settings("sac_synther_utd5", DMC[0])
    assert sweep == online_settings("sac_synther", DMC[0]) | {"updates_per_step": 5}
    quick = online_settings("sac_synther_utd5", DMC[0], "quick")
    assert quick["diffusion"]["width"] == 64
    assert quick["diffusion"]["model_terminals"] is False
    assert quick["updates_per_step"] == 5


def test_layers_merge_settings_within_settings() -> None:
    low, high = {"a": 1, "d": {"x": 1, "y": 2}}, {"d": {"y": 3}, "b": {}}
    assert layered(low, high) == {"a": 1, "b": {}, "d": {"x": 1, "y": 3}}
    assert low["d"] == {"x": 1, "y": 2}
    assert agent_spec("sac_synther")["tasks"]["dmc-*"]["steps"] == 200_000


def test_memory_grows_with_what_is_kept() -> None:
    paper = Experiments("paper")
    assert online_memory_mb(paper, "hopper", "sac_synther", 6) > online_memory_mb(
        paper, "hopper", "sac", 6
    )


def test_misspelt_names_are_refused(edit_config: Callable[..., Path]) -> None:
    edit_config("presets/quick.yaml", "tasks: [dmc-reacher-hard,", "tasks: [dmc-reacher-hadr,")
    with pytest.raises(SyntherError, match="did you mean dmc-reacher-hard"):
        Experiments("quick").results("online")
    edit_config("agents.yaml", "dmc-*: {steps: 200000}", "dcm-*: {steps: 200000}")
    with pytest.raises(SyntherError, match="unknown task pattern 'dcm-\\*'"):
        online_settings("sac", "hopper")


def test_an_experiment_needs_tasks(edit_config: Callable[..., Path]) -> None:
    edit_config("experiments.yaml", "tasks: &online_tasks", "datasets: &online_tasks")
    with pytest.raises(SyntherError, match="'online' of kind online has no `tasks`"):
        Experiments("quick").results("online")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("agents: {sac: SAC, redq", "agents: {sacc: SAC, redq", "did you mean sac"),
        ("variants: {sac: SAC, redq", "variants: {sacc: SAC, redq", "did you mean sac"),
        ("dmc-cheetah-run: cheetah-run", "dmc-cheeta-run: cheetah-run", "dmc-cheetah-run"),
    ],
)
def test_published_numbers_of_what_is_not_there_are_refused(
    edit_config: Callable[..., Path], old: str, new: str, words: str
) -> None:
    edit_config("experiments.yaml", old, new)
    with pytest.raises(SyntherError, match=words):
        Experiments("paper").table("online")


def test_a_preset_may_leave_agents_out(edit_config: Callable[..., Path]) -> None:
    chosen = """experiments:
  online: {agents: [redq], tasks: [hopper]}
  utd_sweep: {agents: [sac_synther]}
"""
    edit_config("presets/quick.yaml", "experiments:  ", chosen + "  # ")
    quick = Experiments("quick")
    assert quick.results("online") == ["results/quick/online/hopper/redq/seeds-0-1.parquet"]
    sweep = quick.plan("utd_sweep")
    assert {run.agent for run in sweep.runs()} == {"sac_synther", "redq"}
    assert quick.table("utd_sweep")["ratios"] == {"sac_synther": 20}
    edit_config("presets/quick.yaml", "online: {agents: [redq]", "online: {agents: [reqd]")
    with pytest.raises(SyntherError, match="did you mean redq"):
        Experiments("quick").results("online")


def test_claims_hear_of_runs_as_of_any_others() -> None:
    plan = Experiments("paper").plan("online")
    assert plan.learns == "online"
    assert plan.cells()["hopper", "online", "redq"] == [
        "results/paper/online/hopper/redq/seeds-0-5.parquet"
    ]
    assert plan.run_name("hopper") == "hopper"
    assert plan.protocol_steps("sac", DMC[0]) == 200_000
