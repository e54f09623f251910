"""The verbs and their arguments."""

from __future__ import annotations

import argparse
import importlib
import keyword
from collections.abc import Callable

from synther.jobs.threads import cores

_MODULES = {
    "download": "synther.cli.data",
    "collect": "synther.cli.data",
    "policies": "synther.cli.data",
    "behaviour": "synther.cli.data",
    "subset": "synther.cli.data",
    "mix": "synther.cli.data",
    "fit": "synther.cli.generate",
    "sample": "synther.cli.generate",
    "fidelity": "synther.cli.fidelity",
    "import": "synther.cli.exchange",
    "export": "synther.cli.exchange",
    "train": "synther.cli.train",
    "online": "synther.cli.online",
    "render": "synther.cli.pixels",
    "pixels": "synther.cli.pixels",
    "encode": "synther.cli.pixels",
    "table": "synther.cli.report",
    "plan": "synther.cli.plan",
    "status": "synther.cli.plan",
    "sync": "synther.cli.sync",
    "bench": "synther.cli.bench",
    "verify": "synther.cli.verify",
    "report": "synther.cli.report",
    "scores": "synther.cli.report",
    "compare": "synther.cli.report",
}

_SET_HELP = "override a setting, as YAML; may be given often"


def function(verb: str) -> Callable[[argparse.Namespace], None]:
    """Return what runs a verb, importing its module."""
    name = f"{verb}_" if keyword.iskeyword(verb) else verb
    run: Callable[[argparse.Namespace], None] = getattr(
        importlib.import_module(_MODULES[verb]), name
    )
    return run


def _at_least(lowest: int) -> Callable[[str], int]:
    """Return a type of argument: a whole number not below `lowest`."""

    def number(text: str) -> int:
        value = int(text)
        if value < lowest:
            raise argparse.ArgumentTypeError(f"{value} is below {lowest}")
        return value

    number.__name__ = "whole number"  # what argparse calls it in its error
    return number


def _seed(parser: argparse.ArgumentParser, help: str) -> None:
    parser.add_argument("--seed", type=_at_least(0), default=0, help=help)


def _threads(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--threads", type=_at_least(1), default=cores(), help="of simulator and large products"
    )


def _device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--device", default="auto", help="cpu, cuda, cuda:1, or auto: a GPU where there is one"
    )


def _set(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help=_SET_HELP)


def _preset(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--preset", help="scale settings by config/presets/PRESET.yaml")


def _task(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--task", help="whose rows these must be; what the files say by default")


def _threshold(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--threshold-terminals",
        type=float,
        metavar="NUMBER",
        help="flags above it are 1, the others 0; without it they must be so already",
    )


def _own(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--own-next-observations",
        action="store_true",
        help="take an HDF5 file's own, and not the row after, where rows are in no order",
    )


def _reading(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--time-limit",
        type=_at_least(1),
        help="steps after which episodes are cut, for HDF5 without timeouts; the task's by default",
    )
    _threshold(parser)
    _own(parser)


def _targets(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "targets",
        nargs="*",
        metavar="TARGET",
        help="an experiment, or as snakemake's; all",
    )
    parser.add_argument("--preset", help="the target's, or that of config/config.yaml")
    parser.add_argument(
        "--device", help="as snakemake's --config device=...; that of config/config.yaml"
    )
    parser.add_argument("--cores", type=_at_least(1), default=cores(), help="to run on")
    parser.add_argument("--json", action="store_true", help="print JSON")


def _pixel_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dataset", help="a pixel dataset of config/datasets.yaml")
    parser.add_argument("--data", nargs="+", help="shards (.hdf5); the dataset's by default")
    parser.add_argument("--root", default="data", help="folder of datasets")
    parser.add_argument("--agent", default="drq_bc", help="drq_bc, pixel_bc")
    _preset(parser)
    _set(parser)
    _device(parser)
    _threads(parser)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    main = argparse.ArgumentParser(
        prog="synther",
        description="Reference harness for Synthetic Experience Replay (SynthER). Each verb does "
        "by hand what a rule of the workflow does; `synther VERB --help` shows its defaults.",
    )
    verbs = main.add_subparsers(dest="verb", required=True, metavar="VERB")

    def verb(name: str, summary: str) -> argparse.ArgumentParser:
        return verbs.add_parser(
            name,
            help=summary,
            description=summary[0].upper() + summary[1:] + ".",
            formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        )

    download = verb("download", "fetch D4RL's or V-D4RL's dataset: resumed, from mirrors, verified")
    download.add_argument("--dataset", required=True, help="a name of config/datasets.yaml")
    download.add_argument("--root", default="data", help="folder of datasets")
    download.add_argument("--shard", help="path of the only shard of V-D4RL's that is wanted")

    collect = verb("collect", "roll behaviour policies out and write a D4RL-format dataset")
    collect.add_argument("--dataset", help="a collected dataset of config/datasets.yaml")
    collect.add_argument("--task", help="hopper, ...; the dataset's by default")
    collect.add_argument("--level", help="random, medium, medium-replay, ...; the dataset's")
    collect.add_argument("--rows", type=int, help="transitions; the preset's, or 1,000,000")
    collect.add_argument("--policies", help="folder of policies; the package's own")
    _seed(collect, "of starts and actions")
    collect.add_argument("--physics", default="d4rl", help="d4rl or stock")
    collect.add_argument("--out", help="the HDF5 file; data/local/DATASET.hdf5 for a dataset")
    _preset(collect)
    _threads(collect)

    policies = verb("policies", "fetch D4RL's own behaviour policies of a task, verified")
    policies.add_argument("--task", required=True, help="hopper or halfcheetah")
    policies.add_argument("--out", required=True, help="folder of policies and returns.json")
    policies.add_argument("--root", default="data", help="folder of datasets")

    behaviour = verb("behaviour", "train behaviour policies: a SAC run's snapshots")
    behaviour.add_argument("--task", required=True, help="hopper, halfcheetah, walker2d")
    _seed(behaviour, "of everything random")
    behaviour.add_argument("--out", required=True, help="folder of policies and returns.json")
    _set(behaviour)
    _threads(behaviour)

    subset = verb("subset", "keep a part of a dataset's transitions")
    subset.add_argument("--data", required=True, help="transitions: .npz or D4RL's .hdf5")
    part = subset.add_mutually_exclusive_group(required=True)
    part.add_argument("--percent", type=float, help="of the transitions")
    part.add_argument("--rows", type=_at_least(2), help="transitions")
    subset.add_argument("--choose", default="transitions", help="transitions or trajectories")
    _seed(subset, "of the choice")
    _task(subset)
    _reading(subset)
    subset.add_argument("--out", required=True, help="the .npz file")
    _threads(subset)

    mix = verb("mix", "mix real and synthetic transitions")
    mix.add_argument("--real", required=True, help="transitions: .npz or D4RL's .hdf5")
    mix.add_argument("--synthetic", required=True, help="samples: .npz")
    mix.add_argument("--real-share", type=float, default=0.5, help="of the mixture's rows")
    _seed(mix, "of the choice and the order")
    _task(mix)
    _reading(mix)
    mix.add_argument("--out", required=True, help="the .npz file")
    _threads(mix)

    fit = verb("fit", "fit a source's generator to a dataset")
    fit.add_argument("--data", required=True, help="transitions: .npz or D4RL's .hdf5")
    fit.add_argument("--source", default="synther", help="a name of config/sources.yaml")
    fit.add_argument("--out", required=True, help="folder of the fitted generator")
    fit.add_argument("--dataset", help="name of the dataset, for settings that differ by dataset")
    _seed(fit, "of weights, batches and noise")
    _task(fit)
    _reading(fit)
    _preset(fit)
    _set(fit)
    _device(fit)
    _threads(fit)

    sample = verb("sample", "draw transitions from a fitted generator into an .npz")
    sample.add_argument("--model", required=True, help="folder that `synther fit` wrote")
    sample.add_argument("--num", type=int, default=5_000_000, help="transitions")
    _seed(sample, "of the noise")
    _set(sample)
    sample.add_argument("--out", required=True, help="the .npz file")
    _device(sample)
    _threads(sample)

    bring = verb("import", "read a checkpoint or samples of the authors' released code")
    bring.add_argument("file", help="model-STEP.pt, or samples: .npz")
    bring.add_argument("--task", required=True, help="hopper, ...: the widths it must have")
    _threshold(bring)
    bring.add_argument("--out", required=True, help="folder of the model, or the .npz file")

    export = verb("export", "write transitions in a format that other libraries read")
    export.add_argument("--data", required=True, help="a dataset's name, .npz or D4RL's .hdf5")
    export.add_argument("--format", required=True, choices=["d4rl", "minari", "npz"])
    export.add_argument("--task", help="hopper, ...: checked, and named in the file")
    export.add_argument("--root", default="data", help="folder of datasets")
    _reading(export)
    export.add_argument("--out", required=True, help=".hdf5, .npz, or Minari's folder NAME-v0")

    fidelity = verb("fidelity", "measure samples against their data and the simulator")
    fidelity.add_argument("--real", required=True, help="what the generator was fitted to")
    fidelity.add_argument("--samples", required=True, help="transitions: .npz")
    fidelity.add_argument("--task", help="whose simulator is right; the dataset's by default")
    fidelity.add_argument("--num", type=_at_least(2), default=100_000, help="samples measured")
    _seed(fidelity, "of the choice of samples")
    fidelity.add_argument("--physics", default="d4rl", help="d4rl or stock")
    fidelity.add_argument("--dataset", help="name of the dataset; the task's by default")
    fidelity.add_argument("--source", default="synther", help="what generated the samples")
    fidelity.add_argument("--preset", help="what the result says of its preset")
    _reading(fidelity)
    fidelity.add_argument("--out", required=True, help="the .parquet file, with .json beside it")
    _threads(fidelity)

    train = verb("train", "train and evaluate seeds of an agent on transitions")
    train.add_argument("--task", help="what evaluates the agents; the dataset's task by default")
    train.add_argument(
        "--data",
        required=True,
        help="transitions to learn from: .npz, .hdf5, or a model (a folder, or the authors' .pt)",
    )
    train.add_argument("--num", type=_at_least(1), help="transitions drawn from a model; 5,000,000")
    train.add_argument("--sample-seed", type=_at_least(0), help="of the noise of these; 0")
    train.add_argument(
        "--statistics-from", help="the real dataset, for state statistics; --data by default"
    )
    train.add_argument("--agent", default="td3_bc", help="a name of config/agents.yaml")
    train.add_argument("--seeds", default="0-7", help="0-7, 3, or 0,2,5-6")
    train.add_argument("--out", required=True, help="the result: .parquet, with .json beside it")
    train.add_argument(
        "--dataset",
        help="the dataset whose settings apply; that of the real rows' file name, else none's",
    )
    train.add_argument(
        "--source", help="what the rows' column `source` says; real, or as a model was fitted"
    )
    train.add_argument("--physics", default="d4rl", help="d4rl or stock")
    _threshold(train)
    _own(train)
    _preset(train)
    _set(train)
    _device(train)
    _threads(train)

    online = verb("online", "train and evaluate seeds of an agent in its environment")
    online.add_argument("--task", required=True, help="hopper, dmc-cheetah-run, ...")
    online.add_argument("--agent", default="sac", help="an online agent of config/agents.yaml")
    online.add_argument("--seeds", default="0-5", help="0-5, 3, or 0,2,5-6")
    online.add_argument("--out", required=True, help="the result: .parquet, with .json beside it")
    online.add_argument("--physics", default="d4rl", help="d4rl or stock; dmc tasks have their own")
    _preset(online)
    _set(online)
    _device(online)
    _threads(online)

    render = verb("render", "roll behaviour policies out and write what a camera sees")
    render.add_argument("--dataset", help="a rendered dataset of config/datasets.yaml")
    render.add_argument("--task", help="dmc-walker-walk-repeat2, ...; the dataset's by default")
    render.add_argument("--level", help="random, medium, medium-replay, ...; the dataset's")
    render.add_argument("--rows", type=int, help="agent steps; the preset's, or 100,000")
    render.add_argument("--policies", help="folder of policies; the package's own")
    _seed(render, "of starts and actions")
    render.add_argument("--out", help="the HDF5 file; data/pixels/DATASET.hdf5 for a dataset")
    _preset(render)
    _threads(render)

    pixels = verb("pixels", "train and evaluate seeds of an agent that sees pixels")
    _pixel_data(pixels)
    pixels.add_argument("--task", help="what evaluates the agents; the dataset's task by default")
    pixels.add_argument("--seeds", default="0-5", help="0-5, 3, or 0,2,5-6")
    pixels.add_argument("--latents", help="train the heads alone, on these transitions: .npz")
    pixels.add_argument("--body", help="weights (.pt) of the encoder that made them")
    pixels.add_argument("--body-seed", type=int, default=0, help="which seed's of these")
    _threshold(pixels)
    pixels.add_argument("--source", default="real", help="what the rows' column `source` says")
    pixels.add_argument("--out", required=True, help="the result: .parquet, with .json beside it")

    encode = verb("encode", "encode a pixel dataset into an agent's latents")
    _pixel_data(encode)
    encode.add_argument("--body", required=True, help="weights (.pt) that `synther pixels` left")
    encode.add_argument("--body-seed", type=int, default=0, help="which seed's of these")
    encode.add_argument("--out", required=True, help="the .npz file")

    table = verb("table", "make a table from results, in all formats")
    table.add_argument("--experiment", default="table1", help="a name of config/experiments.yaml")
    table.add_argument("--preset", default="paper", help="whose results")
    table.add_argument("--results", nargs="+", help="result files; all of the experiment's")
    table.add_argument("--partial", action="store_true", help="leave out results not there yet")
    table.add_argument("--out", help="path without suffix; figures/[PRESET/]EXPERIMENT")
    plan = verb("plan", "say what a preset or target will cost, before anything runs")
    _targets(plan)
    plan.add_argument("--gpus", type=_at_least(1), default=1, help="to run on, where --device has")
    plan.add_argument("--from-scratch", action="store_true", help="count what is done already, too")

    status = verb("status", "say what is done, running, failed and left")
    _targets(status)

    sync = verb("sync", "hand finished runs to Weights & Biases (the extra `wandb`), offline")
    sync.add_argument("results", nargs="*", metavar="RESULT", help="parquet files; all finished")
    sync.add_argument("--preset", help="whose results; that of config/config.yaml")
    sync.add_argument("--project", default="synther", help="name of the project there")
    sync.add_argument("--dir", default=".", help="folder in which wandb/ is made")
    sync.add_argument("--online", action="store_true", help="send them; needs `wandb login`")

    bench = verb("bench", "measure every hot path as a ratio to its own limit")
    bench.add_argument(
        "--sections",
        nargs="+",
        help="agents, diffusion, evaluation, data, aggregates, start-up; all of them",
    )
    bench.add_argument("--out", default="results/bench", help="folder of the file with all numbers")
    _device(bench)
    _threads(bench)

    verify = verb("verify", "check results: whole, of these inputs, as configured now")
    verify.add_argument("results", nargs="?", default="results", help="the folder")
    verify.add_argument("--preset", nargs="+", help="only these presets' results")
    verify.add_argument("--no-checksums", action="store_true", help="do not read inputs")
    verify.add_argument("--json", action="store_true", help="print what is found as JSON")

    report = verb("report", "make one HTML page of all tables, figures and runs that are there")
    report.add_argument("--preset", default="paper", help="whose results")
    report.add_argument("--out", help="the .html file; figures/[PRESET/]report.html")

    scores = verb("scores", "write every seed's last score of a preset's runs as .csv")
    scores.add_argument("--preset", default="paper", help="whose results")
    scores.add_argument("--out", help="the file; results/PRESET/scores.csv")

    compare = verb("compare", "show two trees of results side by side")
    compare.add_argument("a", help="folder of results: results/quick, or another checkout's")
    compare.add_argument("b", help="another folder, or the word `paper`: its numbers")
    compare.add_argument("--json", action="store_true", help="print JSON in place of a table")
    compare.add_argument("--out", help="a .csv file to write besides")
    compare.add_argument("--reps", type=_at_least(1), default=2000, help="bootstrap resamples")
    return main
