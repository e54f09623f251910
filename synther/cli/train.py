"""The verb that trains agents."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from synther import config
from synther.cli.device import choose_device
from synther.cli.training import job_fields, run
from synther.datasets import dataset_of_file
from synther.errors import SyntherError
from synther.settings import parse_assignments, resolve
from synther.specs import agent_settings, agent_spec, source_spec, task_spec


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
    task = options.task or named.get("task")
    if task is None:
        raise SyntherError("give --task, or --dataset, whose task it then is")
    source = source_spec(options.source)
    if options.statistics_from is None and {"generator", "mix"} & source.keys():
        raise SyntherError(
            f"source '{options.source}' is made from a dataset: name that in --statistics-from, as "
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
        agent_settings(options.agent, dataset or task, options.preset, options.source),
        parse_assignments(options.set),
        where=f"agent '{options.agent}'",
    )
    job = OfflineJob(
        **job_fields(options, task, agent["module"], settings, device),
        data=data,
        statistics_from=statistics,
        time_limit=task_spec(task)["time_limit"],
        dataset=dataset or task,
        source=options.source,
        physics=options.physics,
    )
    run(job, train_offline)
