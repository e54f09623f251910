"""What a preset scales, sizes and leaves out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from synther import SyntherError
from synther.config.specs import (
    agent_settings,
    fetched_policies,
    policies_folder,
    source_settings,
)
from synther.errors import NotRunError
from synther.experiments import Experiments, budget


def test_presets_scale_the_budget() -> None:
    paper, quick = Experiments("paper"), Experiments("quick")
    assert (paper.samples("synther"), quick.samples("synther")) == (5_000_000, 25_000)
    assert [p.rows("hopper-medium-local") for p in (paper, quick)] == [1_000_000, 20_000]
    assert agent_settings("td3_bc", "hopper-medium-v2", "paper")["steps"] == 1_000_000
    assert agent_settings("td3_bc", "hopper-medium-v2", "quick")["steps"] == 1000
    assert source_settings("synther", "hopper-medium-v2", "paper")["width"] == 2048
    assert source_settings("synther", "hopper-medium-v2", "quick")["width"] == 128


def test_settings_are_layered_defaults_then_datasets_then_preset(
    edit_config: Callable[..., Path],
) -> None:
    assert agent_settings("td3_bc", "hopper-medium-v2")["eval_episodes"] == 10
    assert agent_settings("td3_bc", "maze2d-umaze-v1")["eval_episodes"] == 100
    assert agent_settings("td3_bc", "maze2d-umaze-v1")["steps"] == 1_000_000
    assert agent_settings("td3_bc", "maze2d-umaze-v1", "quick")["eval_episodes"] == 4
    edit_config(
        "agents.yaml",
        "maze2d-*: {eval_episodes: 100}",
        "hopper-*: {alpha: 3.0, tau: 0.1}\n      hopper-medium-v2: {alpha: 4.0}",
    )
    settings = agent_settings("td3_bc", "hopper-medium-v2")
    assert (settings["alpha"], settings["tau"]) == (4.0, 0.1)  # the later pattern wins
    assert agent_settings("td3_bc", "hopper-expert-v2")["alpha"] == 3.0
    assert agent_settings("td3_bc", "walker2d-medium-v2")["alpha"] == 2.5
    # a stand-in takes the settings of what it stands for, also by an exact name
    assert agent_settings("td3_bc", "hopper-medium-local") == settings


def test_a_preset_scales_by_dataset_and_by_agent(edit_config: Callable[..., Path]) -> None:
    edit_config(
        "presets/quick.yaml",
        "  hopper-full-replay-v2: {",
        "  maze2d-*: {steps: 77}\n  hopper-full-replay-v2: {",
    )
    assert agent_settings("td3_bc", "maze2d-umaze-local", "quick")["steps"] == 77
    assert agent_settings("td3_bc", "hopper-medium-local", "quick")["steps"] == 1000
    edit_config("presets/quick.yaml", "  maze2d-*: {steps: 77}", "  maze-*: {steps: 77}")
    with pytest.raises(SyntherError, match="unknown dataset pattern 'maze-"):
        agent_settings("td3_bc", "hopper-medium-local", "quick")


def test_sources_differ_by_dataset_too(edit_config: Callable[..., Path]) -> None:
    edit_config(
        "sources.yaml",
        "    generator: diffusion",
        "    datasets: {walker2d-*-v2: {width: 1024}}\n    generator: diffusion",
    )
    assert source_settings("synther", "walker2d-medium-local")["width"] == 1024
    assert source_settings("synther", "hopper-medium-local")["width"] == 2048
    assert source_settings("synther", "walker2d-medium-v2", "quick")["width"] == 128


def test_a_preset_may_leave_experiments_and_agents_out(edit_config: Callable[..., Path]) -> None:
    edit_config(
        "presets/quick.yaml", "datasets:  ", "only: [table1, claims, aggregates]\ndatasets:"
    )
    edit_config("presets/quick.yaml", "experiments:  ", "experiments:\n  table1: {agents: [iql]} ")
    quick = Experiments("quick")
    assert set(quick.specs) == {"table1", "claims", "aggregates"}
    assert {run.agent for run in quick.plan("table1").runs()} == {"iql"}
    assert set(quick.table("table1")["agents"]) == {"iql"}
    assert quick.results("aggregates") == quick.results("table1")
    claims = {claim["name"]: claim for claim in quick.table("claims")["claims"]}
    assert any(claims["locomotion-iql"]["of"]["cells"])
    for left_out in ("locomotion-td3_bc", "pixels-drq_bc", "online", "small_data-iql"):
        assert not any(claims[left_out]["of"]["cells"]), left_out
    with pytest.raises(NotRunError, match="leaves experiment 'mixture' out"):
        quick.plan("mixture").runs()
    with pytest.raises(NotRunError, match="leaves experiment 'vd4rl' out"):
        quick.plan("vd4rl").runs()


def test_what_a_preset_leaves_out_of_is_checked(edit_config: Callable[..., Path]) -> None:
    edit_config("presets/quick.yaml", "datasets:  ", "only: [table1, tabel2]\ndatasets:")
    with pytest.raises(SyntherError, match="unknown experiment 'tabel2'"):
        Experiments("quick").plan("table1").runs()
    edit_config("presets/quick.yaml", "tabel2", "small_data")
    edit_config("presets/quick.yaml", "experiments:  ", "experiments:\n  table1: {agents: [bc]} ")
    with pytest.raises(SyntherError, match="unknown agent 'bc'"):
        Experiments("quick").plan("table1").runs()


def test_datasets_are_collected_with_d4rls_policies_where_there_are_any() -> None:
    assert fetched_policies("hopper-medium-local", "reference") == [
        "data/policies/hopper/returns.json"
    ]
    for dataset in ("hopper-random-local", "maze2d-umaze-local"):
        assert fetched_policies(dataset, "reference") == []
    assert fetched_policies("hopper-medium-local", "quick") == []
    assert policies_folder("walker2d", "reference") == "data/policies/walker2d"
    assert policies_folder("maze2d-umaze", "reference") is None


def test_a_preset_may_size_datasets_one_by_one() -> None:
    known = Experiments("known")
    assert known.rows("walker2d-medium-local") == 1_000_000
    assert known.rows("walker2d-medium-replay-local") == 300_000


def test_a_preset_may_not_scale_two_sizes_to_one(edit_config: Callable[..., Path]) -> None:
    large = "  td3_bc_large: {learning_rate: 1.0e-3, hidden: [80, 80, 80], batch_size: 160}\n"
    edit_config("presets/quick.yaml", large, "  td3_bc_large: {learning_rate: 1.0e-3}\n")
    with pytest.raises(SyntherError, match="'td3_bc' and 'td3_bc_large' of experiment"):
        Experiments("quick").table("large_networks")


def test_shares_keep_what_the_preset_says_of_an_agent(edit_config: Callable[..., Path]) -> None:
    reduced = "reduced:            # on shares"
    edit_config("presets/quick.yaml", reduced, "reduced:\n  per_agent: {iql: {steps: 7}}  # shares")
    shared = agent_settings("iql", "hopper-full-replay-v2", "quick", "real-1pct")
    assert shared["learning_rate"] == 1e-3
    whole = agent_settings("iql", "hopper-medium-v2", "quick", "real-1pct")
    assert (whole["steps"], whole["learning_rate"]) == (7, 1e-3)


@pytest.mark.parametrize(
    ("numbers", "said"),
    [([], ""), ([3], "3"), ([1000, 20, 20], "20 or 1,000"), ([64, 16, 32], "16, 32 or 64")],
)
def test_numbers_that_differ_between_runs_are_listed_once(numbers: list[int], said: str) -> None:
    assert budget.listed(numbers) == said
