"""The pixel experiments through the real workflow."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
import yaml
from test_dag import copy_workflow, planned, snakemake

from synther import SyntherError
from synther.envs.pixels import find_backend


@pytest.fixture
def workflow(tmp_path: Path) -> Path:
    """A copy of the workflow whose quick preset trains on pixels for a few steps."""
    copy_workflow(tmp_path)
    path = tmp_path / "config/presets/quick.yaml"
    quick = yaml.safe_load(path.read_text())
    quick["bootstrap_reps"] = 50
    quick["pixels"] |= {"rows": 40, "samples": 50}
    quick["pixels"]["agents"] |= {
        **{"steps": 2, "eval_every": 2, "eval_steps": 2, "batch_size": 4, "hidden": [8]},
        "features": 4,
    }
    quick["pixels"]["generators"]["diffusion"] |= {"steps": 5, "width": 8, "sampling_steps": 2}
    path.write_text(yaml.safe_dump(quick))
    path = tmp_path / "config/experiments.yaml"
    text = path.read_text().replace("agents: [drq_bc, pixel_bc]", "agents: [drq_bc]")
    path.write_text(text.replace("{drq_bc: DrQ+BC, pixel_bc: BC}", "{drq_bc: DrQ+BC}"))
    return tmp_path


def test_dry_run_of_the_paper_counts_every_job(workflow: Path) -> None:
    done = snakemake(workflow, "-n", "figures/vd4rl.pdf")
    assert done.returncode == 0, done.stderr
    jobs = planned(done.stdout + done.stderr)
    assert jobs["download_shard"] == 2 * (1 + 4 + 4)  # medium-expert's are shared
    for rule in ("train_pixels", "encode_latents", "fit_latents", "sample_latents", "train_heads"):
        assert jobs[rule] == 8
    assert jobs["paper_table"] == 1


@pytest.mark.slow
def test_quick_goes_from_rendering_to_the_table(workflow: Path) -> None:
    try:
        find_backend()
    except SyntherError:
        pytest.skip("neither EGL nor OSMesa renders here")
    done = snakemake(workflow, "--cores", "1", "figures/quick/vd4rl.pdf")
    assert done.returncode == 0, done.stdout + done.stderr
    for suffix in ("pdf", "png", "csv", "tex", "md"):
        assert (workflow / f"figures/quick/vd4rl.{suffix}").stat().st_size > 0
    results = sorted((workflow / "results/quick/pixels").rglob("*.parquet"))
    assert len(results) == 2
    for path in results:
        rows = pd.read_parquet(path, use_threads=False)
        assert rows["length"].eq(2).all()
        record = json.loads(path.with_suffix(".json").read_text())
        assert bool(record["body"]) == ("synther" in path.parts)
    table = pd.read_csv(workflow / "figures/quick/vd4rl.csv")
    cells = table[table["row"] == "cell"]
    assert set(cells["source"]) == {"real", "synther", "vd4rl_source"}
    assert cells.loc[cells["source"] == "vd4rl_source", "paper_mean"].tolist() == [28.7]
