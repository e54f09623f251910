"""Verbs of the pixel experiments: what they refuse, and why."""

import pytest

REFUSED = {
    "latents alone": (
        *("pixels", "--dataset", "walker-walk-medium", "--latents", "x.npz", "--out", "x.parquet"),
        "--latents and --body belong together",
    ),
    "an agent of states": (
        *("pixels", "--dataset", "walker-walk-medium", "--agent", "iql", "--out", "x.parquet"),
        "iql is an offline agent: train it with `synther train`",
    ),
    "no data": (
        "pixels",
        "--task",
        "dmc-walker-walk-repeat2",
        "--out",
        "x.parquet",
        "give --dataset",
    ),
    "a misspelt dataset": (
        *("pixels", "--dataset", "walker-walk-medum", "--out", "x.parquet"),
        "did you mean walker-walk-medium",
    ),
    "a dataset yet to be rendered": (
        *("pixels", "--dataset", "walker-walk-medium-local", "--out", "x.parquet"),
        "synther render --dataset walker-walk-medium-local",
    ),
    "another result": (
        "pixels",
        "--dataset",
        "walker-walk-medium",
        "--out",
        "x.csv",
        "in .parquet",
    ),
    "rendering D4RL's": ("render", "--dataset", "hopper-medium-v2", "is not rendered but d4rl"),
    "rendering nothing": ("render", "--task", "hopper", "give --dataset, or --task, --level"),
    "a fetched stand-in": (
        *("download", "--dataset", "walker-walk-medium-local"),
        "synther render --dataset walker-walk-medium-local",
    ),
    "latents of no weights": (
        *("encode", "--data", "x.hdf5", "--body", "none.pt", "--out", "x.npz"),
        "none.pt does not exist",
    ),
    "pixels by the wrong verb": (
        *("train", "--data", "x.npz", "--dataset", "hopper-medium-v2", "--agent", "drq_bc"),
        *("--out", "x.parquet", "drq_bc sees pixels: train it with `synther pixels`"),
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals(case, refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    *arguments, message = REFUSED[case]
    assert message in refused(*arguments)
