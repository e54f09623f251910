"""The verb that trains agents."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from synther import config
from synther.cli.device import choose_device
from synther.cli.reading import told_task
from synther.cli.training import job_fields, run
from synther.config.settings import parse_assignments, resolve
from synther.config.specs import agent_settings, agent_spec, source_spec, task_spec
from synther.datasets import dataset_of_file
from synther.errors import SyntherError
from synther.generators import is_model
from synther.jobs.files import read_json

FULL_SAMPLES = 5_000_000
"""Transitions that `synther sample` draws by default, too."""


def _source(data: Path) -> str:
    """Return what a model was fitted as; real, where the data are rows."""
    if not is_model(data):
        return "real"
    record = data / "fit.json"
    known = read_json(record).get("source") if record.is_file() else None
    return known if isinstance(known, str) else "synther"


def _samples(options: argparse.Namespace) -> int:
    """Return how many transitions are drawn from the model that --data names; 0 if it is rows."""
    if is_model(options.data):
        return FULL_SAMPLES if options.num is None else options.num
    if options.num is not None or options.sample_seed is not None:
        raise SyntherError(
            f"--num and --sample-seed draw from a model, and --data {options.data} is none: leave "
            "them out, or give the model's folder or model-STEP.pt"
        )
    return 0


def train(options: argparse.Namespace) -> None:
    """Train seeds of an agent, evaluate them, and write every episode as a row."""
    device = choose_device(options.device, options.threads)
    from synther.agents import load_agent_class
    from synther.agents.base import OnlineSettings
    from synther.agents.pixels import PixelSettings
    from synther.training.offline import OfflineJob, train_offline

    data = Path(options.data)
    statistics = Path(options.statistics_from or data)
    dataset = options.dataset or dataset_of_file(statistics)
    # A misspelt name would take the wrong settings, or stand in the rows for good.
    named = config.spec(dataset, "dataset") if dataset else {}
    task = told_task(options) or named.get("task")
    if task is None:
        raise SyntherError("give --task, or --dataset, whose task it then is")
    source, samples = options.source or _source(data), _samples(options)
    if options.statistics_from is None and (
        samples or {"generator", "mix"} & source_spec(source).keys()
    ):
        raise SyntherError(
            f"source '{source}' is made from a dataset: name that in --statistics-from, as "
            "states and rewards are scaled by the real rows"
        )
    agent = agent_spec(options.agent)
    kind = load_agent_class(agent["module"]).Settings
    if issubclass(kind, PixelSettings):
        raise SyntherError(f"{options.agent} sees pixels: train it with `synther pixels`")
    if issubclass(kind, OnlineSettings):
        raise SyntherError(f"{options.agent} is an online agent: train it with `synther online`")
    settings: Any = resolve(
        kind,
        agent_settings(options.agent, dataset or task, options.preset, source),
        parse_assignments(options.set),
        where=f"agent '{options.agent}'",
    )
    job = OfflineJob(
        **job_fields(options, task, agent["module"], settings, device),
        data=data,
        statistics_from=statistics,
        time_limit=task_spec(task)["time_limit"],
        threshold_terminals=options.threshold_terminals,
        own_next_observations=options.own_next_observations,
        dataset=dataset or task,
        source=source,
        physics=options.physics,
        samples=samples,
        sample_seed=options.sample_seed or 0,
    )
    run(job, train_offline)
