"""The real workflow: the paper protocol dry-run, and a scaled-down quick preset run for real."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml

from synther import Transitions

ROOT = Path(__file__).parents[2]
PARTS = ("Snakefile", "workflow", "config", "profiles", "environment.yml")


def environment(folder: Path) -> dict[str, str]:
    """What a copy of the workflow runs in: this Python, and its own config/."""
    return {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "SYNTHER_CONFIG": str(folder / "config"),
    }


def snakemake(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "snakemake", *arguments],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
    )


def copy_workflow(folder: Path) -> Path:
    """Copy the workflow into a folder, without data or results."""
    folder.mkdir(exist_ok=True)
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, folder / part)
    return folder


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the workflow, without data or results."""
    return copy_workflow(tmp_path)


@pytest.fixture
def small_checkout(checkout: Path) -> Path:
    """The same, with the quick preset's numbers divided until it runs in a minute."""
    path = checkout / "config/presets/quick.yaml"
    quick = yaml.safe_load(path.read_text())
    quick |= {"rows": 1000, "seeds": 3, "seeds_per_job": 2, "samples": 500, "bootstrap_reps": 50}
    quick["datasets"] = ["hopper-medium-v2", "maze2d-umaze-v1"]
    quick["agents"] |= {"steps": 40, "eval_every": 20, "eval_episodes": 1, "hidden": [16, 16]}
    quick["per_dataset"] = {"antmaze-*": {"steps": 10, "eval_every": 10}}
    wide = {"hidden": [24, 24]}
    quick["per_agent"] = {"td3_bc_large": wide, "iql_large": wide}
    quick["reduced"] = {}
    quick["experiments"] = {
        "appendix_offline": {"datasets": ["antmaze-umaze-v2"]},
        "small_data": {"datasets": ["hopper-full-replay-v2"], "percents": [5, 10]},
        "tiny_data": {"datasets": ["hopper-medium-v2"], "rows": [100, 300], "seeds": 1},
    }
    quick["generators"]["diffusion"] |= {"width": 32, "steps": 40, "sampling_steps": 4}
    path.write_text(yaml.safe_dump(quick))
    return checkout


def planned(output: str) -> dict[str, int]:
    table = output.rpartition("Job stats:")[2]
    return {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", table, re.M)}


def test_dry_run_of_the_paper_counts_every_job(checkout: Path) -> None:
    done = snakemake(checkout, "-n", "figures/table1.pdf")
    assert done.returncode == 0, done.stderr
    jobs = planned(done.stdout + done.stderr)
    datasets, agents = 15, 3
    assert jobs["download_dataset"] == datasets
    assert jobs["fit_generator"] == jobs["sample_generator"] == datasets
    assert jobs["train_offline"] == datasets * agents * 2
    assert jobs["paper_table"] == 1


def test_default_target_is_everything_at_the_paper_preset(checkout: Path) -> None:
    done = snakemake(checkout, "-n")
    assert done.returncode == 0, done.stderr
    assert "figures/table1.pdf" in done.stdout + done.stderr
    assert "figures/quick/" not in done.stdout + done.stderr


def test_the_whole_paper_is_planned_in_seconds(checkout: Path) -> None:
    started = time.monotonic()
    done = snakemake(checkout, "-n", "--quiet", "rules")
    assert done.returncode == 0, done.stderr
    # Planning grows with the matrix and nothing else; many times what it takes alone.
    assert time.monotonic() - started < 120


def test_another_preset_that_is_half_saved_stops_nothing(checkout: Path) -> None:
    presets = checkout / "config/presets"
    (presets / "half.yaml").write_text("protocol: red\nseeds: {", encoding="utf-8")
    (presets / "._quick.yaml").write_bytes(b"\x00\x05\x16\x07")
    (presets / "quick (copy).yaml").write_text("protocol:", encoding="utf-8")
    done = snakemake(checkout, "-n", "figures/quick/table1.pdf")
    assert done.returncode == 0, done.stderr
    assert planned(done.stdout + done.stderr)["table"] == 1
    done = snakemake(checkout, "-n", "figures/half/table1.pdf")
    assert done.returncode == 1
    assert "half.yaml can't be read as YAML" in done.stdout + done.stderr


@pytest.mark.parametrize("asked", [("--config", "preset=quik"), ("figures/qiuck/table1.pdf",)])
def test_unknown_preset_offers_the_nearest(checkout: Path, asked: tuple[str, ...]) -> None:
    done = snakemake(checkout, "-n", *asked)
    assert done.returncode != 0
    assert "did you mean quick?" in done.stdout + done.stderr


def test_misspelt_configuration_is_refused(checkout: Path) -> None:
    path = checkout / "config/config.yaml"
    path.write_text(path.read_text() + "\ndevcie: cpu\n")
    done = snakemake(checkout, "-n")
    assert done.returncode != 0
    assert "devcie" in done.stdout + done.stderr


def test_rollouts_wait_for_the_samples_that_they_begin_at(checkout: Path) -> None:
    done = snakemake(checkout, "-n", "figures/quick/dynamics_models.pdf")
    assert done.returncode == 0, done.stderr
    folder = "results/quick/generators/halfcheetah-medium-replay-local"
    commands = re.findall(r"^Shell command: (synther sample .*)$", done.stdout, re.M)
    begun = [line for line in commands if "--states" in line]
    assert len(commands) == 3
    assert len(begun) == 1
    assert f"--model {folder}/dynamics --num" in begun[0]
    assert f" --states {folder}/synther/samples.npz " in begun[0]
    (inputs,) = (
        line
        for line in re.findall(r"^rule sample_generator:\n +input: (.*)$", done.stdout, re.M)
        if "samples.npz" in line
    )
    assert {f"{folder}/dynamics/model.pt", f"{folder}/synther/samples.npz"} <= set(
        inputs.split(", ")
    )


def test_another_draw_of_a_share_has_seeds_of_its_own(checkout: Path) -> None:
    done = snakemake(checkout, "-n", "figures/quick/other_draws.pdf")
    assert done.returncode == 0, done.stderr
    made = re.findall(r"^Shell command: synther (?:subset|fit|sample) .*", done.stdout, re.M)
    assert len(made) == 6
    assert [("-draw1" in line) for line in made] == [(" --seed 1 " in line) for line in made]
    assert sum(" --seed 0 " in line for line in made) == 3


@pytest.mark.slow
def test_quick_dag_runs_resumes_and_reruns_what_a_setting_touches(small_checkout: Path) -> None:
    target = "figures/quick/table1.pdf"
    done = snakemake(small_checkout, target)
    assert done.returncode == 0, done.stdout + done.stderr
    for suffix in ("pdf", "png", "csv", "tex", "md"):
        assert (small_checkout / f"figures/quick/table1.{suffix}").stat().st_size > 0

    results = sorted((small_checkout / "results/quick/offline").rglob("*.parquet"))
    assert len(results) == 2 * 2 * 3 * 2  # datasets, sources, agents, blocks of seeds
    rows = pd.concat([pd.read_parquet(path, use_threads=False) for path in results])
    assert set(rows["seed"]) == {0, 1, 2}
    assert set(rows["dataset"]) == {"hopper-medium-local", "maze2d-umaze-local"}
    for path in results:
        record = json.loads(path.with_suffix(".json").read_text())
        assert record["settings"]["steps"] == 40
        assert record["physics"] == "d4rl"
    assert list((small_checkout / "logs/quick").rglob("*.log"))

    # the table's numbers, by another road: last step, mean over episodes, mean over seeds
    table = pd.read_csv(small_checkout / "figures/quick/table1.csv")
    cells = table[table["row"] == "cell"].set_index(["dataset", "agent", "source"])["mean"]
    last = rows[rows["step"] == 40].groupby(["dataset", "agent", "source", "seed"])["score"].mean()
    means = last.groupby(["dataset", "agent", "source"]).mean()
    for key, mean in means.items():
        assert cells[key] == pytest.approx(mean, abs=1e-6)

    again = snakemake(small_checkout, target)
    assert "Nothing to be done" in again.stdout + again.stderr

    path = small_checkout / "config/agents.yaml"
    path.write_text(path.read_text().replace("alpha: 2.5", "alpha: 3.5"))
    touched = planned(snakemake(small_checkout, "-n", target).stdout)
    assert touched["train_offline"] == 2 * 2 * 2  # TD3+BC's jobs, not the others'
    assert "fit_generator" not in touched
    assert touched["table"] == 1


@pytest.mark.slow
def test_every_other_table_is_made_by_the_same_rules(small_checkout: Path) -> None:
    path = small_checkout / "config/presets/quick.yaml"
    quick = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump(quick | {"seeds": 2, "datasets": ["hopper-medium-v2"]}))
    names = ["appendix_offline", "small_data", "tiny_data", "large_networks", "mixture"]
    done = snakemake(small_checkout, *[f"figures/quick/{name}.pdf" for name in names])
    assert done.returncode == 0, done.stdout + done.stderr
    for name in names:
        for suffix in ("pdf", "png", "csv", "tex", "md"):
            assert (small_checkout / f"figures/quick/{name}.{suffix}").stat().st_size > 0

    results = small_checkout / "results/quick"
    real = Transitions.load(results / "subsets/hopper-full-replay-local/5pct.npz")
    fitted = json.loads(
        (results / "generators/hopper-full-replay-local/synther-5pct/fit.json").read_text()
    )
    assert 45 <= len(real) == fitted["transitions"] <= 50  # 5%, time-outs left out
    runs = {p.parent.name for p in (results / "offline").rglob("*-10pct/*/seeds-0-1.parquet")}
    assert runs == {"td3_bc", "iql"}
    few = Transitions.load(results / "subsets/hopper-medium-local/300rows.npz")
    assert len(few) == 300
    learned = {p.parent.name for p in (results / "offline").rglob("real-300rows/*/seeds-0-0.json")}
    assert learned == {"td3_bc", "td3_bc_regularised", "bc"}
    tiny = pd.read_csv(small_checkout / "figures/quick/tiny_data.csv")
    assert len(tiny) == 2 * 4  # sizes, curves
    mixture = Transitions.load(results / "generators/hopper-medium-local/mix/mixture.npz")
    assert len(mixture) == 500
