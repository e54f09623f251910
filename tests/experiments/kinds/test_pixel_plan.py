"""The pixel part of the matrix: runs, files, settings, and what its table is described by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest

from synther import SyntherError
from synther.agents.drq_bc import DrQBC
from synther.agents.pixel_bc import PixelBC
from synther.config.settings import resolve
from synther.config.specs import agent_spec, pixel_settings, source_settings
from synther.experiments import Experiments
from synther.experiments.kinds.comparison.plan import TableSpec
from synther.planning.sizes import pixel_memory_mb
from synther.statistics import published

LEVELS = ("medium-replay", "medium", "medium-expert", "expert")
DATASETS = [f"{task}-{level}" for task in ("walker-walk", "cheetah-run") for level in LEVELS]


def test_the_paper_runs_two_agents_on_eight_datasets() -> None:
    plan = Experiments("paper")
    assert plan.results("vd4rl") == plan.plan("vd4rl").inputs()
    assert plan.results("vd4rl") == [
        f"results/paper/pixels/{dataset}/{source}/{agent}/seeds-0-5.parquet"
        for dataset in DATASETS
        for source in ("real", "synther")
        for agent in ("drq_bc", "pixel_bc")
    ]


def test_settings_are_those_in_force() -> None:
    for name, kind in (("drq_bc", DrQBC), ("pixel_bc", PixelBC)):
        settings = agent_spec(name)["settings"]
        assert resolve(kind.Settings, settings, where=name) == kind.Settings()
        assert set(settings) == {field.name for field in fields(kind.Settings)}
    drq = pixel_settings("drq_bc", DATASETS[0])
    assert (drq["steps"], drq["n_step"], drq["noise_updates"]) == (550_000, 3, 125_000)
    assert pixel_settings("pixel_bc", DATASETS[0])["n_step"] == 1
    assert pixel_settings("drq_bc", DATASETS[0], "quick")["hidden"] == [64, 64]


def test_where_things_lie() -> None:
    paper_plan, quick = Experiments("paper"), Experiments("quick")
    shards = paper_plan.shards("walker-walk-medium-expert")
    assert len(shards) == 8
    assert "data/vd4rl/walker_walk/medium/84px/0_walker_walk_medium.hdf5" in shards
    assert paper_plan.body(DATASETS[0], "drq_bc") == (
        f"results/paper/pixels/{DATASETS[0]}/real/drq_bc/seeds-0-5.pt"
    )
    local = f"{DATASETS[0]}-local"
    assert [run.dataset for run in Experiments("quick").plan("vd4rl").runs()] == [local] * 4
    assert quick.shards(local) == [f"data/quick/pixels/{local}.hdf5"]
    assert pixel_memory_mb(Experiments("paper"), "walker-walk-medium-expert") < 24_000
    assert pixel_memory_mb(Experiments("paper"), "walker-walk-medium", "synther") < 24_000


def test_the_generator_is_the_sources_own_scaled_for_latents() -> None:
    paper_plan, quick = Experiments("paper"), Experiments("quick")
    assert source_settings("synther", DATASETS[0], "paper")["width"] == 2048
    assert paper_plan.samples("synther", "pixels") == 5_000_000
    assert source_settings("synther", f"{DATASETS[0]}-local", "quick")["width"] == 64
    assert quick.samples("synther", "pixels") == 4000


def test_the_table_finds_the_papers_numbers() -> None:
    table = Experiments("paper").plan("vd4rl").describe()
    assert isinstance(table, TableSpec)
    assert table.paper is not None
    assert [row.name for row in table.rows] == DATASETS
    for row in table.rows:
        for agent in table.paper.agents.values():
            for variant in table.paper.variants.values():
                assert published.lookup("vd4rl", row.called, agent, variant)
            for other, variant in table.paper.also.items():
                assert published.lookup(other, row.called, agent, variant)
    assert table.budget.startswith("6 seeds; 550,000 updates; diffusion of latents: 5,000,000")
    assert table.budget.endswith("all 8 datasets")
    quick = Experiments("quick").plan("vd4rl").describe().budget
    assert "evaluation cut after 15 of 500 steps" in quick
    assert "400 frames a dataset, rendered here" in quick


def test_a_preset_may_leave_agents_and_sources_out(edit_config: Callable[..., Path]) -> None:
    chosen = "experiments:\n  vd4rl: {agents: [pixel_bc], sources: [real]}\n  # "
    edit_config("presets/quick.yaml", "experiments:  ", chosen)
    quick = Experiments("quick")
    assert {(run.agent, run.source) for run in quick.plan("vd4rl").runs()} == {("pixel_bc", "real")}
    table = quick.table("vd4rl")
    assert (list(table["agents"]), list(table["sources"])) == (["pixel_bc"], ["real"])
    assert "diffusion of latents" not in table["budget"]


def test_claims_hear_of_runs_as_of_any_others() -> None:
    plan = Experiments("quick").plan("vd4rl")
    local = "walker-walk-medium-replay-local"
    assert plan.learns == "pixels"
    assert (local, "synther", "drq_bc") in plan.cells()
    assert plan.run_name("walker-walk-medium-replay") == local
    assert plan.protocol_steps("drq_bc", DATASETS[0]) == 550_000


def test_mistakes_are_named(edit_config: Callable[..., Path]) -> None:
    quick = "presets/quick.yaml"
    edit_config(quick, "datasets: [walker-walk-medium-replay]", "datasets: [walker-walk-medum]")
    with pytest.raises(SyntherError, match="did you mean walker-walk-medium"):
        Experiments("quick").table("vd4rl")
    edit_config(quick, "datasets: [walker-walk-medum]", "datasets: [walker-walk-random]")
    with pytest.raises(SyntherError, match="runs no dataset of experiment 'vd4rl'"):
        Experiments("quick").results("vd4rl")
    edit_config(quick, "datasets: [walker-walk-random]", "datasets: [hopper-medium-v2]")
    with pytest.raises(SyntherError, match="is not V-D4RL's"):
        Experiments("quick").results("vd4rl")
    edit_config("experiments.yaml", "{drq_bc: DrQ+BC, pixel_bc", "{drq_cb: DrQ+BC, pixel_bc")
    with pytest.raises(SyntherError, match="drq_cb"):
        Experiments("paper").table("vd4rl")
    edit_config(quick, "generator_seed: 0", "generator_seed: 7")
    with pytest.raises(SyntherError, match="generator_seed 7, and no such seed"):
        Experiments("quick").body("walker-walk-medium-local", "drq_bc")
