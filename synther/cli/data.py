"""Verbs that make datasets: download, policies, collect, behaviour, subset, mix."""

from __future__ import annotations

import argparse
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synther import config
from synther.cli.reading import reading, told_task
from synther.config.settings import parse_assignments, resolve
from synther.config.specs import policies_folder
from synther.errors import SyntherError, unknown_name
from synther.experiments import FULL_ROWS, Experiments
from synther.jobs import provenance
from synther.jobs.files import claimed, describe_input, require_writable, sha256, write_json
from synther.jobs.threads import grant

if TYPE_CHECKING:
    from synther.transitions import Transitions


def download(options: argparse.Namespace) -> None:
    """Fetch and verify a dataset of D4RL's or V-D4RL's."""
    from synther.datasets.download import download as fetch
    from synther.datasets.download import download_shards

    if config.spec(options.dataset, "dataset")["kind"] == "vd4rl":
        for path in download_shards(options.dataset, options.root, options.shard):
            print(path)
    else:
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
        task, level = told_task(options), level or spec["level"]
        out = out or f"data/local/{options.dataset}.hdf5"
    if options.preset:
        experiments = Experiments(options.preset)
        rows = experiments.rows(options.dataset or "") if rows is None else rows
        policies = policies or (policies_folder(task, options.preset) if task else None)
    if not (task and level and out):
        raise SyntherError("give --dataset, or --task, --level and --out")
    if Path(out).suffix not in (".hdf5", ".h5"):
        raise SyntherError(f"--out {out} must end in .hdf5")
    with claimed(out):
        metadata = roll_out(
            task,
            level,
            FULL_ROWS if rows is None else rows,
            out,
            policies=policies,
            seed=options.seed,
            physics=options.physics,
            threads=options.threads,
        )
    print(f"{out}: mean return {metadata['mean_return']}", file=sys.stderr)


def policies(options: argparse.Namespace) -> None:
    """Fetch D4RL's own behaviour policies of a task."""
    from synther.datasets.d4rl_policies import fetch_policies

    out = Path(options.out)
    with claimed(out / "returns.json"):
        record = fetch_policies(options.task, out, options.root)
    print(f"{out}: {len(record['returns'])} policies", file=sys.stderr)


def behaviour(options: argparse.Namespace) -> None:
    """Train the behaviour policies of one task."""
    from synther.training.behaviour import BehaviourSettings, train_behaviour

    grant(options.threads)
    recipe = config.load("behaviour")
    if options.task not in recipe["tasks"]:
        where = str(config.config_dir() / "behaviour.yaml")
        raise unknown_name("task", options.task, recipe["tasks"], where)
    settings = resolve(
        BehaviourSettings,
        recipe["settings"],
        recipe["tasks"][options.task],
        parse_assignments(options.set),
        where="behaviour policies",
    )
    out = Path(options.out)
    require_writable(out / "returns.json")
    # Beside the folder, which Snakemake empties before it runs a job again
    with claimed(out.with_suffix(".ckpt")):
        train_behaviour(options.task, out, settings, options.seed, options.threads)


def _claimed_npz(out: str) -> AbstractContextManager[Path]:
    if Path(out).suffix != ".npz":
        raise SyntherError(f"--out {out} must end in .npz")
    return claimed(out)


def write_transitions(transitions: Transitions, out: Path, about: dict[str, Any]) -> None:
    """Write transitions, and what made them, with their checksum, as JSON beside them."""
    transitions.save(out, about["task"])
    record = {
        **about,
        "transitions": len(transitions),
        "output_sha256": sha256(out),
        **provenance.describe(),
    }
    write_json(out.with_suffix(".json"), record)


def subset(options: argparse.Namespace) -> None:
    """Keep a part of a dataset."""
    from synther.datasets.subset import subset as draw

    with _claimed_npz(options.out) as out:
        how = reading(options, options.data)
        transitions = how.read(options.data)
        asked = {"percent": options.percent} if options.rows is None else {"rows": options.rows}
        kept = draw(transitions, choose=options.choose, seed=options.seed, **asked)
        about = {
            "data": describe_input(options.data),
            **asked,
            "choose": options.choose,
            "seed": options.seed,
            **how.record(),
        }
        write_transitions(kept, out, about)
    print(f"{options.out}: {len(kept):,} of {len(transitions):,} transitions", file=sys.stderr)


def mix(options: argparse.Namespace) -> None:
    """Mix real transitions with samples."""
    from synther.datasets.subset import mix as combine

    with _claimed_npz(options.out) as out:
        how = reading(options, options.real, options.synthetic)
        real, synthetic = how.read(options.real), how.read(options.synthetic)
        mixed = combine(real, synthetic, options.real_share, options.seed)
        about = {
            "real": describe_input(options.real),
            "synthetic": describe_input(options.synthetic),
            "real_share": options.real_share,
            "seed": options.seed,
            **how.record(),
        }
        write_transitions(mixed, out, about)
    print(f"{options.out}: {len(mixed):,} transitions", file=sys.stderr)
