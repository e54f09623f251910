"""docs/extend.md is followed to the letter: its file, its entries and its commands."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pages
import pandas as pd
import pytest
import yaml
from pages import run
from result_rows import results

from synther import Transitions, config
from synther.datasets.collect import collect
from synther.datasets.d4rl import load_transitions

PAGE = pages.ROOT / "docs/extend.md"


@pytest.fixture(scope="module")
def blocks() -> dict[str, str]:
    return pages.named(PAGE)


@pytest.fixture
def checkout(tmp_path: Path, blocks: dict[str, str]) -> Path:
    """A copy of what the workflow needs, with the page's file and entries added."""
    pages.checkout(tmp_path)
    for name in ("agents", "experiments", "sources"):
        path = tmp_path / f"config/{name}.yaml"
        path.write_text(path.read_text() + blocks[f"config/{name}.yaml"])
    for name in ("my_agents/awac.py", "my_generators/gaussian.py"):
        file = tmp_path / name
        file.parent.mkdir()
        file.write_text(blocks[name])
    return tmp_path


def commands(block: str) -> str:
    return block.replace("$ ", "")


def test_every_marked_block_is_tested(blocks: dict[str, str]) -> None:
    assert set(blocks) == {
        "shell-dataset",
        "config/datasets.yaml",
        "dataset-table",
        "config/presets/walker.yaml",
        "shell-walker",
        "my_agents/awac.py",
        "config/agents.yaml",
        "shell",
        "config/experiments.yaml",
        "dry-run",
        *(f"my_kinds/spread/{name}.py" for name in ("plan", "numbers", "sheet")),
        "kind-entry",
        "shell-kind",
        "my_generators/gaussian.py",
        "config/sources.yaml",
        "shell-generator",
        "Snakefile",
        "plan",
    }


@pytest.fixture
def own_data(tmp_path: Path, blocks: dict[str, str]) -> Path:
    """The same with the page's dataset, its table and its preset."""
    pages.checkout(tmp_path)
    collect("walker2d", "random", 600, tmp_path / "my_walker.hdf5", threads=1)
    for name, block in (("datasets", "config/datasets.yaml"), ("experiments", "dataset-table")):
        path = tmp_path / f"config/{name}.yaml"
        entry = blocks[block].replace("file:///data/", f"file://{tmp_path}/")
        path.write_text(path.read_text() + entry)
    preset = "config/presets/walker.yaml"
    (tmp_path / preset).write_text(blocks[preset])
    return tmp_path


@pytest.mark.slow
def test_data_of_one_s_own_are_tried_by_hand(own_data: Path, blocks: dict[str, str]) -> None:
    text = commands(blocks["shell-dataset"])
    text = re.sub(r"(width|steps|--num)([= ])\d+", r"\1\g<2>20", text)
    model, agent = "--set depth=1 --set dim_t=8", "--set eval_every=20 --set eval_episodes=1"
    text = text.replace("--out model", f"{model} --out model")
    text = text.replace("--agent iql", f"{agent} --set hidden=[16,16] --agent iql")
    said = run(text, own_data).stderr
    for name in ("real", "synther"):
        rows = pd.read_parquet(own_data / f"{name}.parquet")
        assert set(rows["source"]) == {name}
        assert set(rows["seed"]) == {0, 1, 2, 3}
        assert re.search(rf"{name}.parquet: score -?[\d.]+ over 4 seeds", said)


@pytest.mark.slow
def test_data_of_one_s_own_are_a_dataset_of_the_workflow(
    own_data: Path, blocks: dict[str, str]
) -> None:
    plan, dry, _ = commands(blocks["shell-walker"]).splitlines()
    totals = run(plan, own_data).stdout
    assert re.search(r"^all +8 +2.4M +1.0M ", totals, re.MULTILINE)  # 3 x 8 seeds x 100,000
    jobs = dict(re.findall(r"^(\w+) +(\d+)$", run(dry, own_data).stdout, re.MULTILINE))
    assert jobs["train_offline"] == "3"  # all of it, a share of it, and samples of that share
    run("synther download --dataset my-walker", own_data)
    assert (own_data / "data/d4rl/my_walker.hdf5").is_file()


@pytest.mark.slow
def test_a_new_agent_trains(checkout: Path, blocks: dict[str, str]) -> None:
    run(commands(blocks["shell"]), checkout)
    rows = pd.read_parquet(checkout / "awac.parquet")
    assert set(rows["agent"]) == {"awac"}
    assert sorted(rows["step"].unique()) == [100, 200]
    assert rows.groupby("step")["seed"].nunique().eq(4).all()
    # Seeds learn different policies, and learning changes them.
    last = rows[rows["step"] == 200].groupby("seed")["return"].mean()
    assert last.nunique() == 4
    assert set(last).isdisjoint(rows[rows["step"] == 100].groupby("seed")["return"].mean())


@pytest.mark.slow
def test_a_new_generator_is_fitted_sampled_and_measured(
    checkout: Path, blocks: dict[str, str]
) -> None:
    run(commands(blocks["shell-generator"]), checkout)
    real = load_transitions(checkout / "hopper.hdf5")
    samples, narrow = (Transitions.load(checkout / f"{name}.npz") for name in ("samples", "narrow"))
    assert len(samples) == len(narrow) == 1000
    spread = samples.observations.std(axis=0)
    np.testing.assert_allclose(spread, real.observations.std(axis=0), rtol=0.15)
    np.testing.assert_allclose(narrow.observations.std(axis=0), spread / 2, rtol=1e-3)
    record = json.loads((checkout / "fidelity.json").read_text())
    assert record["source"] == "gaussian"
    assert record["measured"] == 1000
    assert record["dynamics"]["rows"] > 0
    fitted = json.loads((checkout / "gaussian/fit.json").read_text())
    assert fitted["generator"] == "my_generators.gaussian:Gaussian"
    width = 2 * 11 + 3 + 2
    assert fitted["num_parameters"] == width + width * (width + 1) // 2


@pytest.mark.slow
def test_a_new_generator_is_a_source_of_the_workflow(checkout: Path) -> None:
    path = checkout / "config/experiments.yaml"
    text = path.read_text().replace("agents: [td3_bc, awac]", "agents: [td3_bc]")
    path.write_text(
        text.replace("sources: [real, synther]", "sources: [gaussian, gaussian-narrow]")
    )
    plan = run("export PYTHONPATH=$PWD; snakemake -n figures/awac.pdf", checkout).stdout
    jobs = {
        rule: re.search(rf"^{rule}\s+(\d+)", plan, re.MULTILINE)
        for rule in ("fit_generator", "sample_generator")
    }
    assert {rule: int(found[1]) for rule, found in jobs.items() if found} == {
        "fit_generator": 2,  # one a dataset, shared by both sources
        "sample_generator": 4,
    }


@pytest.mark.slow
def test_a_new_kind_is_planned_and_made(checkout: Path, blocks: dict[str, str]) -> None:
    folder = checkout / "my_kinds/spread"
    folder.mkdir(parents=True)
    for part in ("plan", "numbers", "sheet"):
        (folder / f"{part}.py").write_text(blocks[f"my_kinds/spread/{part}.py"])
    (folder / "__init__.py").touch()
    (folder.parent / "__init__.py").touch()
    path = checkout / "config/experiments.yaml"
    path.write_text(path.read_text() + blocks["kind-entry"])
    runs = checkout / "results/quick/offline/hopper-medium-expert-local/synther/td3_bc"
    runs.mkdir(parents=True)
    scores = {("td3_bc", "hopper-medium-expert-local", "synther"): [1, 2, 30, 4]}
    results(scores).to_parquet(runs / "seeds-0-3.parquet")
    said = run(commands(blocks["shell-kind"]), checkout).stdout
    jobs = re.search(r"train_offline\s+(\d+)", said)
    assert jobs
    assert int(jobs[1]) == 2  # a source each: the data both come from have yet to be collected
    lines = (checkout / "figures/quick/spread.md").read_text().splitlines()
    assert [cell.strip() for cell in lines[-3].split("|")[1:-1]] == [
        *("hopper-medium-expert-local", "TD3+BC", "SynthER", "1.0", "30.0")
    ]
    for suffix in ("pdf", "png", "csv", "tex", "json"):
        assert (checkout / f"figures/quick/spread.{suffix}").stat().st_size > 0


@pytest.mark.slow
def test_a_new_table_is_planned(checkout: Path, blocks: dict[str, str]) -> None:
    plan = run(commands(blocks["dry-run"]), checkout).stdout
    jobs = re.search(r"train_offline\s+(\d+)", plan)
    assert jobs
    assert int(jobs[1]) == 2 * 2 * 2  # datasets, agents, sources; 8 seeds a job
    assert "figures/awac.pdf" in plan


@pytest.mark.slow
def test_a_new_rule_is_planned(checkout: Path, blocks: dict[str, str]) -> None:
    with open(checkout / "Snakefile", "a", encoding="utf-8") as file:
        file.write("\n\n" + blocks["Snakefile"])
    rows = run(commands(blocks["plan"]), checkout).stdout.splitlines()[2:-1]
    jobs = {rule: int(count) for rule, count, *_ in map(str.split, rows)}
    assert jobs == {"download_dataset": 1, "train_offline": 1, "distil": 1, "all": 3}


def test_the_other_entries_fit_their_schema() -> None:
    text = PAGE.read_text()
    entry = text.split("## A source")[1].split("```yaml\n")[1].split("```")[0]
    content = config.read_yaml(config.config_dir() / "sources.yaml")
    content["sources"] |= yaml.safe_load(entry)
    config.validate(content, "sources", "docs/extend.md")
    assert content["sources"]["synther-narrow"]["settings"] == {"width": 256}
