"""The online loop learns: in a minute SAC hops, which random actions never do."""

from pathlib import Path

import pytest
import torch

from synther.agents.sac import SACSettings
from synther.training.online import OnlineJob, OnlineTrainer

pytestmark = pytest.mark.slow


def test_sac_learns_to_hop():
    """Random actions return about 20; these two seeds returned 392 and 215 when it was written."""
    torch.set_num_threads(1)
    settings = SACSettings(
        steps=4000,
        random_steps=1000,
        updates_per_step=2,
        batch_size=128,
        eval_every=2000,
        eval_episodes=5,
        hidden=(64, 64),
        learning_rate=1e-3,
        tau=0.01,
    )
    job = OnlineJob(
        task="hopper",
        agent="sac",
        module="synther.agents.sac",
        settings=settings,
        seeds=(0, 1),
        out=Path("none.parquet"),
        reference=(-20.272305, 3234.3),
        time_limit=1000,
    )
    rows = OnlineTrainer(job).train().table().to_pandas()
    last = rows[rows["step"] == 4000].groupby("seed")["return"].mean()
    print(rows.groupby(["step", "seed"])["return"].mean())
    assert last.mean() > 120
    assert last.min() > 60
