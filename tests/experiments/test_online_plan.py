"""The online part of the matrix: runs, settings, and what its tables are described by."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from synther import SyntherError, config
from synther.experiments import Experiments
from synther.generators.diffusion import DiffusionSettings
from synther.settings import resolve
from synther.specs import agent_spec, layered, online_settings

GYM = ("halfcheetah", "hopper", "walker2d")
DMC = ("dmc-cheetah-run", "dmc-quadruped-walk", "dmc-reacher-hard")


def test_the_paper_runs_three_agents_on_six_tasks() -> None:
    paper = Experiments("paper")
    assert paper.runs("online") == []
    assert paper.results("online") == [
        f"results/paper/online/{task}/{agent}/seeds-0-5.parquet"
        for task in (*DMC, *GYM)
        for agent in ("sac", "redq", "sac_synther")
    ]
    inputs = paper.inputs("wall_time")
    assert {path.rpartition(".")[2] for path in inputs} == {"parquet", "json"}
    assert set(paper.results("wall_time")) == set(paper.results("online"))


def test_the_sweep_has_five_ratios_and_redq() -> None:
    table = Experiments("paper").table("utd_sweep")
    assert sorted(table["ratios"].values()) == [1, 5, 10, 20, 40]
    assert table["reference"] == ["redq"]
    assert "redq" in table["agents"]


def test_quick_runs_the_same_at_a_small_budget() -> None:
    quick, paper = Experiments("quick"), Experiments("paper")
    for name in ("online", "utd_sweep", "wall_time"):
        plan = quick.online(name)
        assert plan is not None
        assert plan.agents() == paper.online(name).agents()  # type: ignore[union-attr]
        assert set(plan.tasks()) <= set(paper.online(name).tasks())  # type: ignore[union-attr]
    budget = quick.table("online")["budget"]
    assert budget.startswith("2 seeds; 500 environment steps; diffusion: width 64, 200 steps")
    assert budget.endswith("2 of 6 tasks")
    assert paper.table("online")["budget"].endswith("; 6 tasks")


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
    assert paper.online_memory_mb("hopper", "sac_synther", 6) > paper.online_memory_mb(
        "hopper", "sac", 6
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
    with pytest.raises(SyntherError, match="'tasks' is a required property"):
        config.load("experiments")
