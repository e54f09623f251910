"""The verbs, and how a command line becomes a call of one.

A verb is a dataclass: its fields are the options, the comments beside them their help, as tyro
reads them, and a call does it. Its module is imported when the verb is named, so that
`synther --help` starts at once.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from synther.errors import unknown_name

if TYPE_CHECKING:
    from synther.cli.options import Verb

VERBS = {
    "download": ("data", "fetch a published dataset: resumed, from mirrors, verified"),
    "collect": ("data", "roll behaviour policies out and write a D4RL-format dataset"),
    "policies": ("data", "fetch D4RL's own behaviour policies of a task, verified"),
    "behaviour": ("data", "train behaviour policies: a SAC run's snapshots"),
    "subset": ("data", "keep a part of a dataset's transitions"),
    "mix": ("data", "mix real and synthetic transitions"),
    "fit": ("generate", "fit a source's generator to a dataset"),
    "sample": ("generate", "draw transitions from a fitted generator into an .npz"),
    "import": ("exchange", "read the authors' checkpoints and samples, and packed results"),
    "export": ("exchange", "write transitions in a format that other libraries read"),
    "loss": ("generate", "measure a denoiser's loss on transitions it has seen, and on others"),
    "fidelity": ("generate", "measure samples against their data and the simulator"),
    "train": ("train", "train and evaluate seeds of an agent on transitions"),
    "online": ("train", "train and evaluate seeds of an agent in its environment"),
    "render": ("data", "roll behaviour policies out and write what a camera sees"),
    "pixels": ("train", "train and evaluate seeds of an agent that sees pixels"),
    "encode": ("train", "encode a pixel dataset into an agent's latents"),
    "table": ("results", "make a table from results, in all formats"),
    "plan": ("plan", "say what a preset or target will cost, before anything runs"),
    "status": ("plan", "say what is done, running, failed and left"),
    "workflow": ("plan", "write Snakefile, rules and config/ out, where there is no checkout"),
    "sync": ("results", "hand finished runs to Weights & Biases (the extra `wandb`), offline"),
    "bench": ("results", "measure every hot path as a ratio to its own limit"),
    "verify": ("results", "check results: whole, of these inputs, as configured now"),
    "pack": ("results", "put a preset's results into one file that anybody can verify"),
    "report": ("results", "make one HTML page of all tables, figures and runs that are there"),
    "scores": ("results", "write every seed's last score of a preset's runs as .csv"),
    "compare": ("results", "show two trees of results side by side"),
}
"""Verb -> its module in this package, and what it does."""


def find(verb: str) -> type[Verb]:
    """Return the class of a verb, importing its module."""
    module = importlib.import_module(f"synther.cli.{VERBS[verb][0]}")
    return getattr(module, verb.capitalize())


def parse(words: Sequence[str]) -> tuple[str, Verb]:
    """Return the verb that a command line names, and what it asks for.

    Nothing that a verb computes with is imported yet: neither numpy nor torch.

    Raises:
        SystemExit: as tyro and argparse leave: 0 after a help, 2 after saying what is wrong.
    """
    main = argparse.ArgumentParser(
        prog="synther",
        description="Reference harness for Synthetic Experience Replay (SynthER). Each verb does "
        "by hand what a rule of the workflow does; `synther VERB --help` shows its defaults.",
    )
    listed = main.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, (_, summary) in VERBS.items():
        listed.add_parser(name, help=summary, add_help=False)
    if words and not words[0].startswith("-") and words[0] not in VERBS:
        main.error(str(unknown_name("verb", words[0], VERBS)))
    verb = main.parse_args(words[:1]).verb
    import tyro

    summary, conf = VERBS[verb][1], tyro.conf
    return verb, tyro.cli(
        find(verb),
        args=words[1:],
        prog=f"synther {verb}",
        description=f"{summary[0].upper()}{summary[1:]}.",
        config=(
            conf.OmitArgPrefixes,
            conf.FlagCreatePairsOff,
            conf.DisallowNone,
            conf.PositionalMetavarFromFieldName,
        ),
    )
