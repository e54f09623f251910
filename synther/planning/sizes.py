"""How large things are: transitions, columns, frames, and what a job holds of them at once."""

from synther import config
from synther.config.specs import collected_rows, online_settings, source_spec, task_spec
from synther.experiments import FULL_ROWS, Experiments

D4RL_ROWS = {"medium-expert": 2_000_000, "medium-replay": 400_000}
"""Transitions of D4RL's levels that do not have a million, roughly."""
FRAME_BYTES = 3 * 84 * 84
LATENT_COLUMNS = 210
"""Of the widest latents: 2 * 100 + 6 + 2, and padding."""
_WIDEST = (33, 4)  # of a task that states no dimensions (those of AntMaze sum up to this)
_WIDEST_ROW = 70  # columns of D4RL's widest transitions: AntMaze's 2 * 29 + 8 + 2, and padding
_WIDEST_ONLINE_ROW = 170  # online: quadruped-walk's 2 * 78 + 12 + 2


def task_of(dataset: str) -> str:
    """Return a dataset's task."""
    return config.spec(dataset, "dataset")["task"]


def columns(task: str) -> int:
    """Return the columns of a task's transitions: (s, a, r, s', terminal)."""
    observation, action = task_spec(task).get("dimensions", _WIDEST)
    return int(2 * observation + action + 2)


def file_bytes(rows: float, task: str) -> float:
    """Return the size of transitions on disk."""
    return 4.0 * rows * columns(task)


def transitions(plan: Experiments, dataset: str, source: str = "real") -> int:
    """Return how many real transitions a source has."""
    spec = config.spec(dataset, "dataset")
    published = spec.get("rows") or D4RL_ROWS.get(spec.get("level", ""), FULL_ROWS)
    rows = collected_rows(dataset, plan.preset) or published
    share = source_spec(source)["share"]
    return int(share.of(rows)) if share else rows


def frames(plan: Experiments, dataset: str) -> int:
    """Return the agent steps of a pixel dataset."""
    spec = config.spec(dataset, "dataset")
    twice = spec["kind"] == "vd4rl" and spec["level"] == "medium-expert"
    return plan.frames() * (1 + twice)


def memory_mb(plan: Experiments, dataset: str, source: str = "real") -> int:
    """Estimate a job's memory: its transitions thrice (file, table, copies), and the rest."""
    rows = transitions(plan, dataset)
    if {"generator", "mix"} & source_spec(source).keys():
        rows += plan.samples(source)
    return 1000 + 3 * rows * max(_WIDEST_ROW, columns(task_of(dataset))) * 4 // 1_000_000


def online_memory_mb(plan: Experiments, task: str, agent: str, seeds: int) -> int:
    """Estimate an online job's memory: all seeds' replay twice, samples thrice, and the rest.

    A checkpoint copies what it saves; new samples are drawn while the last ones are there.
    """
    settings = online_settings(agent, task, plan.preset)
    rows = 2 * min(settings["steps"], settings["replay_size"])
    if settings["synthetic_share"] > 0:
        rows += 3 * settings["synthetic_samples"]
    return int(2000 + seeds * rows * _WIDEST_ONLINE_ROW * 4 // 1_000_000)


def pixel_memory_mb(plan: Experiments, dataset: str, source: str = "real") -> int:
    """Estimate a job's memory: frames once, or samples of latents thrice, and the rest."""
    if source != "real":
        return 3000 + 3 * plan.samples(source, "pixels") * LATENT_COLUMNS * 4 // 1_000_000
    return 4000 + int(1.1 * frames(plan, dataset) * 501 / 500 * FRAME_BYTES / 1_000_000)
