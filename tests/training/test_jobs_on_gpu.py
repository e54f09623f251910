"""Jobs on a GPU: rows, checkpoints and evaluation beside training, through the command line."""

import dataclasses
import functools

import pandas as pd
import pytest
import torch
from test_offline import job, real, train_and_kill, trainer_of  # noqa: F401
from test_online import SYNTHER
from test_online import job as online_job

from synther.cli import main
from synther.jobs.devices import choose_device
from synther.training.offline import train_offline
from synther.training.online import train_online

pytestmark = pytest.mark.gpu
GPU = "cuda"


@pytest.fixture(name="offline")
def offline_job(job):  # noqa: F811
    """The small job of an agent on hopper's rows, on the GPU."""
    return dataclasses.replace(job, device=choose_device(GPU, 2), threads=2)


def test_a_gpu_is_chosen_and_agents_stay_in_float32():
    assert choose_device("auto", 2).startswith(GPU)
    assert not torch.backends.cuda.matmul.allow_tf32
    assert not torch.backends.cudnn.allow_tf32


def test_evaluations_beside_training_are_those_between_updates(offline):
    beside, between = trainer_of(offline), trainer_of(offline)
    between._shadow = None
    assert beside._shadow is not None
    frames = [trainer.train().table().to_pandas() for trainer in (beside, between)]
    # policies act on a CPU beside training, on the GPU between updates
    pd.testing.assert_frame_equal(*frames, rtol=1e-2)


def test_scores_are_near_those_of_a_cpu(offline):
    frames = [
        trainer_of(dataclasses.replace(offline, device=device)).train().table().to_pandas()
        for device in (offline.device, "cpu")
    ]
    assert (frames[0]["return"] - frames[1]["return"]).abs().mean() < 200  # other draws


@pytest.mark.parametrize("killed_at", [4, 10, 23])
def test_a_killed_job_goes_on_to_the_same_bytes(offline, tmp_path, monkeypatch, killed_at):
    whole = dataclasses.replace(offline, out=tmp_path / "whole.parquet")
    train_offline(whole)
    train_and_kill(offline, killed_at, monkeypatch)
    assert offline.out.with_suffix(".ckpt").exists()
    train_offline(offline)
    assert offline.out.read_bytes() == whole.out.read_bytes()


@pytest.mark.parametrize("agent", ["sac", "redq"])
def test_online_training_with_samples_is_the_same_twice(agent, tmp_path):
    made = []
    for name in ("one", "two"):
        run = functools.partial(online_job, agent, out=tmp_path / f"{name}.parquet")
        trained = dataclasses.replace(run(**SYNTHER), device=choose_device(GPU, 2))
        made.append(train_online(trained).table().to_pandas())
    pd.testing.assert_frame_equal(*made)
    one, two = ((tmp_path / f"{name}.parquet").read_bytes() for name in ("one", "two"))
    assert one == two


def test_commands_on_a_gpu(real, tmp_path):  # noqa: F811
    model, samples, rows = (str(tmp_path / name) for name in ("model", "rows.npz", "run.parquet"))
    tiny = ["--set", "width=16", "--set", "depth=1", "--set", "steps=20", "--set", "dim_t=8"]
    fit = ["fit", "--data", str(real), "--task", "hopper", "--out", model, *tiny]
    main([*fit, "--device", GPU])
    main(["sample", "--model", model, "--num", "300", "--out", samples, "--device", GPU])
    train = ["train", "--task", "hopper", "--data", samples, "--statistics-from"]
    small = ["--set", "steps=12", "--set", "eval_every=6", "--set", "eval_episodes=2"]
    main([*train, str(real), "--seeds", "0-2", "--out", rows, *small, "--device", GPU])
    assert len(pd.read_parquet(rows)) == 3 * 2 * 2
