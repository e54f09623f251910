"""The online loop: what it feeds, when it retrains, what it stores, and that it can be cut."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from synther.agents import load_agent_class
from synther.errors import SyntherError
from synther.jobs.checkpoint import Checkpoint
from synther.tensors.graphed import GraphedCall
from synther.training.online import OnlineJob, OnlineTrainer, train_online
from synther.training.synthetic import Synthesiser

TINY = {
    "steps": 60,
    "random_steps": 10,
    "batch_size": 8,
    "hidden": (8, 8),
    "eval_every": 30,
    "eval_episodes": 2,
    "retrain_every": 20,
    "synthetic_samples": 30,
    "diffusion": {
        "width": 8,
        "depth": 1,
        "dim_t": 8,
        "steps": 20,
        "batch_size": 16,
        "sampling_steps": 3,
    },
}


def job(agent="sac", task="hopper", seeds=(0, 4), out="x.parquet", time_limit=12, **changes):
    module = f"synther.agents.{agent}"
    return OnlineJob(
        task=task,
        agent=agent,
        module=module,
        settings=load_agent_class(module).Settings(**{**TINY, **changes}),
        seeds=seeds,
        out=Path(out),
        reference=(0.0, 1000.0),
        time_limit=time_limit,
    )


SYNTHER = {"synthetic_share": 0.5, "updates_per_step": 3}


@pytest.mark.parametrize("agent", ["sac", "redq"])
def test_a_seed_learns_in_a_stack_what_it_learns_alone(agent):
    changes = {"updates_per_step": 2, "learning_rate": 1e-3}
    stack = OnlineTrainer(job(agent, seeds=(3, 0), **changes), dtype=torch.float64)
    stack.train()
    for k, seed in enumerate((3, 0)):
        alone = OnlineTrainer(job(agent, seeds=(seed,), **changes), dtype=torch.float64)
        rows = alone.train().table().to_pandas()
        torch.testing.assert_close(
            stack.replay.rows()[k], alone.replay.rows()[0], rtol=0, atol=1e-9
        )
        mine = stack.rows.table().to_pandas().query("seed == @seed")
        np.testing.assert_allclose(mine["return"], rows["return"], rtol=0, atol=1e-9)
    assert not torch.equal(stack.replay.rows()[0], stack.replay.rows()[1])


def test_generators_of_a_stack_are_those_of_single_seeds():
    stack = OnlineTrainer(job(seeds=(3, 0), steps=21, random_steps=20, **SYNTHER))
    stack.train()
    alone = OnlineTrainer(job(seeds=(0,), steps=21, random_steps=20, **SYNTHER))
    alone.train()
    torch.testing.assert_close(
        stack.synthesiser.buffer.rows()[1], alone.synthesiser.buffer.rows()[0], rtol=1e-3, atol=1e-3
    )


def test_random_steps_come_first_and_learning_follows_every_step(monkeypatch):
    trainer = OnlineTrainer(job(updates_per_step=4))
    seen = []
    monkeypatch.setattr(trainer.agent, "explore", lambda s, n: seen.append(trainer.step) or 0 * n)
    for step in range(14):
        trainer.advance()
        assert trainer.agent.updates == 4 * max(step + 1 - 10, 0)
    assert seen == [11, 12, 13]  # the released code draws random_steps + 1 actions at random
    actions = trainer.replay.rows()[..., 11:14]
    assert (actions[:, :11].abs() > 0).all()
    assert actions[:, :11].abs().max() <= 1
    assert (actions[:, 11:] == 0).all()


def batches_of(trainer, monkeypatch):
    """Have the trainer note (step, rows, mixed) of every batch that its critics learn from."""
    monkeypatch.setattr(GraphedCall, "_on_cpu", lambda self, call, inputs: call(inputs))
    fed, update = [], trainer.agent.update

    def note(batch, noise):
        fed.append((trainer.step, batch, trainer.synthesiser.refreshes > 0))
        return update(batch, noise)

    monkeypatch.setattr(trainer.agent, "update", note)
    return fed


def is_in(rows, table):
    """Whether each of rows (B, d) is one of table's (N, d)."""
    return (rows[:, None] == table[None]).all(dim=-1).any(dim=1)


def test_half_of_every_batch_is_synthetic_once_there_are_samples(monkeypatch):
    trainer = OnlineTrainer(job(synthetic_share=0.25, updates_per_step=3))
    fed = batches_of(trainer, monkeypatch)
    real, samples = trainer.replay, trainer.synthesiser.buffer
    inner = trainer.learner.learn

    def learn():
        first = len(fed)
        info = inner()
        assert len(fed) == first + 3
        for _, batch, mixed in fed[first:]:
            for k in range(2):
                known = real.rows()[k, :, :11]
                assert is_in(batch.observations[k, : 6 if mixed else 8], known).all()
                if mixed:
                    assert is_in(batch.observations[k, 6:], samples.rows()[k, :, :11]).all()
                    assert not is_in(batch.observations[k, 6:], known).any()
        return info

    monkeypatch.setattr(trainer.learner, "learn", learn)
    trainer.train()
    assert next(step for step, _, mixed in fed if mixed) == 21
    assert trainer.learner.batches == {"real": 3 * 10, "mixed": 3 * 40}


def test_generators_are_trained_anew_on_all_of_the_replay(monkeypatch):
    seen = []
    inner = Synthesiser.refresh

    def refresh(self, real, clock, title=""):
        seen.append((real.shape[1], torch.is_tensor(real)))
        inner(self, real, clock, title)
        assert self.buffer.size == 30

    monkeypatch.setattr(Synthesiser, "refresh", refresh)
    trainer = OnlineTrainer(job(**SYNTHER))
    trainer.train()
    assert [rows for rows, _ in seen] == [20, 40]  # not at 60, where nobody learns any more
    flags = trainer.synthesiser.buffer.rows()[..., -1]
    assert set(flags.unique().tolist()) <= {0.0, 1.0}


@pytest.mark.parametrize("task", ["hopper", "dmc-pendulum-swingup"])
def test_no_time_out_is_stored_as_terminal(task):
    trainer = OnlineTrainer(job(task=task, time_limit=5))  # too soon to fall
    trainer.train()
    d = trainer.env.observation_dim
    rows = trainer.replay.rows().numpy()
    assert (rows[..., -1] == 0).all()
    assert (trainer.episodes == 1 + 60 // 5).all()
    s, following = rows[:, :, :d], rows[:, :, -1 - d : -1]
    joined = (s[:, 1:] == following[:, :-1]).all(axis=-1)
    cut = np.arange(1, 60) % 5 == 0
    np.testing.assert_array_equal(joined, np.tile(~cut, (2, 1)))


def test_falls_are_terminal():
    trainer = OnlineTrainer(job(time_limit=1000, random_steps=200, steps=200, eval_every=200))
    trainer.train()
    falls = trainer.replay.rows()[..., -1].sum(dim=1)
    assert falls.tolist() == (trainer.episodes - 1).tolist()
    assert falls.min() > 2


@pytest.mark.parametrize("fault", [False, True])
def test_the_rollout_goes_on_where_it_was_unless_the_fault_is_asked_for(fault, monkeypatch):
    samples = {}
    inner = Synthesiser.refresh

    def refresh(self, real, clock, title=""):
        inner(self, real, clock, title)
        samples[real.shape[1]] = self.buffer.rows()[:, -1, :3].clone()

    monkeypatch.setattr(Synthesiser, "refresh", refresh)
    changes = {"time_limit": 1000, "overwrite_rollout": fault, **SYNTHER}
    trainer = OnlineTrainer(job(task="dmc-pendulum-swingup", **changes))
    trainer.train()
    s, following = trainer.replay.rows()[..., :3], trainer.replay.rows()[..., 5:8]
    broken = (s[:, 1:] != following[:, :-1]).any(dim=-1)
    expected = torch.zeros_like(broken)
    if fault:
        expected[:, [19, 39]] = True
        for row, last in samples.items():
            assert torch.equal(s[:, row], last)
    assert torch.equal(broken, expected)


class Killed(Exception):
    """What a signal does to a job."""


@pytest.mark.parametrize(("task", "tuned"), [("hopper", 15), ("dmc-reacher-hard", 0)])
def test_a_job_that_is_killed_again_and_again_leaves_the_same_rows(
    tmp_path, monkeypatch, task, tuned
):
    chosen = {"task": task, "fine_tune_steps": tuned, **SYNTHER}
    expected = train_online(job(out=tmp_path / "whole.parquet", **chosen)).table().to_pandas()
    calls = {"due": 0}

    def due(self):
        calls["due"] += 1
        return calls["due"] % 9 == 0

    save = Checkpoint.save

    def save_and_die(self, state):
        save(self, state)
        if calls["due"] % 9 == 0:
            calls["due"] += 1
            raise Killed

    monkeypatch.setattr(Checkpoint, "due", due)
    monkeypatch.setattr(Checkpoint, "save", save_and_die)
    killed = 0
    while True:
        try:
            found = train_online(job(out=tmp_path / "cut.parquet", **chosen)).table().to_pandas()
            break
        except Killed:
            killed += 1
    assert killed >= 6
    pd.testing.assert_frame_equal(found, expected)
    records = [json.loads((tmp_path / f"{n}.json").read_text()) for n in ("cut", "whole")]
    assert records[0]["drift"] == records[1]["drift"]
    assert (tmp_path / "cut.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "cut.json",
        "cut.parquet",
        "whole.json",
        "whole.parquet",
    ]


def test_a_checkpoint_without_its_samples_is_refused(tmp_path):
    chosen = job(out=tmp_path / "x.parquet", **SYNTHER)
    trainer = OnlineTrainer(chosen)
    checkpoint = Checkpoint(tmp_path / "x.ckpt", chosen.identity())
    for _ in range(20):
        trainer.advance()
    trainer._refresh(checkpoint)
    (tmp_path / "x.samples-0.ckpt").unlink()
    with pytest.raises(SyntherError, match=r"samples-0\.ckpt is missing"):
        OnlineTrainer(chosen).train(checkpoint)


def test_rows_and_record(tmp_path):
    chosen = job(task="dmc-pendulum-swingup", out=tmp_path / "x.parquet", **SYNTHER)
    rows = train_online(chosen).table().to_pandas()
    assert list(rows.columns) == list(pd.read_parquet(tmp_path / "x.parquet").columns)
    assert set(rows["step"]) == {30, 60}
    assert len(rows) == 2 * 2 * 2
    assert set(rows["dataset"]) == {"dmc-pendulum-swingup"}
    assert set(rows["source"]) == {"online"}
    np.testing.assert_allclose(rows["score"], rows["return"] / 10)
    assert (rows["length"] == 12).all()
    record = json.loads((tmp_path / "x.json").read_text())
    assert record["physics"] == "dm_control"
    assert record["refreshes"] == 2
    assert sum(record["shares"].values()) == pytest.approx(1, abs=1e-3)
    assert all(seconds > 0 for seconds in record["seconds"].values())
    assert record["wall_time_s"] >= sum(record["seconds"].values()) - 0.2


def test_divergence_is_an_error():
    trainer = OnlineTrainer(job(learning_rate=1e30, steps=40))
    with pytest.raises(SyntherError, match=r"NaN or infinite|diverged"):
        trainer.train()
