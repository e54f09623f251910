"""The verb that trains agents in their environment."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from synther.cli.device import choose_device
from synther.cli.scores import print_score
from synther.errors import SyntherError
from synther.files import claimed
from synther.settings import parse_assignments, resolve
from synther.specs import agent_spec, layered, online_settings, task_spec


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
    limits = task_spec(options.task)
    agent = agent_spec(options.agent)
    out = Path(options.out)
    if out.suffix != ".parquet":
        raise SyntherError(f"--out {out} must end in .parquet")
    device = choose_device(options.device, options.threads)
    from synther.agents import load_agent_class
    from synther.training.offline import parse_seeds
    from synther.training.online import OnlineJob, require_online, train_online

    kind = load_agent_class(agent["module"]).Settings
    require_online(kind, options.agent)
    chosen = layered(
        online_settings(options.agent, options.task, options.preset),
        nested(parse_assignments(options.set)),
    )
    settings: Any = resolve(kind, chosen, where=f"agent '{options.agent}'")
    seeds = parse_seeds(options.seeds)
    job = OnlineJob(
        task=options.task,
        agent=options.agent,
        module=agent["module"],
        settings=settings,
        seeds=seeds,
        out=out,
        reference=(limits["reference_min"], limits["reference_max"]),
        time_limit=limits["time_limit"],
        preset=options.preset or "none",
        physics=options.physics,
        device=device,
        threads=options.threads,
    )
    with claimed(out):
        rows = train_online(job)
    print_score(rows, out)
