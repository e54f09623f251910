"""`synther online`: from arguments to rows, and what it refuses."""

import json

import pandas as pd
import pytest

from synther.cli import main
from synther.cli.train import nested

FEW = {
    "steps": 20,
    "random_steps": 5,
    "batch_size": 4,
    "hidden": "[4]",
    "eval_every": 10,
    "eval_episodes": 1,
    "retrain_every": 10,
    "synthetic_samples": 8,
    "diffusion.width": 4,
    "diffusion.depth": 1,
    "diffusion.steps": 3,
    "diffusion.sampling_steps": 2,
}


def run(out, *extra, task="hopper", agent="sac_synther"):
    sets = [part for key, value in FEW.items() for part in ("--set", f"{key}={value}")]
    arguments = ["--task", task, "--agent", agent, "--seeds", "1-2", "--out", str(out)]
    return main(["online", *arguments, "--device", "cpu", "--threads", "1", *sets, *extra])


def test_rows_and_record(tmp_path):
    assert run(tmp_path / "x.parquet") == 0
    rows = pd.read_parquet(tmp_path / "x.parquet")
    assert sorted(set(rows["seed"])) == [1, 2]
    assert sorted(set(rows["step"])) == [10, 20]
    assert set(rows["preset"]) == {"none"}
    record = json.loads((tmp_path / "x.json").read_text())
    assert record["settings"]["diffusion"]["width"] == 4
    assert record["settings"]["diffusion"]["dim_t"] == 256
    assert record["settings"]["updates_per_step"] == 20


def test_nested_settings():
    found = nested({"diffusion.width": 4, "steps": 2, "diffusion.depth": 1})
    assert found == {"steps": 2, "diffusion": {"width": 4, "depth": 1}}


@pytest.mark.parametrize(
    ("options", "names", "message"),
    [
        (["--set", "stepps=1"], {}, "unknown setting 'stepps'"),
        (["--set", "diffusion.widht=1"], {}, "did you mean width"),
        (
            ["--set", "synthetic_share=2"],
            {},
            "'synthetic_share' of sac is 2.0; it must be from 0 to 1",
        ),
        ([], {"task": "dmc-cheetah-rum"}, "did you mean dmc-cheetah-run"),
        ([], {"agent": "redqq"}, "did you mean redq"),
        ([], {"agent": "td3_bc"}, "offline agent: train it with `synther train`"),
    ],
)
def test_refusals(tmp_path, capsys, options, names, message):
    assert run(tmp_path / "x.parquet", *options, **names) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "x.parquet").exists()


def test_online_agents_are_not_trained_offline(tmp_path, capsys):
    data = str(tmp_path / "data.npz")
    options = ["--task", "hopper", "--data", data, "--out", str(tmp_path / "x.parquet")]
    assert main(["train", *options, "--agent", "sac", "--device", "cpu"]) == 1
    assert "online agent: train it with `synther online`" in capsys.readouterr().err
