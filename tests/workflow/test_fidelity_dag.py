"""The rules of generators and their measures: what is planned, and a small one run for real."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
import yaml
from test_dag import checkout, planned, snakemake

from synther import Transitions

__all__ = ["checkout"]  # a fixture

HOPPER = "hopper-medium-local"


def test_ablations_of_sampling_fit_nothing_anew(checkout: Path) -> None:
    done = snakemake(checkout, "-n", "figures/ablations.pdf")
    assert done.returncode == 0, done.stderr
    jobs = planned(done.stdout + done.stderr)
    datasets = 2
    assert jobs["fit_generator"] == datasets * (1 + 3 + 2 + 1)  # itself, widths, depths, terminals
    assert jobs["sample_generator"] == jobs["fidelity"] == datasets * (1 + 3 + 2 + 3 + 4 + 3 + 1)
    assert jobs["train_offline"] == jobs["fidelity"]


def test_a_scaling_law_needs_fits_and_their_losses_alone(checkout: Path) -> None:
    done = snakemake(checkout, "-n", "figures/scaling.pdf")
    assert done.returncode == 0, done.stderr
    jobs = planned(done.stdout + done.stderr)
    datasets, shares, denoisers = 2, 4, 5
    assert jobs["fit_generator"] == jobs["measure_loss"] == datasets * shares * denoisers
    assert jobs["subset"] == datasets * shares
    assert not {"sample_generator", "fidelity", "train_offline"} & jobs.keys()


@pytest.mark.slow
def test_generators_are_measured_and_compared(checkout: Path) -> None:
    path = checkout / "config/presets/quick.yaml"
    quick = yaml.safe_load(path.read_text())
    quick |= {"rows": 1000, "seeds": 2, "seeds_per_job": 2, "samples": 300, "bootstrap_reps": 50}
    quick |= {"datasets": ["hopper-medium-v2"], "fidelity_samples": 200}
    quick["agents"] |= {"steps": 20, "eval_every": 20, "eval_episodes": 1, "hidden": [16, 16]}
    quick["generators"] = {"diffusion": {"width": 32, "steps": 30, "sampling_steps": 4}}
    quick["per_source"] = {"synther-50k": {"samples": 100}}
    chosen = ["synther", "synther-steps-8", "synther-50k"]
    quick["experiments"] = {"ablations": {"sources": chosen}, "diversity": {}}
    del quick["aside"]
    path.write_text(yaml.safe_dump(quick))
    path = checkout / "config/experiments.yaml"
    every = yaml.safe_load(path.read_text())["experiments"]
    kept = {
        name: every[name] | {"datasets": {"locomotion": ["hopper-medium-v2"]}}
        for name in ("ablations", "diversity")
    }
    kept["diversity"]["sources"] = ["synther", "noise-dynamics"]
    path.write_text(yaml.safe_dump({"experiments": kept}))

    done = snakemake(checkout, "figures/quick/ablations.pdf", "figures/quick/diversity.pdf")
    assert done.returncode == 0, done.stdout + done.stderr
    for name in kept:
        for suffix in ("pdf", "png", "csv", "tex", "md"):
            assert (checkout / f"figures/quick/{name}.{suffix}").stat().st_size > 0
    generators = checkout / f"results/quick/generators/{HOPPER}"
    assert sorted(p.parent.name for p in generators.glob("*/model.pt")) == [
        "noise-dynamics",
        "synther",
    ]
    assert len(Transitions.load(generators / "synther-50k/samples.npz")) == 100
    record = json.loads((generators / "synther-steps-8/samples.json").read_text())
    assert record["settings"] == {"sampling_steps": 8}
    table = pd.read_csv(checkout / "figures/quick/ablations.csv")
    assert set(table["state"]) == {"measured"}
    assert set(table["factor"]) == {"sampling steps", "number of samples"}
    distances = pd.read_parquet(
        checkout / f"results/quick/fidelity/{HOPPER}/noise-dynamics.parquet"
    )
    assert len(distances) == 200

    again = snakemake(checkout, "figures/quick/ablations.pdf")
    assert "Nothing to be done" in again.stdout + again.stderr
