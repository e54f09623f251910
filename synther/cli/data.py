"""Verbs that make datasets: download, collect, behaviour."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from synther import config
from synther.errors import SyntherError
from synther.experiments import FULL_ROWS, Experiments
from synther.settings import parse_assignments, resolve

def download(options: argparse.Namespace) -> None:
    """Fetch and verify a D4RL dataset."""
    from synther.datasets.download import download as fetch

    print(fetch(options.dataset, options.root))


def collect(options: argparse.Namespace) -> None:
    """Collect a dataset with behaviour policies."""
    from synther.datasets.collect import collect as roll_out

    task, level, out = options.task, options.level, options.out
    rows, policies = options.rows, options.policies
    if options.dataset:
        spec = config.spec(options.dataset, "dataset")
        if spec["kind"] != "collected":
            raise SyntherError(
                f"{options.dataset} is D4RL's own: fetch it with `synther download`, or collect "
                f"{options.dataset.rpartition('-')[0]}-local"
            )
        task, level = task or spec["task"], level or spec["level"]
        out = out or f"data/local/{options.dataset}.hdf5"
    if options.preset:
        experiments = Experiments(options.preset)
        rows = rows or experiments.scale.get("rows")
        policies = policies or experiments.scale.get("policies")
    if not (task and level and out):
        raise SyntherError("give --dataset, or --task, --level and --out")
    metadata = roll_out(
        task,
        level,
        rows or FULL_ROWS,
        out,
        policies=policies,
        seed=options.seed,
        physics=options.physics,
        threads=options.threads,
    )
    print(f"{out}: mean return {metadata['mean_return']}", file=sys.stderr)


def behaviour(options: argparse.Namespace) -> None:
    """Train the behaviour policies of one task."""
    import torch

    from synther.training.behaviour import BehaviourSettings, train_behaviour

    torch.set_num_threads(options.threads)
    recipe = config.load("behaviour")
    settings = resolve(
        BehaviourSettings,
        recipe["settings"],
        recipe["tasks"].get(options.task, {}),
        parse_assignments(options.set),
        where="behaviour policies",
    )
    train_behaviour(options.task, Path(options.out), settings, options.seed, options.threads)
