"""The verb that trains agents in their environment."""

from __future__ import annotations

import argparse
from typing import Any

from synther.cli.device import choose_device
from synther.cli.training import job_fields, run
from synther.config.settings import parse_assignments, resolve
from synther.config.specs import agent_spec, layered, online_settings, task_spec


def nested(assignments: dict[str, Any]) -> dict[str, Any]:
    """Return `{"diffusion.width": 64}` as `{"diffusion": {"width": 64}}`; other keys stay."""
    settings: dict[str, Any] = {}
    for key, value in assignments.items():
        for part in reversed(key.split(".")):
            value = {part: value}
        settings = layered(settings, value)
    return settings


def online(options: argparse.Namespace) -> None:
    """Train seeds of an agent in its environment, and write every evaluation episode as a row."""
    agent = agent_spec(options.agent)
    device = choose_device(options.device, options.threads)
    from synther.agents import load_agent_class
    from synther.training.online import OnlineJob, require_online, train_online

    kind = load_agent_class(agent["module"]).Settings
    require_online(kind, options.agent)
    chosen = layered(
        online_settings(options.agent, options.task, options.preset),
        nested(parse_assignments(options.set)),
    )
    settings: Any = resolve(kind, chosen, where=f"agent '{options.agent}'")
    job = OnlineJob(
        **job_fields(options, options.task, agent["module"], settings, device),
        time_limit=task_spec(options.task)["time_limit"],
        physics=options.physics,
    )
    run(job, train_online)
